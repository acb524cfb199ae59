// Words that a search has found, marked on the page it leads to: `?mark=…`. They are ranges that the browser paints
// (CSS Custom Highlight API), so nothing in the page changes; a browser that lacks them only opens the place.
const PARAMETER = "mark"; // `highlight` belongs to a script of Sphinx, which changes the page
const LONGEST = 60; // letters of a word to mark; nothing that a search finds is longer

// The address of a hit, with the words to mark there: those that the excerpt marks, in the form in which they stand there.
export function marking(url, excerpt, query) {
  const found = new DOMParser().parseFromString(excerpt, "text/html").querySelectorAll("mark");
  const words = new Set([...found].map((word) => word.textContent.toLowerCase().replace(/^\P{L}+|\P{L}+$/gu, "")));
  if (!words.size) words.add(query);
  for (const word of words) if (word) url.searchParams.append(PARAMETER, word);
  return url.href;
}

// Ranges of `word` in a text node: from the beginning of a word on, where the language parts words.
function* rangesIn(node, word) {
  const text = node.data.toLowerCase();
  const letter = /\p{L}/u, chinese = /\p{Script=Han}/u.test(word);
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
    if (!chinese && at && letter.test(text[at - 1])) continue;
    const range = new Range();
    range.setStart(node, at);
    range.setEnd(node, at + word.length);
    yield range;
  }
}

function textNodes(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT, (node) => (
    node.parentElement.closest("script, style, svg, math, mjx-container, .visually-hidden") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT
  ));
  const found = [];
  while (walker.nextNode()) found.push(walker.currentNode);
  return found;
}

function unmark(note) {
  CSS.highlights.delete("talweg-found");
  note.remove();
  const url = new URL(location.href);
  url.searchParams.delete(PARAMETER);
  history.replaceState(history.state, "", url);
}

// Mark what the address asks for; a note at the foot of the window takes the marks away, and so does Escape.
export function markFound() {
  const words = new URLSearchParams(location.search).getAll(PARAMETER)
    .map((word) => word.trim().toLowerCase()).filter((word) => word && word.length <= LONGEST);
  if (!words.length || !window.CSS?.highlights) return;
  const nodes = textNodes(document.querySelector("article.page"));
  const ranges = words.flatMap((word) => nodes.flatMap((node) => [...rangesIn(node, word)]));
  if (!ranges.length) return;
  CSS.highlights.set("talweg-found", new Highlight(...ranges));
  const note = document.createElement("button");
  note.type = "button";
  note.className = "marks";
  note.textContent = `${JSON.parse(document.getElementById("talweg-words").textContent)["Remove the marks"]} (Esc)`;
  note.addEventListener("click", () => unmark(note));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && note.isConnected && !document.querySelector("dialog[open]")) unmark(note);
  });
  document.body.append(note);
}

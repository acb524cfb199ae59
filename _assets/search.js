// The search box: a dialog over pagefind's index. Ctrl/Cmd+K or "/" opens it; arrows and Enter choose. The index holds
// passages (sections, terms of the glossary), each with its own address; the words found are marked there (marks.js).
import { marking } from "./marks.js";
import { find } from "./question.js";

const root = document.documentElement;
const words = JSON.parse(document.getElementById("talweg-words").textContent);
const dialog = document.querySelector(".search-dialog");
const input = document.getElementById("search-input");
const list = document.getElementById("search-results");
const status = dialog.querySelector(".search-status");
const index = new URL(root.dataset.pagefindDir, location.href);

const LIMIT = 12;
let engine = null;
let latest = 0;
let active = -1;

// The index is fetched when the box is first opened. pagefind keeps to the language in <html lang>.
function load() {
  engine ??= import(new URL("pagefind.js", index).href).then(async (pagefind) => {
    await pagefind.options({ excerptLength: root.lang.startsWith("zh") ? 50 : 22 }); // words; in Chinese, signs
    await pagefind.init();
    return pagefind;
  });
  return engine;
}

function open() {
  if (dialog.open) return;
  dialog.showModal();
  input.select();
  load().catch(() => { status.textContent = words["The search could not be loaded"]; });
}

function clear() {
  list.replaceChildren();
  active = -1;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function choose(position) {
  const options = [...list.children];
  if (!options.length) return;
  active = (position + options.length) % options.length;
  options.forEach((option, i) => option.setAttribute("aria-selected", String(i === active)));
  input.setAttribute("aria-activedescendant", options[active].id);
  options[active].scrollIntoView({ block: "nearest" });
}

function option(hit, number) {
  const item = document.createElement("li");
  item.id = `search-result-${number}`;
  item.role = "option";
  item.setAttribute("aria-selected", "false");
  item.dataset.href = hit.url;
  const title = document.createElement("b");
  title.textContent = hit.title;
  const excerpt = document.createElement("span");
  excerpt.innerHTML = hit.excerpt; // pagefind escapes the page's text and adds <mark> only
  item.append(title, excerpt);
  item.addEventListener("click", () => follow(item));
  return item;
}

function follow(item) {
  dialog.close();
  location.href = item.dataset.href;
}

function hitOf({ address, chapter, title, excerpt }, query) {
  return {
    url: marking(new URL(`../${address}`, index), excerpt, query),
    title: title === chapter ? title : `${chapter} › ${title}`,
    excerpt,
  };
}

async function search() {
  const turn = ++latest;
  const query = input.value.trim();
  if (!query) { clear(); status.textContent = ""; return; }
  let passages;
  try {
    const pagefind = await load();
    passages = await find(pagefind, query, LIMIT);
  } catch (error) {
    status.textContent = words["The search could not be loaded"];
    return;
  }
  if (turn !== latest) return;
  const hits = passages.map((passage) => hitOf(passage, query));
  clear();
  list.replaceChildren(...hits.map(option));
  input.setAttribute("aria-expanded", String(hits.length > 0));
  status.textContent = hits.length ? words["%s results"].replace("%s", hits.length) : words["Nothing found"];
  if (hits.length) choose(0);
}

let timer = 0;
input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, 120); });
input.addEventListener("keydown", (event) => {
  if (event.isComposing) return; // an input method is still choosing characters
  if (event.key === "ArrowDown") { event.preventDefault(); choose(active + 1); }
  if (event.key === "ArrowUp") { event.preventDefault(); choose(active - 1); }
  if (event.key === "Enter") {
    event.preventDefault();
    if (list.children[active]) follow(list.children[active]);
    else search();
  }
});
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
document.querySelectorAll(".search-open").forEach((button) => button.addEventListener("click", open));
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  const shortcut = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
  if (shortcut || (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey)) {
    event.preventDefault();
    open();
  }
});

// The page for addresses that do not exist sends a question here: `index.html?search=…`.
const question = new URLSearchParams(location.search).get("search");
if (question) {
  open();
  input.value = question;
  search();
}

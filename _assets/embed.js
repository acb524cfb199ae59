// ?embed=fig-ravine: the page shows that figure alone, for a frame in slides or on another page.

export function embed(words) {
  const label = new URLSearchParams(location.search).get("embed");
  const figures = [...document.querySelectorAll("article.page figure[id]")].filter(({ id }) => id.startsWith("fig-"));
  const main = Object.assign(document.createElement("main"), { className: "embedded" });
  const wanted = figures.find(({ id }) => id === label);
  main.append(...(wanted ? [wanted, source(label)] : unknown(label, figures, words)));
  const sheets = document.querySelectorAll("body link[rel=stylesheet]"); // each stands at the first figure that needs it
  document.body.replaceChildren(...sheets, main);
}

// Where the figure comes from: the page, opened beside the frame.
function source(label) {
  const link = Object.assign(document.createElement("a"), { target: "_blank", rel: "noopener", textContent: document.title });
  link.href = Object.assign(new URL(location.href), { search: "", hash: label }).href;
  const line = Object.assign(document.createElement("p"), { className: "embed-source" });
  line.append(link);
  return line;
}

function unknown(label, figures, words) {
  const sentence = Object.assign(document.createElement("p"), {
    textContent: words["This page has no figure “%s”. It has these:"].replace("%s", String(label).slice(0, 60)),
  });
  const list = document.createElement("ul");
  for (const figure of figures) {
    const link = document.createElement("a");
    link.href = `?embed=${figure.id}`;
    link.textContent = `${figure.id}: ${figure.querySelector(".caption-number")?.textContent.trim() ?? ""}`;
    const item = document.createElement("li");
    item.append(link);
    list.append(item);
  }
  return [sentence, list];
}

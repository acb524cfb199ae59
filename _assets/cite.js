// "Cite this section": a dialog with a line of text and a BibTeX entry for the section on screen.
const words = JSON.parse(document.getElementById("talweg-words").textContent);

// TeX's special signs, in a title.
const escaped = (text) => text.replace(/[\\{}]/g, "").replace(/[&%$#_]/g, "\\$&").replace(/~/g, "\\textasciitilde{}");

// Templates come from the page, with the book, the year and the version in place.
function fill(template, place, title) {
  const page = document.querySelector("link[rel=canonical]")?.href ?? location.href.split(/[?#]/)[0];
  const values = { id: place.id, section: title, url: `${page}#${place.id}` };
  return template.replace(/\{(id|section|url)\}/g, (_, name) => values[name]);
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function part(title, text) {
  const button = element("button", { type: "button", textContent: words["Copy"] });
  button.setAttribute("aria-label", `${words["Copy"]}: ${title}`);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = words["Copied"];
    setTimeout(() => { button.textContent = words["Copy"]; }, 1600);
  });
  return element("section", {}, element("h3", { textContent: title }), element("pre", { textContent: text }), button);
}

export function cite({ citation, bibtex }, place) {
  const dialog = element("dialog", { className: "cite-dialog" });
  dialog.setAttribute("aria-labelledby", "cite-title");
  const close = element("button", { type: "button", className: "close", textContent: words["Close"] });
  close.addEventListener("click", () => dialog.close());
  dialog.append(
    element("h2", { id: "cite-title", textContent: words["Cite this section"] }),
    part(words["As text"], fill(citation, place, place.title)),
    part("BibTeX", fill(bibtex, place, escaped(place.title))),
    close,
  );
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// Where the reader is: the section on screen. The contents, the bar that names it, the other languages, and the links to
// cite it or to report an error follow it. Sections go by the labels that are the same in every edition.
import { markFound } from "./marks.js";

const sections = [...document.querySelectorAll("article.page section[id]")]
  .map((section) => ({ id: section.id, heading: section.querySelector("h1, h2, h3") }))
  .filter(({ heading }) => heading);
const aside = document.querySelector(".on-page");
unfoldContents();
const links = [...document.querySelectorAll(".on-page a[href^='#'], .contents .current li a")];
const now = aside?.querySelector(".section-now");
const report = document.querySelector("a.report");
let here = null;

// In the drawer, and where the list of sections has no column, the sections stand under their chapter.
function unfoldContents() {
  const list = aside?.querySelector("nav > ul > li > ul")?.cloneNode(true);
  list?.querySelectorAll("ul").forEach((exercises) => exercises.remove());
  if (list) document.querySelector(".contents a.current")?.after(list);
}

const idOf = (link) => decodeURIComponent(link.hash.slice(1));
const seen = (element) => {
  const box = element.getBoundingClientRect();
  return box.bottom > 0 && box.top < innerHeight;
};

// The last section that begins above the upper third of the window; null at the top of the page.
function onScreen() {
  const line = innerHeight / 3;
  const passed = sections.filter(({ heading }) => heading.getBoundingClientRect().top < line);
  return passed.length > 1 ? passed[passed.length - 1] : null;
}

// What to open in another language: the figure or the exercise that the address names if it is on screen, else the section.
function anchor() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named && seen(named)) return location.hash;
  if (!here) return named ? "" : location.hash; // a hash that names no element holds a figure's set-up
  return `#${here.id}`;
}

function follow() {
  here = onScreen();
  for (const link of links) {
    if (idOf(link) === here?.id) link.setAttribute("aria-current", "location");
    else link.removeAttribute("aria-current");
  }
  const title = here ?? sections[0];
  const link = links.find((candidate) => idOf(candidate) === title?.id);
  if (now && title) now.textContent = link?.textContent ?? wording(title.heading);
  const hash = anchor();
  document.querySelectorAll(".languages a[hreflang]").forEach((other) => { other.hash = hash; });
  if (report) {
    const url = new URL(report.href);
    url.searchParams.set("page", url.searchParams.get("page").split("#")[0] + (here ? `#${here.id}` : ""));
    report.href = url;
  }
}

// A heading's words, without its ¶ and without the source of its formulas.
function wording(heading) {
  const copy = heading.cloneNode(true);
  copy.querySelectorAll(".headerlink, annotation, mjx-assistive-mml").forEach((part) => part.remove());
  return copy.textContent.trim();
}

function wireBar() {
  const button = aside?.querySelector(".section-button");
  if (!button) return;
  const show = (open) => {
    aside.classList.toggle("open", open);
    button.setAttribute("aria-expanded", String(open));
  };
  const opened = () => aside.classList.contains("open");
  button.addEventListener("click", () => {
    show(!opened());
    if (opened()) aside.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  });
  aside.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && opened()) { show(false); button.focus(); }
  });
  aside.querySelectorAll("a").forEach((link) => link.addEventListener("click", () => show(false)));
  document.addEventListener("click", (event) => { if (!aside.contains(event.target)) show(false); });
}

function wireCitation() {
  document.querySelector(".cite")?.addEventListener("click", async (event) => {
    const { cite } = await import("./cite.js");
    const place = here ?? sections[0];
    cite(event.target.closest(".cite").dataset, { id: place.id, title: wording(place.heading) });
  });
}

let waiting = false;
function later() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; follow(); });
}

follow();
wireBar();
wireCitation();
// Formulas that are set in the browser replace the text around them: words are marked after that.
addEventListener("load", () => (window.MathJax?.startup?.promise ?? Promise.resolve()).then(markFound));
for (const what of ["scroll", "resize"]) addEventListener(what, later, { passive: true });
for (const what of ["hashchange", "load"]) addEventListener(what, later);

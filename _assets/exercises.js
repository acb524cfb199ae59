// What a page does about exercises outside of their widgets: solved ones are counted in the contents, and a solution asks
// to be left folded until the exercise has been tried. Without scripts it simply opens.
(() => {
  "use strict";
  const prefix = "talweg:exercise:";
  const words = JSON.parse(document.getElementById("talweg-words").textContent);

  // What is remembered of an exercise; nothing where storage is forbidden or holds someone else's text.
  function remembered(name) {
    try {
      return JSON.parse(localStorage.getItem(prefix + name)) ?? {};
    } catch {
      return {};
    }
  }

  function anythingRemembered() {
    try {
      return Object.keys(localStorage).some((key) => key.startsWith(prefix));
    } catch {
      return false;
    }
  }

  function make(tag, name, ...children) {
    const node = document.createElement(tag);
    node.className = name;
    node.append(...children);
    return node;
  }

  // The file that says which exercises a chapter has is asked for only by readers who have done one.
  let chapters;
  async function tally() {
    document.querySelectorAll(".contents .tally").forEach((mark) => mark.remove());
    if (!anythingRemembered()) return;
    chapters ??= fetch(`${document.documentElement.dataset.vendor}exercises.json`).then((answer) => answer.json());
    const listed = await chapters;
    document.querySelectorAll(".contents .tally").forEach((mark) => mark.remove());
    for (const link of document.querySelectorAll(".contents li > a")) {
      const { pathname, hash } = new URL(link.href);
      const names = listed[pathname.split("/").pop().replace(/\.html$/, "")];
      if (!names || hash) continue;
      const records = names.map(remembered);
      if (!records.some(({ attempts, hints }) => attempts || hints)) continue;
      const count = `${records.filter(({ state }) => state === "right").length}/${names.length}`;
      const [before, after] = words["Solved exercises: %s"].split("%s");
      link.append(make("span", "tally", make("span", "visually-hidden", `, ${before}`), count, make("span", "visually-hidden", after)));
    }
  }

  function guardSolution(fold) {
    const section = fold.closest("section");
    const anchors = [section, ...(section?.querySelectorAll(":scope > [id]") ?? [])].filter(Boolean);
    const name = anchors.map(({ id }) => id).find((id) => id.startsWith("exercise-"))?.slice("exercise-".length);
    const summary = fold.querySelector("summary");
    if (!name || !summary) return;
    let question = null;
    const forget = () => {
      question?.remove();
      question = null;
    };
    const ask = () => {
      const button = make("button", "", words["Show the solution anyway"]);
      button.type = "button";
      button.addEventListener("click", () => {
        forget();
        fold.open = true;
        summary.focus();
      });
      question = make("p", "solution-ask", `${words["You have not tried this exercise yet."]} `, button);
      fold.after(question);
    };
    let shown = false;
    fold.addEventListener("toggle", () => { shown ||= fold.open; });
    summary.addEventListener("click", (event) => {
      if (fold.open || shown || remembered(name).attempts) return forget();
      event.preventDefault();
      if (!question) ask();
      question.querySelector("button").focus();
    });
    window.addEventListener("talweg:progress", () => { if (remembered(name).attempts) forget(); });
  }

  document.querySelectorAll("details.solution").forEach(guardSolution);
  window.addEventListener("talweg:progress", tally);
  tally();
})();

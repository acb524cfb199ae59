// How much of the code a page shows (text, results, all code), and the folds that hold it. No library.
(() => {
  "use strict";
  const root = document.documentElement;
  const folds = () => document.querySelectorAll("details.code-fold");

  // What stands below the bar stays there while code opens or closes above it.
  function keepPlace(change) {
    const bar = document.querySelector(".topbar")?.offsetHeight ?? 0;
    const blocks = [...document.querySelectorAll("article.page :is(h1, h2, h3, p, li, figure, .tw)")];
    const seen = blocks.find((block) => !block.closest(".computed") && block.getBoundingClientRect().bottom > bar);
    const before = seen?.getBoundingClientRect().top;
    change();
    if (seen) scrollBy({ top: seen.getBoundingClientRect().top - before, behavior: "instant" });
  }

  function show(view) {
    keepPlace(() => {
      root.dataset.code = view;
      folds().forEach((fold) => { fold.open = view === "code"; });
    });
    try { localStorage.setItem("talweg-code", view); } catch (error) { /* private window: for this page only */ }
  }

  function wireChoice() {
    document.querySelectorAll(".code-view input").forEach((input) => {
      input.checked = input.value === root.dataset.code;
      input.addEventListener("change", () => show(input.value));
    });
  }

  // An address that ends in a cell's name opens its code; the style sheet shows the cell even where only text is shown.
  function reveal() {
    const cell = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const fold = cell?.querySelector(":scope > .code-fold");
    if (!fold) return;
    fold.open = true;
    cell.scrollIntoView({ block: "start" });
  }

  // A click on a claim opens its code, too; the line of the fold is there for the keyboard.
  function wireClaims() {
    document.querySelector("article.page")?.addEventListener("click", (event) => {
      const claim = event.target.closest(".claim");
      const fold = claim?.closest(".cell")?.querySelector(":scope > .code-fold");
      if (!fold || event.target.closest("a") || String(getSelection())) return;
      fold.open = !fold.open;
    });
  }

  wireChoice();
  wireClaims();
  reveal();
  window.addEventListener("hashchange", reveal);
})();

// Theme, drawers, menus, copy buttons: what every page of the book does by itself. No library.
(() => {
  "use strict";
  const root = document.documentElement;

  function store(key, value) {
    try { localStorage.setItem(key, value); } catch (error) { /* private window: the choice lasts for the page */ }
  }

  function setTheme(theme) {
    root.dataset.theme = theme;
    document.querySelectorAll(".theme-button").forEach((button) => {
      button.setAttribute("aria-pressed", String(theme === "dark"));
    });
    // Figures redraw themselves in the colours of the theme.
    document.dispatchEvent(new CustomEvent("talweg:theme", { detail: theme }));
  }

  function wireTheme() {
    setTheme(root.dataset.theme);
    document.querySelectorAll(".theme-button").forEach((button) => button.addEventListener("click", () => {
      const theme = root.dataset.theme === "dark" ? "light" : "dark";
      store("talweg-theme", theme);
      setTheme(theme);
    }));
  }

  function wireContents() {
    const button = document.querySelector(".menu-button");
    const contents = document.getElementById("contents");
    if (!button || !contents) return;
    const show = (open) => {
      document.body.classList.toggle("contents-open", open);
      button.setAttribute("aria-expanded", String(open));
      if (open) contents.focus({ preventScroll: true });
    };
    button.addEventListener("click", () => show(!document.body.classList.contains("contents-open")));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && document.body.classList.contains("contents-open")) {
        show(false);
        button.focus();
      }
    });
    document.querySelector(".frame main").addEventListener("click", () => show(false));
  }

  function wireMenus() {
    document.querySelectorAll("details.menu").forEach((menu) => {
      document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
      menu.addEventListener("keydown", (event) => {
        if (event.key === "Escape") { menu.open = false; menu.querySelector("summary").focus(); }
      });
    });
  }

  function wireCopyButtons() {
    const words = JSON.parse(document.getElementById("talweg-words").textContent);
    document.querySelectorAll("div.highlight > pre").forEach((pre) => {
      if (pre.closest(".cell_output")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = words["Copy"];
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(pre.innerText);
        button.textContent = words["Copied"];
        setTimeout(() => { button.textContent = words["Copy"]; }, 1600);
      });
      pre.after(button);
    });
  }

  // What scrolls sideways can be reached and scrolled with the keyboard.
  function markScrollers() {
    const boxes = document.querySelectorAll("pre, .cell_output .output, .table-scroll, .formula");
    boxes.forEach((box) => {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    });
  }

  function wrapTables() {
    document.querySelectorAll("article.page table").forEach((table) => {
      if (table.closest(".table-scroll, .cell_output, .talweg-widget")) return;
      const box = document.createElement("div");
      box.className = "table-scroll";
      table.replaceWith(box);
      box.append(table);
    });
  }

  wireTheme();
  wireContents();
  wireMenus();
  wireCopyButtons();
  wrapTables();
  markScrollers();
  window.addEventListener("load", markScrollers);
  window.addEventListener("resize", markScrollers);
  document.addEventListener("toggle", markScrollers, true); // what was folded had no width
})();

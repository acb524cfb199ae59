// The filter of the ledger of claims: rows that hold all its words stay; the address keeps them (?filter=…). No library.
(() => {
  "use strict";
  const form = document.querySelector("form.claims-filter");
  if (!form) return;
  const input = form.elements.filter;
  const status = form.querySelector("output");
  const rows = [...document.querySelectorAll("table.talweg-claims tbody tr")];
  const texts = new Map(rows.map((row) => [row, `${row.id} ${row.textContent}`.toLowerCase()]));

  function filter() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row) => {
      row.hidden = !words.every((word) => texts.get(row).includes(word));
      shown += row.hidden ? 0 : 1;
    });
    document.querySelectorAll("section:has(> .table-scroll table.talweg-claims)").forEach((section) => {
      section.hidden = !section.querySelector("tbody tr:not([hidden])");
    });
    status.textContent = form.dataset.shown.replace("%(shown)s", shown).replace("%(all)s", rows.length);
  }

  function remember() {
    const address = new URL(location.href);
    if (input.value) address.searchParams.set("filter", input.value);
    else address.searchParams.delete("filter");
    history.replaceState(null, "", address);
  }

  // A link to a row that the filter hides shows all rows again.
  function reveal() {
    const row = document.getElementById(location.hash.slice(1));
    if (!row || !row.hidden) return;
    input.value = "";
    filter();
    remember();
    row.scrollIntoView();
  }

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("input", () => { filter(); remember(); });
  input.value = new URLSearchParams(location.search).get("filter") ?? "";
  filter();
  reveal();
  window.addEventListener("hashchange", reveal);
})();

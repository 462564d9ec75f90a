"use strict";
// Filters, search and links into folded parts. Without this script the page shows everything and its links still lead there.
(() => {
  const form = document.querySelector("form[data-filter]");
  const rows = [...document.querySelectorAll("[data-row]")];
  const heard = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));

  function chosen() {
    const facets = {};
    for (const box of form.querySelectorAll("input[type=checkbox]:checked")) (facets[box.name] ??= new Set()).add(box.value);
    for (const list of form.querySelectorAll("select")) if (list.value) facets[list.name] = new Set([list.value]);
    return facets;
  }

  function filter() {
    const facets = Object.entries(chosen());
    const words = form.elements.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits = facets.every(([name, values]) => (row.dataset[name] ?? "").split(" ").some((value) => values.has(value)));
      row.hidden = !(fits && words.every((word) => heard.get(row).includes(word)));
      shown += !row.hidden;
    }
    const status = form.querySelector("[role=status]");
    status.textContent = `${shown} of ${rows.length} shown`;
  }

  function reveal() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
      node.hidden = false;
    }
    target.scrollIntoView();
  }

  function copy(button) {
    const text = button.parentElement.querySelector("code").textContent;
    const told = () => { button.textContent = "copied"; };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(told, () => { button.textContent = "select and copy"; });
  }

  if (form) {
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("reset", () => setTimeout(filter));
    form.addEventListener("submit", (event) => event.preventDefault());
    filter();
  }
  for (const link of document.querySelectorAll("a[data-verdict]")) {
    link.addEventListener("click", () => {
      form.reset();
      for (const box of form.querySelectorAll("input[name=verdict]")) box.checked = box.value === link.dataset.verdict;
      filter();
    });
  }
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest?.('a[href^="#"]')) setTimeout(reveal); // a second click on the same link is no hashchange
  });
  addEventListener("hashchange", reveal);
  reveal();
})();

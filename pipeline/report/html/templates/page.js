"use strict";
(() => {
  const form = document.querySelector("form.filter");
  const table = document.querySelector("table[data-filtered]");
  if (!form || !table) return;
  const text = form.querySelector("input[type=search]");
  const choices = [...form.querySelectorAll("select[data-filter]")];
  const kinds = [...document.querySelectorAll("input[type=radio][name=kind]")];
  const found = form.querySelector(".found");
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));
  const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, " ");
  const fits = ({ row, text: held }, wanted) =>
    held.includes(wanted) &&
    kinds.every(({ checked, value }) => !checked || !value || row.dataset.kind === value) &&
    choices.every(({ value, dataset }) => !value || row.dataset[dataset.filter].split(";").includes(value));
  const apply = () => {
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    for (const each of rows) {
      const fit = fits(each, wanted);
      each.row.hidden = !fit;
      shown += fit;
    }
    const noun = rows.length === 1 ? form.dataset.one : form.dataset.many;
    found.textContent = `${grouped(shown)} of ${grouped(rows.length)} ${noun} shown`;
  };
  let waiting = 0;
  document.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 80);
  });
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
})();

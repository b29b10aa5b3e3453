"use strict";
// A field above a long table leaves the lines that have all of its words.
function filter(table) {
  const lines = [...table.tBodies[0].rows];
  const label = document.createElement("label");
  const field = document.createElement("input");
  const count = document.createElement("output");
  field.type = "search";
  label.className = "filter";
  label.append("Filter lines ", field, " ", count);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const line of lines) {
      const text = line.textContent.toLowerCase();
      line.hidden = !words.every((word) => text.includes(word));
    }
    count.textContent = `${lines.filter((line) => !line.hidden).length} of ${lines.length}`;
  });
  table.parentElement.before(label);
}
for (const table of document.querySelectorAll("figure.table table")) {
  if (table.tBodies[0].rows.length > 8) filter(table);
}
// A click on a heading sorts the table by that column. Texts without a number come last.
function key(row, column) {
  const text = row.cells[column].textContent.trim();
  const number = /^[+-]?[\d,]*\.?\d+/.exec(text.replace("<", ""));
  return { text, number: number ? Number(number[0].replaceAll(",", "")) : null };
}
function compare(a, b) {
  if (a.number !== null && b.number !== null) return a.number - b.number;
  return a.text.localeCompare(b.text);
}
document.documentElement.classList.add("sortable");
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement;
    const body = heading.closest("table").tBodies[0];
    // The first click sorts in descending order, the second in ascending order.
    const sign = heading.getAttribute("aria-sort") === "descending" ? 1 : -1;
    for (const other of heading.parentElement.cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const keyed = [...body.rows].map((row) => ({ row, key: key(row, heading.cellIndex) }));
    const numeric = keyed.some((entry) => entry.key.number !== null);
    const last = (entry) => numeric && entry.key.number === null;
    keyed.sort((a, b) => last(a) - last(b) || sign * compare(a.key, b.key));
    body.append(...keyed.map((entry) => entry.row));
    body.classList.add("sorted");
  });
}

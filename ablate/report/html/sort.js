"use strict";
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

"use strict";
// A click on a heading sorts the table by that column; texts without a number go last.
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
    const downward = heading.getAttribute("aria-sort") === "descending" ? 1 : -1;
    for (const other of heading.parentElement.cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", downward > 0 ? "ascending" : "descending");
    const keyed = [...body.rows].map((row) => ({ row, key: key(row, heading.cellIndex) }));
    const numeric = keyed.some((one) => one.key.number !== null);
    const last = (one) => numeric && one.key.number === null;
    keyed.sort((a, b) => last(a) - last(b) || downward * compare(a.key, b.key));
    body.append(...keyed.map((one) => one.row));
    body.classList.add("sorted");
  });
}

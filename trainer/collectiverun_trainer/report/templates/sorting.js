// A click on a heading of a sortable table sorts it by that column; another one turns the order round.
// A cell is worth its data-value, else its text; of a column of numbers the first number in it.
const worth = (cell, numeric) => {
  const text = cell.dataset.value ?? cell.textContent.trim();
  if (!numeric) return text || null;
  const number = parseFloat(text.replace(/[\s,]/g, ""));
  return Number.isNaN(number) ? null : number;
};
const sort = heading => {
  const table = heading.closest("table"), body = table.tBodies[0];
  const rising = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
  const numeric = heading.classList.contains("number");
  const compare = (a, b) => numeric ? a - b : a.localeCompare(b, "en", { numeric: true });
  const rows = [...body.rows].map(row => [worth(row.cells[heading.cellIndex], numeric), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null); // what is missing comes last
    return rising ? compare(a, b) : compare(b, a);
  });
  body.append(...rows.map(([, row]) => row));
};
for (const heading of document.querySelectorAll("table.sortable thead tr:last-child th")) {
  if (!heading.textContent.trim()) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.append(...heading.childNodes);
  heading.append(button);
  button.addEventListener("click", () => sort(heading));
}

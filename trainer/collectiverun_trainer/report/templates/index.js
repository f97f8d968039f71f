// A click on a heading sorts the table by it; another one turns the order round.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement, table = heading.closest("table");
    const rising = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const value = row => row.cells[heading.cellIndex].dataset.value;
    const numeric = heading.classList.contains("number");
    const compare = (a, b) => numeric ? a - b : a.localeCompare(b, "en", { numeric: true });
    const missing = text => text === "";
    const rows = [...table.tBodies[0].rows].sort((one, other) => {
      const a = value(one), b = value(other);
      if (missing(a) || missing(b)) return missing(a) - missing(b);
      return rising ? compare(a, b) : compare(b, a);
    });
    table.tBodies[0].append(...rows);
  });
}

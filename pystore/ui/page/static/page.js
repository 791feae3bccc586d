"use strict";
// Everything here adds to a page that works without it: copy, sort, tick two, follow changes.

function copyButtons(root) {
  for (const one of root.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.className = "copy";
    button.type = "button";
    button.textContent = "copy";
    button.setAttribute("aria-label", `Copy ${one.dataset.copy}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(one.dataset.copy);
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1200);
    });
    one.after(button);
  }
}

function valueOf(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.by ?? cell.textContent.trim();
  const number = Number(text.replaceAll(",", ""));
  return text !== "" && !Number.isNaN(number) ? number : text;
}

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
  return one.localeCompare(other);
}

function sortBy(table, head, way) {
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", way);
  const body = table.tBodies[0];
  const column = head.cellIndex;
  const sign = way === "ascending" ? 1 : -1;
  const rows = [...body.rows].map((row) => [valueOf(row, column), row]);
  rows.sort(([one], [other]) => {
    if (one === "" || one === "—") return 1; // what has no value comes last
    if (other === "" || other === "—") return -1;
    return sign * compare(one, other);
  });
  body.append(...rows.map(([, row]) => row));
}

function sortable(root) {
  for (const table of root.querySelectorAll("table.sortable")) {
    for (const head of table.tHead.rows[0].cells) {
      if (!head.textContent.trim() || head.classList.contains("fixed")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const first = head.classList.contains("n") ? "descending" : "ascending";
        const second = first === "ascending" ? "descending" : "ascending";
        sortBy(table, head, now === first ? second : first);
      });
      head.append(button);
    }
  }
}

function prepare(root) {
  copyButtons(root);
  sortable(root);
}

prepare(document);

"use strict";
// Tables sort by their headers and filter by a text; without this script they are plain tables.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const upward = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", upward ? "ascending" : "descending");
      const key = (row) => {
        const cell = row.cells[column];
        const number = Number.parseFloat(cell.dataset.value);
        return Number.isNaN(number) ? cell.textContent.trim() : number;
      };
      const missing = (value) => value === "";
      const compare = (a, b) => {
        if (missing(a) || missing(b)) return missing(a) - missing(b);
        const order = typeof a === "number" && typeof b === "number"
          ? a - b
          : String(a).localeCompare(String(b), undefined, { numeric: true });
        return upward ? order : -order;
      };
      body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
    });
  });
}
for (const input of document.querySelectorAll("[data-filter]")) {
  const rows = document.getElementById(input.dataset.filter).querySelectorAll("tbody tr");
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy);
    const status = document.getElementById("copied");
    try {
      await navigator.clipboard.writeText(text.textContent);
      status.textContent = "Copied.";
    } catch {
      // Pages that were opened from a file may not write to the clipboard.
      getSelection().selectAllChildren(text);
      status.textContent = "Selected: copy with the keyboard.";
    }
  });
}
// Paper cannot be clicked.
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details.fold")) fold.open = true;
});

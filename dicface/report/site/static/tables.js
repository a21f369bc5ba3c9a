// Sorting of tables: best first, reverse, the table's own order. Rows without a value stay last.
"use strict";
(() => {
  const ARIA = { 1: "ascending", "-1": "descending" };

  const key = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    return cell.dataset.text ?? null;
  };

  const compare = (column, sign) => (a, b) => {
    const [x, y] = [key(a, column), key(b, column)];
    if (x === null || y === null) return (x === null) - (y === null);
    const order = typeof x === "number" && typeof y === "number"
      ? x - y
      : String(x).localeCompare(String(y), "en", { numeric: true });
    return sign * order;
  };

  const prepare = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const bodies = [...table.tBodies].map((body) => {
      const block = document.createElement("tr");
      block.className = "group";
      block.hidden = true;
      block.innerHTML = `<th scope="rowgroup" colspan="${heads.length}"></th>`;
      block.cells[0].textContent = body.dataset.block ?? "";
      const rows = [...body.rows];
      if (table.tBodies.length > 1) body.prepend(block);
      return { body, block, rows };
    });
    let [column, turns] = [-1, 0];

    const sort = (chosen) => {
      turns = chosen === column ? (turns + 1) % 3 : 1;
      column = chosen;
      const first = heads[chosen].dataset.best === "high" ? -1 : 1;
      const sign = turns === 1 ? first : -first;
      for (const { body, block, rows } of bodies) {
        const groups = rows.filter((row) => row.classList.contains("group"));
        const lines = rows.filter((row) => !row.classList.contains("group"));
        for (const row of groups) row.hidden = turns !== 0;
        block.hidden = turns === 0;
        const sorted = turns === 0 ? rows : [...groups, ...lines.sort(compare(chosen, sign))];
        for (const row of sorted) body.append(row);
      }
      heads.forEach((head, index) => {
        if (turns !== 0 && index === chosen) head.setAttribute("aria-sort", ARIA[sign]);
        else head.removeAttribute("aria-sort");
      });
      const name = heads[chosen].textContent.trim();
      document.getElementById("status").textContent =
        turns === 0 ? "The table's own order" : `Sorted by ${name}, ${ARIA[sign]}`;
    };

    heads.forEach((head, index) => {
      head.querySelector("button").addEventListener("click", () => sort(index));
    });
  };

  document.querySelectorAll("table.sortable").forEach(prepare);
})();

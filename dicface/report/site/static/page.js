// The wipe, tables that say that they scroll, and links into folded parts.
"use strict";
(() => {
  const wipe = document.getElementById("wipe");
  if (wipe) {
    const box = wipe.querySelector(".wipe-box");
    const slider = wipe.querySelector("input");
    const show = (percent) => {
      slider.value = percent;
      box.style.setProperty("--at", `${percent}%`);
    };
    wipe.classList.add("wiped");
    wipe.querySelector(".wipe-slider").hidden = false;
    slider.addEventListener("input", () => show(slider.value));
    box.addEventListener("pointermove", (event) => {
      const { left, width } = box.getBoundingClientRect();
      show(Math.min(100, Math.max(0, (100 * (event.clientX - left)) / width)));
    });
  }

  // What is folded is measured when it opens; later, as the words change the size that is observed.
  const measure = new ResizeObserver((entries) => requestAnimationFrame(() => {
    for (const { target } of entries) {
      target.classList.toggle("more", target.scrollWidth > target.clientWidth + 1);
    }
  }));
  document.querySelectorAll(".wide").forEach((wide) => measure.observe(wide));

  // Rows without any score are folded where others have some; a group of such rows alone, too.
  document.querySelectorAll("table.sortable").forEach((table) => {
    const rows = [...table.querySelectorAll("tbody tr")];
    const bare = rows.filter((row) => row.classList.contains("bare"));
    if (!bare.length || rows.every((row) => row.matches(".bare, .group"))) return;
    for (const head of rows.filter((row) => row.matches(".group"))) {
      let next = head.nextElementSibling;
      while (next && next.matches(".bare")) next = next.nextElementSibling;
      const alone = next === null || next.matches(".group");
      if (alone && head.nextElementSibling?.matches(".bare")) head.classList.add("bare");
    }
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    const show = (folded) => {
      table.classList.toggle("folded", folded);
      button.textContent = `${folded ? "Show" : "Hide"} ${bare.length} ${bare.length === 1 ? "row" : "rows"} without scores`;
    };
    button.addEventListener("click", () => show(!table.classList.contains("folded")));
    show(true);
    table.closest(".wide").after(button);
  });

  const unfold = () => {
    let place = null;
    try {
      place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return;
    }
    if (!place) return;
    for (let part = place; part; part = part.parentElement) {
      if (part.tagName === "DETAILS") part.open = true;
    }
    place.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();
})();

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

// Light, dark, or as the system says. Runs before the page is drawn, so that it does not flash.
"use strict";
(() => {
  const KEY = "dicface-report-theme";
  const NEXT = { auto: "light", light: "dark", dark: "auto" };

  // Storage may be forbidden for pages from disk or inside a frame; the choice then lasts one page.
  const stored = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };
  const store = (theme) => {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      return;
    }
  };

  let theme = stored() in NEXT ? stored() : "auto";
  const root = document.documentElement;
  const apply = () => {
    root.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) Object.assign(button, { textContent: `Theme: ${theme}`, hidden: false });
  };

  apply();
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme").addEventListener("click", () => {
      theme = NEXT[theme];
      store(theme);
      apply();
    });
  });
})();

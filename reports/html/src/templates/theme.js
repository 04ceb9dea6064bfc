"use strict";
// Colours follow the device until a reader decides otherwise. It runs before anything is drawn.
const theme = (() => {
  const key = "dst-report-theme";
  const names = ["auto", "light", "dark"];
  const dark = "screen and (prefers-color-scheme: dark)";
  const media = { auto: dark, light: "not all", dark: "screen" };
  const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules])
    .filter((rule) => rule instanceof CSSMediaRule && rule.media.mediaText.includes("color-scheme"));
  let current = "auto";
  const set = (name) => {
    current = names.includes(name) ? name : "auto";
    for (const rule of rules) rule.media.mediaText = media[current];
    document.documentElement.style.colorScheme = current === "auto" ? "" : current;
  };
  try {
    set(localStorage.getItem(key));
  } catch {
    // Pages that were opened from a file may have no storage.
  }
  return {
    get name() { return current; },
    next() {
      set(names[(names.indexOf(current) + 1) % names.length]);
      try {
        localStorage.setItem(key, current);
      } catch {
        // It then holds until the page is left.
      }
    },
  };
})();

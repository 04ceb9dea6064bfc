// Checks pages with axe, light and dark, at 1280 and 400 pixels, with every fold open:
//
//   npm install --no-package-lock
//   node check.mjs /usr/bin/chromium PAGE.html...
//
// It fails if axe finds a violation, the page is wider than the screen, a figure is wider than its
// frame, something is loaded, or the script of the page throws. Check a page of several tables too: names must be unique over them.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [executablePath, ...pages] = process.argv.slice(2);
if (!executablePath || pages.length === 0) {
  console.error("usage: node check.mjs CHROMIUM PAGE.html...");
  process.exit(2);
}
const axe = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

async function check(browser, page, theme, width) {
  const tab = await browser.newPage();
  const problems = [];
  tab.on("pageerror", (error) => problems.push(`script: ${error}`));
  await tab.setViewport({ width, height: 900 });
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
  const address = pathToFileURL(resolve(page)).href;
  tab.on("request", (request) => {
    if (request.url() !== address) problems.push(`loads ${request.url()}`);
  });
  await tab.goto(address);
  const wide = await tab.evaluate(() => {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
    return document.documentElement.scrollWidth;
  });
  if (wide > width) problems.push(`${wide} pixels wide`);
  const cut = await tab.evaluate(() => [...document.querySelectorAll("figure")]
    .filter((figure) => figure.firstElementChild.scrollWidth > figure.firstElementChild.clientWidth)
    .map((figure) => figure.id));
  if (cut.length > 0) problems.push(`wider than their frames: ${cut.join(", ")}`);
  await tab.evaluate(axe);
  const { violations } = await tab.evaluate("axe.run(document, { resultTypes: ['violations'] })");
  for (const { id, help, nodes } of violations) {
    const places = nodes.slice(0, 3).map((node) => node.target.join(" "));
    problems.push(`${id}: ${help}; ${nodes.length} places, such as ${places.join(" and ")}`);
  }
  // What a reader may do throws nothing: sorting, filtering, choosing a theme.
  await tab.evaluate(() => {
    for (const head of document.querySelectorAll("thead button")) head.click();
    for (const input of document.querySelectorAll("[data-filter]")) {
      input.value = "a";
      input.dispatchEvent(new Event("input"));
    }
    for (let press = 0; press < 3; press += 1) document.getElementById("theme").click();
  });
  await tab.close();
  return problems;
}

// The sandbox of Chromium does not start as root, and the page is our own.
const browser = await puppeteer.launch({
  executablePath,
  args: ["--no-sandbox"],
  protocolTimeout: 600_000,
});
let failures = 0;
for (const page of pages) {
  for (const theme of ["light", "dark"]) {
    for (const width of [1280, 400]) {
      const problems = await check(browser, page, theme, width);
      failures += problems.length;
      console.log(`${page}, ${theme}, ${width} pixels: ${problems.length} problems`);
      for (const problem of problems) console.log(`  ${problem}`);
    }
  }
}
await browser.close();
process.exitCode = failures > 0 ? 1 : 0;

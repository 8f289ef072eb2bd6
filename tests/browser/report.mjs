// Opens reports in a real headless Chromium and uses them as people do. Each line of output is one check that held; the first
// that does not ends it with 1. Arguments: the browser, then pairs of a kind (run, scan) and a report.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.argv[2]);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [browserPath, ...pairs] = process.argv.slice(3);

class Broken extends Error {}
const check = (holds, what) => {
  if (!holds) throw new Broken(what);
  console.log("ok " + what);
};

// A page that notes what it must not do: ask for anything, or complain.
const open = async (browser, file, options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && wrong.push("console: " + message.text()));
  page.on("pageerror", (error) => wrong.push("error: " + error.message));
  const address = pathToFileURL(file).href;
  page.on("request", (request) => request.url().split("#")[0] === address || wrong.push("request: " + request.url()));
  const begun = Date.now();
  await page.goto(address);
  return { page, context, wrong, took: Date.now() - begun, address };
};

const shown = (page) => page.$$eval("#findings [data-level]", (all) => all.filter((one) => !one.hidden).length);

const uses = async (browser, file, kind) => {
  const { page, context, wrong, took, address } = await open(browser, file);
  const all = await shown(page);
  check(all > 0, `${file}: ${all} findings, usable after ${took} ms`);

  // Filters: each narrows to what it says, clearing brings all back.
  for (const [name, attribute] of [["level", "level"], ["account", "account"], ["policy", "policy"], ["state", "state"]]) {
    const select = await page.$("#filter-" + name);
    if (!select) { check(name === "state" && kind === "scan", `${name} cannot be chosen in a scan`); continue; }
    const value = await select.$$eval("option", (options) => options.map((one) => one.value).filter(Boolean).at(-1));
    await select.selectOption(value);
    await page.waitForFunction(([attribute, value]) => [...document.querySelectorAll("#findings [data-level]")]
      .every((one) => one.hidden || one.dataset[attribute] === value), [attribute, value]);
    const some = await shown(page);
    check(some > 0 && some <= all, `${name} ${value} leaves ${some} of ${all}`);
    const told = await page.textContent("#filter-count");
    check(told.includes(some.toLocaleString("en")), `the count says so: ${told}`);
    await page.click("#filter button[type=reset]");
    await page.waitForFunction((all) => [...document.querySelectorAll("#findings [data-level]")].filter((one) => !one.hidden).length === all, all);
  }
  await page.fill("#filter-text", "zzzz nothing has this zzzz");
  await page.waitForFunction(() => [...document.querySelectorAll("#findings [data-level]")].every((one) => one.hidden));
  check(true, "a text that nothing has leaves nothing");
  await page.click("#filter button[type=reset]");

  // From the picture to the list, to the event.
  const marks = await page.$$("rect[data-from]");
  check(marks.length > 0, "the chart has columns to choose");
  const from = await marks[0].getAttribute("data-from");
  await marks[0].dispatchEvent("click");
  const chosen = await shown(page);
  check(chosen > 0 && chosen < all && (await page.inputValue("#filter-from")) === from, `a column shows its ${chosen} findings`);
  await page.click("#filter button[type=reset]");
  const first = await page.$("details.finding");
  await first.$eval("summary", (summary) => summary.click());
  check(await first.evaluate((one) => one.open), "a finding opens");
  await first.$eval("details.event summary", (summary) => summary.click());
  check((await first.$eval("details.event pre", (pre) => pre.textContent)).includes("eventName"), "its event is there");

  // A link opens what it leads to.
  const fingerprint = await page.$$eval("details.finding", (all) => all.at(-1).id);
  await page.goto(address + "#" + fingerprint);
  check(await page.$eval("#" + fingerprint, (one) => one.open), "a link to a finding opens it");
  check(wrong.length === 0, "nothing complains and nothing is asked for" + wrong.join("; "));
  await context.close();
};

// The keyboard alone: to the content, through the filter, into a finding.
const byKeyboard = async (browser, file) => {
  const { page, context } = await open(browser, file);
  await page.keyboard.press("Tab");
  check(await page.evaluate(() => document.activeElement.classList.contains("skip")), "the first stop skips to the report");
  await page.keyboard.press("Enter");
  const reached = async (selector, limit) => {
    for (let at = 0; at < limit; at += 1) {
      if (await page.evaluate((selector) => document.activeElement.matches(selector), selector)) return true;
      await page.keyboard.press("Tab");
    }
    return false;
  };
  check(await reached("#filter-text", 400), "the filter is reached");
  await page.keyboard.type("root");
  await page.waitForTimeout(300);
  check(await reached("details.finding > summary", 60), "a finding is reached");
  await page.keyboard.press("Enter");
  check(await page.evaluate(() => document.activeElement.parentElement.open), "Enter opens it");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  check(outline !== "none", "where the focus is can be seen");
  await context.close();
};

// What axe-core calls serious or critical, and a page that needs no sideways scrolling.
const accessible = async (browser, file, name, options) => {
  const { page, context } = await open(browser, file, options);
  await page.evaluate(() => { for (const one of [...document.querySelectorAll("details")].slice(0, 60)) one.open = true; });
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const bad = violations.filter((one) => ["serious", "critical"].includes(one.impact));
  const told = bad.map((one) => `${one.id} (${one.nodes.length}): ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
  check(bad.length === 0, `${name}: nothing serious for axe-core${told.length ? ": " + told.join("\n") : ""}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(wide <= 0, `${name}: no sideways scrolling (${wide})`);
  await context.close();
};

const prints = async (browser, file) => {
  const { page, context } = await open(browser, file);
  const pdf = await page.pdf({ format: "A4" });
  check(pdf.length > 10_000 && pdf.subarray(0, 5).toString() === "%PDF-", `it prints: ${pdf.length} bytes`);
  await context.close();
};

const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox", "--disable-gpu"] });
try {
  for (let at = 0; at < pairs.length; at += 2) {
    const [kind, file] = [pairs[at], pairs[at + 1]];
    await uses(browser, file, kind);
    if (kind === "run") await byKeyboard(browser, file);
    await accessible(browser, file, "light", {});
    await accessible(browser, file, "dark", { colorScheme: "dark" });
    await accessible(browser, file, "375 pixels", { viewport: { width: 375, height: 800 } });
    await prints(browser, file);
  }
} catch (error) {
  console.log("BROKEN " + (error instanceof Broken ? error.message : error.stack));
  process.exitCode = 1;
} finally {
  await browser.close();
}

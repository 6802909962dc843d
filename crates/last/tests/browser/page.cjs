// Opens pages in headless Chromium and says, a JSON object a line, what each did and what it holds.
// node page.cjs <folder of node_modules> <chromium> <kinds of visits> <page>...
"use strict";
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const [modules, executablePath, wanted, ...pages] = process.argv.slice(2);
const { chromium } = require(path.join(modules, "playwright-core"));

/// What a page must not hold, whatever a text said.
const holds = () => {
  const all = [...document.querySelectorAll("*")];
  const names = new Set(all.map((element) => element.localName));
  const hostile = ["iframe", "object", "embed", "form", "base", "foreignobject", "animate", "set",
    "use", "video", "audio", "marquee", "math", "template"];
  const links = [...document.querySelectorAll("[href],[src]")]
    .map((element) => element.getAttribute("href") ?? element.getAttribute("src"));
  return {
    ran: globalThis.xss !== undefined,
    scripts: document.scripts.length,
    elements: hostile.filter((name) => names.has(name)),
    handlers: all.flatMap((element) => element.getAttributeNames())
      .filter((name) => name.startsWith("on") || name === "style"),
    links: links.filter((link) => !/^(#[a-z0-9-]+|data:,|[\w.~%-]+(\/+[\w.~%-]+)*)$/.test(link)),
    dead: links.filter((link) => link.startsWith("#") && !document.getElementById(link.slice(1))),
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    tables: document.querySelectorAll("table.tasks tbody").length,
  };
};

/// Waits until each picture was shown or given up: those far down are not fetched before that.
const pictures = async () => {
  for (const picture of document.images) {
    picture.scrollIntoView();
    await picture.decode().catch(() => {});
  }
  return [...document.images]
    .map((picture) => [picture.getAttribute("src"), picture.naturalWidth, picture.naturalHeight]);
};

const visit = async (context, file, kind, scripted) => {
  const page = await context.newPage();
  const said = [], asked = [], dialogs = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  page.on("dialog", (dialog) => { dialogs.push(dialog.message()); dialog.dismiss(); });
  const own = pathToFileURL(file).href;
  page.on("request", (request) => {
    const beside = request.url().startsWith(new URL(".", own).href) || request.url() === "data:,";
    if (!beside) asked.push(request.url());
  });
  const begun = performance.now();
  await page.goto(own, { waitUntil: "load" });
  const opened_ms = Math.round(performance.now() - begun);
  const found = scripted ? await page.evaluate(holds) : {};
  const shown = (await page.innerText("body")).length;
  // Sorting and filtering work, and what a text says is only text in them too.
  let first = null;
  if (found.tables > 1) {
    await page.$eval("table.tasks th[data-key=run] button", (button) => button.click());
    await page.$eval("table.tasks th[data-key=run] button", (button) => button.click());
    first = await page.getAttribute("table.tasks tbody", "data-run");
    await page.fill("#filter", "no task is called so");
    found.left = await page.locator("table.tasks tbody:visible").count();
    await page.fill("#filter", "");
  }
  if (kind === "seen") {
    found.pictures = await page.evaluate(pictures);
    await page.screenshot({ path: `${file}.png`, fullPage: true });
  }
  // Whatever a person may hover or click.
  await page.mouse.move(200, 200);
  await page.close();
  return { file: path.basename(file), opened_ms, shown, said, asked, dialogs, first, ...found };
};

(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const kinds = {
    plain: {},
    // Without the page's own policy: escaping alone has to hold.
    unguarded: { bypassCSP: true },
    phone: { viewport: { width: 360, height: 740 }, colorScheme: "dark" },
    "no script": { javaScriptEnabled: false },
    // Its pictures are looked at, and the page with them is kept beside it.
    seen: {},
  };
  const open = pages.flatMap((page) => wanted.split(",").map((kind) => [page, kind])).values();
  const work = async () => {
    const contexts = {};
    for (const [page, kind] of open) {
      const options = kinds[kind];
      contexts[kind] ??= await browser.newContext(options);
      const found = await visit(contexts[kind], page, kind, options.javaScriptEnabled !== false);
      console.log(JSON.stringify({ kind, ...found }));
    }
  };
  // Two at a time: what is waited for is mostly the browser's own start of a page.
  await Promise.all([work(), work()]);
  await browser.close();
})().catch((error) => { console.error(error); process.exit(1); });

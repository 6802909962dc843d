"use strict";
(() => {
  const table = document.querySelector("table.tasks");
  const folds = () => table.querySelectorAll("details");
  const reveal = () => {
    const place = /^#task-\d+$/.test(location.hash) && document.querySelector(location.hash);
    if (place) {
      place.hidden = false;
      place.querySelector("details").open = true;
      place.scrollIntoView({ block: "start" });
    }
  };
  if (!table) return;

  const bodies = [...table.tBodies];
  const name = (body) => body.rows[0].cells[1].textContent;
  const words = new Map(bodies.map((body) => [body, body.rows[0].textContent.toLowerCase()]));
  const compare = {
    id: (a, b) => name(a).localeCompare(name(b), undefined, { numeric: true }),
    status: (a, b) => a.dataset.status.localeCompare(b.dataset.status),
  };
  for (const head of table.tHead.rows[0].cells) {
    const key = head.dataset.key;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    const byNumber = (a, b) => Number(a.dataset[key]) - Number(b.dataset[key]);
    button.addEventListener("click", () => {
      const down = head.ariaSort === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.ariaSort = down ? "descending" : "ascending";
      const sorted = bodies.toSorted(compare[key] ?? byNumber);
      table.append(...(down ? sorted.reverse() : sorted));
    });
  }

  document.querySelector(".tools").hidden = false;
  const filter = document.getElementById("filter");
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const body of bodies) {
      body.hidden = !wanted.every((word) => words.get(body).includes(word));
      shown += body.hidden ? 0 : 1;
    }
    document.getElementById("shown").textContent = `${shown} of ${bodies.length} shown`;
  });
  const setAll = (open) => folds().forEach((fold) => { fold.open = open; });
  document.getElementById("open").addEventListener("click", () => setAll(true));
  document.getElementById("close").addEventListener("click", () => setAll(false));
  const bad = bodies.filter((body) => body.dataset.status !== "completed");
  addEventListener("beforeprint", () => bad.forEach((body) => {
    body.querySelector("details").open = true;
  }));
  addEventListener("hashchange", reveal);
  reveal();
})();

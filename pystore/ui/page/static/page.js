"use strict";
// Everything here adds to a page that works without it: copy, sort, tick two, follow changes.

function copyButtons(root) {
  for (const one of root.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.className = "copy";
    button.type = "button";
    button.textContent = "copy";
    button.setAttribute("aria-label", `Copy ${one.dataset.copy}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(one.dataset.copy);
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1200);
    });
    one.after(button);
  }
}

function valueOf(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.by ?? cell.textContent.trim();
  const number = Number(text.replaceAll(",", ""));
  return text !== "" && !Number.isNaN(number) ? number : text;
}

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
  return one.localeCompare(other);
}

function sortBy(table, head, way) {
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", way);
  const body = table.tBodies[0];
  const column = head.cellIndex;
  const sign = way === "ascending" ? 1 : -1;
  const rows = [...body.rows].map((row) => [valueOf(row, column), row]);
  rows.sort(([one], [other]) => {
    if (one === "" || one === "—") return 1; // what has no value comes last
    if (other === "" || other === "—") return -1;
    return sign * compare(one, other);
  });
  body.append(...rows.map(([, row]) => row));
}

function sortable(root) {
  for (const table of root.querySelectorAll("table.sortable")) {
    for (const head of table.tHead.rows[0].cells) {
      if (!head.textContent.trim() || head.classList.contains("fixed")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const first = head.classList.contains("n") ? "descending" : "ascending";
        const second = first === "ascending" ? "descending" : "ascending";
        sortBy(table, head, now === first ? second : first);
      });
      head.append(button);
    }
  }
}

// --- traces -------------------------------------------------------------------------

const HUES = [166, 26, 216, 46, 286, 346, 96, 196, 316, 66];

async function draw(link, plot) {
  const reply = await fetch(link.href);
  if (!reply.ok) return;
  const { metric, lines } = await reply.json();
  const style = getComputedStyle(document.documentElement);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const axis = { stroke: style.color, grid: { stroke: dark ? "#2b3330" : "#dfe4e1", width: 1 }, ticks: { show: false } };
  const series = lines.map((line, i) => ({
    label: `attempt ${line.attempt}`,
    stroke: `hsl(${HUES[i % HUES.length]} ${dark ? "55% 65%" : "60% 36%"})`,
    dash: i < HUES.length ? [] : [6, 3],
    width: 1.5,
    points: { show: line.steps.length < 2 },
    spanGaps: true,
  }));
  plot.replaceChildren();
  plot.setAttribute("aria-label", `${metric} over the steps of ${lines.length} attempts`);
  if (!lines.length) {
    plot.textContent = "No attempt has told it at steps.";
    return;
  }
  const data = uPlot.join(lines.map((line) => [line.steps, line.values]));
  const options = {
    width: plot.clientWidth,
    height: 320,
    scales: { x: { time: false } },
    series: [{ label: "step" }, ...series],
    axes: [axis, axis],
    legend: { show: lines.length <= 10 },
  };
  const made = new uPlot(options, data, plot);
  new ResizeObserver(() => made.setSize({ width: plot.clientWidth, height: 320 })).observe(plot);
}

function traces(root, chosen) {
  const plot = root.querySelector(".plot");
  const links = [...root.querySelectorAll("a.trace")];
  if (!plot || !links.length) return;
  const show = (link) => {
    for (const one of links) one.toggleAttribute("aria-current", one === link);
    draw(link, plot);
  };
  for (const link of links) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      show(link);
    });
  }
  show(links.find((link) => link.textContent === chosen) ?? links[0]);
}

function prepare(root, trace) {
  copyButtons(root);
  sortable(root);
  traces(root, trace);
}

// --- following changes: the page asks for itself again, and keeps what its reader has done

const STOPS = "a, button, input, select, summary, [tabindex]";

function choice(input) {
  return `${input.name}=${input.value}`;
}

function kept(main) {
  const all = (what) => [...main.querySelectorAll(what)];
  const sorting = (table) => table.querySelector("[aria-sort]");
  const before = {
    at: all(STOPS).indexOf(document.activeElement),
    open: all("details").map((one) => one.open),
    ticked: new Set(all("input:checked").map(choice)),
    sorted: all("table.sortable").map((t) => sorting(t) && [sorting(t).cellIndex, sorting(t).ariaSort]),
  };
  return () => {
    all("details").forEach((one, at) => { one.open = before.open[at] ?? one.open; });
    all("[type=checkbox], [type=radio]").forEach((one) => { one.checked = before.ticked.has(choice(one)); });
    all("table.sortable").forEach((table, at) => {
      const [column, way] = before.sorted[at] ?? [];
      if (way && table.tHead.rows[0].cells[column]) sortBy(table, table.tHead.rows[0].cells[column], way);
    });
    if (before.at >= 0) all(STOPS)[before.at]?.focus({ preventScroll: true });
  };
}

async function showAgain() {
  const main = document.querySelector("main");
  if (main.contains(document.activeElement) && document.activeElement.matches("input, select")) return;
  const answer = await fetch(location.href).catch(() => null); // the server may have ended
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const restore = kept(main);
  const trace = main.querySelector("a.trace[aria-current]")?.textContent;
  main.replaceChildren(...fresh.querySelector("main").childNodes);
  prepare(main, trace);
  restore();
}

function follow(address) {
  let stream = null;
  const look = () => { // a hidden page holds no connection: browsers have few for one server
    if (document.hidden) { stream?.close(); stream = null; return; }
    if (stream) return;
    stream = new EventSource(address);
    stream.addEventListener("changed", showAgain);
  };
  document.addEventListener("visibilitychange", look);
  look();
}

prepare(document);
if (document.body.dataset.changed) follow(document.body.dataset.changed);

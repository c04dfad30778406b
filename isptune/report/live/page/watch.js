// Follows runs: asks the server how far they are, again and again. It knows nothing by itself, so that the server and
// the run may stop and start again meanwhile.

import { Looking } from "/page/looking.js";
import { Pictures } from "/page/pictures.js";
import { drawPlot } from "/live/plot.js";

const EVERY_MS = 2000;
const SLOWER_MS = 10000; // of runs that do not go on
const base = location.pathname.replace(/\/$/, "");
const $ = (id) => document.getElementById(id);
const pictures = new Pictures();
const names = { left: "start", right: "best so far" };
const looking = new Looking($("looking"), { names: () => names, wheelNeedsControl: true });
let shown = ""; // what the viewer shows: a change of it is a change of the pictures
let state = null;

const wanted = () => decodeURIComponent(location.hash.slice(1));
const encoded = (name) => name.split("/").map(encodeURIComponent).join("/");

async function ask(path) {
  const response = await fetch(`${base}/${path}`, { cache: "no-store", signal: AbortSignal.timeout(15000) });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return response.json();
}

async function follow() {
  let pause = EVERY_MS;
  try {
    const runs = await ask("runs");
    listRuns(runs);
    const name = runs.some((run) => run.name === wanted()) ? wanted() : runs[0]?.name;
    if (name === undefined) notice("There is no run here yet; one that begins is shown.");
    else {
      state = await ask(`state/${encoded(name)}`);
      show(state);
      notice(state.error ?? "");
      if (state.phase === "finished" || state.phase === "stopped") pause = SLOWER_MS;
    }
  } catch {
    notice("No answer from the server; trying again …");
  }
  setTimeout(follow, pause);
}

function notice(text) {
  if ($("notice").textContent !== text) $("notice").textContent = text;
  $("notice").hidden = !text;
}

function listRuns(runs) {
  $("runs").hidden = runs.length < 2;
  const current = wanted() || runs[0]?.name;
  const items = runs.map((run) => {
    const link = element("a", run.name);
    link.href = `#${encodeURIComponent(run.name)}`;
    link.setAttribute("aria-current", String(run.name === current));
    link.append(element("span", [run.phase, run.asked ? `${run.done} of ${run.asked} trials` : "", run.time ?? ""].filter(Boolean).join(" · ")));
    const item = element("li");
    item.append(link);
    return item;
  });
  const focused = document.activeElement?.closest?.("#runs a")?.hash;
  $("runs").querySelector("ul").replaceChildren(...items);
  if (focused) [...document.querySelectorAll("#runs a")].find((link) => link.hash === focused)?.focus();
}

function show(run) {
  $("name").textContent = run.name;
  document.title = `${run.phase} · ${run.name}`;
  $("title").textContent = run.title ?? "";
  const broken = run.phase === "damaged";
  $("progress-part").hidden = broken;
  if (broken) return;
  $("phase").textContent = run.phase;
  $("time").textContent = run.time;
  $("count").textContent = run.asked ? `${run.done} of ${run.asked}` : `${run.done}`;
  const share = run.asked ? Math.min(1, run.done / run.asked) : 0;
  $("track").firstElementChild.style.transform = `scaleX(${share})`;
  $("track").setAttribute("aria-valuemax", run.asked ?? run.done);
  $("track").setAttribute("aria-valuenow", run.done);
  names.right = run.phase === "finished" ? "recommended" : "best so far";
  [$("show-left").textContent, $("show-right").textContent] = [names.left, names.right];
  showPictures(run);
  showPlots(run);
  showKnobs(run);
}

async function showPictures(run) {
  $("looking").hidden = !run.pictures.length;
  if (!run.pictures.length) return;
  const select = $("scene");
  const scenes = run.pictures.map((one) => one.scene);
  if ([...select.options].map((option) => option.value).join("\n") !== scenes.join("\n")) {
    const kept = select.value;
    select.replaceChildren(...scenes.map((scene) => new Option(scene, scene)));
    if (scenes.includes(kept)) select.value = kept;
  }
  $("of-scene").hidden = scenes.length < 2;
  const one = run.pictures.find((picture) => picture.scene === select.value);
  const key = [run.name, one.left, one.right].join("\n");
  if (key === shown) return;
  const pair = Object.fromEntries(
    ["left", "right", "reference"].map((side) => [side, one[side] && `${base}/picture/${one[side]}/${encoded(run.name)}`]),
  );
  pictures.keep([pair]);
  try {
    const decoded = await pictures.pair(pair);
    const { zoom, centre, fitted } = looking.viewer;
    const again = shown.split("\n")[0] === run.name;
    looking.viewer.show(decoded);
    if (again && !fitted) Object.assign(looking.viewer, { zoom, centre }); // the same place of a newer picture
    looking.viewer.draw();
    $("reference").hidden = !one.reference;
    shown = key;
  } catch {
    // it is asked for again with the next answer
  }
}

function showPlots(run) {
  const drawn = run.objectives.filter((objective) => objective.x.length);
  $("plots").hidden = !drawn.length;
  const box = $("plots").querySelector(".plots");
  while (box.children.length > drawn.length) box.lastElementChild.remove();
  drawn.forEach((objective, k) => {
    if (!box.children[k]) box.append(element("div"));
    const { best, median, low, high } = objective.curves;
    drawPlot(box.children[k], {
      title: `${objective.name}, ${objective.wanted}`,
      x: objective.x,
      xLabel: "generation",
      yLabel: objective.label,
      curves: [
        { name: "10 to 90 % of trials", kind: "band", low, high },
        { name: "median trial", kind: "second", values: median },
        { name: "best so far", kind: "first", values: best },
      ],
    });
  });
}

function showKnobs(run) {
  $("knobs").hidden = !run.knobs.length;
  const rows = run.knobs.map((knob) => {
    const row = element("tr");
    const place = element("td");
    if (knob.places) place.append(bar(knob));
    row.append(element("td", knob.name), place, number(knob.start), number(knob.now), element("td", knob.unit));
    return row;
  });
  $("knobs").querySelector("tbody").replaceChildren(...rows);
}

function number(value) {
  const cell = element("td", typeof value === "number" ? String(Number(value.toPrecision(4))) : value);
  cell.className = "num";
  return cell;
}

function bar(knob) {
  const [was, now] = knob.places.map((place) => `${(100 * place).toFixed(2)}%`);
  const drawing = svg("svg", { class: "bar", role: "img", "aria-label": `${knob.name} in its range` });
  drawing.append(
    svg("line", { x1: 0, x2: "100%", y1: 7, y2: 7 }),
    svg("line", { class: "was", x1: was, x2: was, y1: 0, y2: 14 }),
    svg("circle", { cx: now, cy: 7, r: 5 }),
  );
  return drawing;
}

function svg(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function element(tag, text = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

$("scene").addEventListener("change", () => state && showPictures(state));
addEventListener("hashchange", async () => {
  try {
    state = await ask(`state/${encoded(wanted())}`);
    show(state);
  } catch {
    // the next round says what is wrong
  }
});
addEventListener("keydown", (event) => {
  if ($("looking").matches(":hover, :focus-within")) looking.pressed(event);
});
follow();

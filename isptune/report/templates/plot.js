// A plot of curves over a whole number that says its values where the mouse, a finger or the arrow keys are.
//
// It is drawn as SVG, so that it is sharp at any size and takes the page's colours; what it says is also said to screen
// readers. No library: those that work in one offline file take 50 to 1000 kB for what is done here in a few.

const PLOT = { width: 640, height: 310, left: 84, right: 14, top: 14, bottom: 52 }; // text of 19 units has room, as phones need it
const plotted = new WeakMap(); // element -> the curves that it shows

// plot: {title, x, xLabel, yLabel, log, curves: [{name, kind: first | second | band | rule | chosen | dots, values | low, high}]}
export function drawPlot(box, plot) {
  const told = JSON.stringify(plot);
  if (plotted.get(box) === told) return;
  plotted.set(box, told);
  const ranges = plotRanges(plot);
  if (!ranges) return box.replaceChildren();
  const across = plotScale(ranges.x, [PLOT.left, PLOT.width - PLOT.right]);
  const up = plotScale(ranges.y, [PLOT.height - PLOT.bottom, PLOT.top], plot.log);
  const drawing = plotPart("svg", { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, class: "curves", role: "img", "aria-label": plot.title, tabindex: 0 });
  drawing.append(...plotAxes(plot, ranges, across, up), ...plot.curves.map((curve) => plotCurve(plot, curve, across, up)));
  const cursor = plotPart("line", { class: "cursor", y1: PLOT.top, y2: PLOT.height - PLOT.bottom, visibility: "hidden" });
  drawing.append(cursor);
  const said = plotShown(box, plot.title, drawing);
  plotReading(plot, drawing, cursor, said, across);
}

// Puts a drawing under its title, and gives the line in which it says what is read off it.
function plotShown(box, text, drawing) {
  const title = document.createElement("h3");
  title.textContent = text;
  const said = document.createElement("p");
  said.className = "said";
  said.setAttribute("role", "status");
  box.classList.add("plotted");
  box.replaceChildren(title, drawing, said);
  return said;
}

function plotRanges(plot) {
  const all = plot.curves.flatMap((curve) => (curve.kind === "band" ? [...curve.low, ...curve.high] : curve.values));
  const known = all.filter((value) => value !== null && (!plot.log || value > 0));
  if (!known.length || !plot.x.length) return null;
  let [low, high] = [Math.min(...known), Math.max(...known)];
  if (low === high) [low, high] = plot.log ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
  else if (!plot.log) [low, high] = [low - 0.04 * (high - low), high + 0.04 * (high - low)];
  return { x: [plot.x[0], Math.max(plot.x.at(-1), plot.x[0] + 1)], y: [low, high] };
}

function plotScale([low, high], [from, to], log = false) {
  const of = log ? Math.log : (value) => value;
  return (value) => from + ((of(value) - of(low)) / (of(high) - of(low))) * (to - from);
}

// About five round numbers between two.
function plotTicks([low, high], log, whole = false) {
  if (log && high / low > 8) {
    const first = Math.ceil(Math.log10(low));
    const count = Math.floor(Math.log10(high)) - first + 1;
    if (count > 1) return Array.from({ length: count }, (_, k) => 10 ** (first + k));
  }
  const rough = (high - low) / 5;
  const size = 10 ** Math.floor(Math.log10(rough));
  let step = size * [1, 2, 5, 10].find((factor) => factor * size >= rough);
  if (whole) step = Math.max(1, Math.round(step));
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => (first + k) * step);
}

function plotAxes(plot, ranges, across, up, whole = true) {
  const bottom = PLOT.height - PLOT.bottom;
  const parts = [];
  for (const tick of plotTicks(ranges.y, plot.log)) {
    parts.push(plotPart("line", { class: "grid", x1: PLOT.left, x2: PLOT.width - PLOT.right, y1: up(tick), y2: up(tick) }));
    parts.push(plotText(plotNumber(tick), { x: PLOT.left - 7, y: up(tick) + 5, "text-anchor": "end" }));
  }
  for (const tick of plotTicks(ranges.x, false, whole))
    parts.push(plotText(plotNumber(tick), { x: across(tick), y: bottom + 20, "text-anchor": "middle" }));
  parts.push(plotPart("line", { class: "axis", x1: PLOT.left, x2: PLOT.width - PLOT.right, y1: bottom, y2: bottom }));
  parts.push(plotText(plot.xLabel, { x: PLOT.width - PLOT.right, y: PLOT.height - 6, "text-anchor": "end", class: "label" }));
  return parts;
}

function plotCurve(plot, curve, across, up) {
  const shown = (value) => value !== null && value !== undefined && (!plot.log || value > 0);
  if (curve.kind === "band") {
    const kept = plot.x.map((_, k) => k).filter((k) => shown(curve.low[k]) && shown(curve.high[k]));
    const edge = (values, order) => order.map((k) => `${across(plot.x[k]).toFixed(1)},${up(values[k]).toFixed(1)}`);
    return plotPart("polygon", { class: "band", points: [...edge(curve.high, kept), ...edge(curve.low, kept.toReversed())].join(" ") });
  }
  const group = plotPart("g", { class: curve.kind });
  if (curve.kind === "dots") {
    plot.x.forEach((x, k) => shown(curve.values[k]) && group.append(plotPart("circle", { cx: across(x), cy: up(curve.values[k]), r: 2.2 })));
    return group;
  }
  let path = "";
  let gap = true;
  plot.x.forEach((x, k) => {
    if (shown(curve.values[k])) path += `${gap ? "M" : "L"}${across(x).toFixed(1)} ${up(curve.values[k]).toFixed(1)}`;
    gap = !shown(curve.values[k]);
  });
  group.append(plotPart("path", { d: path }));
  return group;
}

function plotReading(plot, drawing, cursor, said, across) {
  let at = plot.x.length - 1;
  const words = (k) =>
    plot.curves.map((curve) => {
      const value = curve.kind === "band" ? [curve.low[k], curve.high[k]] : [curve.values[k]];
      return `${curve.name} ${value.map((one) => (one === null || one === undefined ? "–" : plotNumber(one))).join(" to ")}`;
    });
  const say = (k, showCursor = true) => {
    at = Math.min(plot.x.length - 1, Math.max(0, k));
    const place = across(plot.x[at]);
    for (const name of ["x1", "x2"]) cursor.setAttribute(name, place);
    cursor.setAttribute("visibility", showCursor ? "visible" : "hidden");
    const items = [`${plot.xLabel} ${plot.x[at]}`, ...words(at)].map((text, number) => {
      const span = document.createElement("span");
      span.className = number ? plot.curves[number - 1].kind : "";
      span.textContent = text;
      return span;
    });
    said.replaceChildren(...items);
  };
  const nearest = (x) => plot.x.reduce((best, one, k) => (Math.abs(one - x) < Math.abs(plot.x[best] - x) ? k : best), 0);
  drawing.addEventListener("pointermove", (event) => {
    const bounds = drawing.getBoundingClientRect();
    const inside = ((event.clientX - bounds.left) / bounds.width) * PLOT.width;
    const [from, to] = [across(plot.x[0]), across(plot.x.at(-1))];
    const share = to > from ? (inside - from) / (to - from) : 0;
    say(nearest(plot.x[0] + share * (plot.x.at(-1) - plot.x[0])));
  });
  drawing.addEventListener("pointerleave", () => say(plot.x.length - 1, false));
  drawing.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    say(at + by);
  });
  say(at, false);
}

const plotNumber = (value) => String(Number(value.toPrecision(4))).replace("-", "−");

function plotText(text, attributes) {
  const made = plotPart("text", attributes);
  made.textContent = text;
  return made;
}

function plotPart(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

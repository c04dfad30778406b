// Draws the scale of a scene: a dot for each picture, a line for its interval, the best on top.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 900;
const ROW = 20;
const NAMES = 230;
const FOOT = 26;

export function scalePlot({ scene, unit, conditions }) {
  const rows = [...conditions].sort((a, b) => b.value - a.value);
  const low = Math.min(...rows.map((row) => row.low ?? row.value));
  const high = Math.max(...rows.map((row) => row.high ?? row.value));
  const span = high - low || 1;
  const x = (value) => NAMES + ((value - low) / span) * (WIDTH - NAMES - 30) + 10;
  const height = rows.length * ROW + FOOT;
  const plot = shape("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img" });
  plot.setAttribute("aria-label", `Scale of scene ${scene}, the best picture on top`);
  for (const tick of ticks(low, high)) {
    plot.append(shape("line", { class: "axis", x1: x(tick), x2: x(tick), y1: 0, y2: height - FOOT + 4 }));
    plot.append(label(tick.toLocaleString("en"), { x: x(tick), y: height - 8, "text-anchor": "middle" }));
  }
  rows.forEach((row, index) => {
    const y = index * ROW + ROW / 2;
    plot.append(label(short(row.name), { class: "name", x: NAMES - 12, y: y + 4, "text-anchor": "end" }));
    if (row.low !== null && row.high !== null)
      plot.append(shape("line", { class: "range", x1: x(row.low), x2: x(row.high), y1: y, y2: y }));
    const dot = shape("circle", { class: "dot", cx: x(row.value), cy: y, r: 4.5 });
    const title = shape("title", {});
    title.textContent = `${row.name}: ${row.value.toFixed(2)} ${unit}`;
    dot.append(title);
    plot.append(dot);
  });
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = `${scene}, ${unit}`;
  figure.append(caption, plot);
  return figure;
}

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function label(text, attributes) {
  const made = shape("text", attributes);
  made.textContent = text;
  return made;
}

const short = (name) => (name.length > 30 ? `${name.slice(0, 29)}…` : name);

function ticks(low, high) {
  const rough = (high - low || 1) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high; at += 1) found.push(Number((at * step).toPrecision(6)));
  return found;
}

// Two scores of every trial against each other, with the front: what a point is, is said where the mouse or the arrow keys are.

// plot: {title, kind: "scatter", xLabel, yLabel, groups: [{name, kind: faint | member | start | chosen, points: [[x, y, name], ...]}]}
export function drawScatter(box, plot) {
  const points = plot.groups.flatMap((group) => group.points.map(([x, y, name]) => ({ x, y, name, kind: group.kind })));
  const range = (key) => scatterRange(points.map((point) => point[key]));
  const ranges = { x: range("x"), y: range("y") };
  const across = plotScale(ranges.x, [PLOT.left, PLOT.width - PLOT.right]);
  const up = plotScale(ranges.y, [PLOT.height - PLOT.bottom, PLOT.top]);
  const drawing = plotPart("svg", { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, class: "curves", role: "img", "aria-label": plot.title, tabindex: 0 });
  drawing.append(...plotAxes(plot, ranges, across, up, false));
  for (const group of plot.groups) {
    const drawn = plotPart("g", { class: group.kind });
    const r = group.kind === "faint" ? 3 : 6;
    for (const [x, y] of group.points) drawn.append(plotPart("circle", { cx: across(x), cy: up(y), r }));
    drawing.append(drawn);
  }
  const cursor = plotPart("circle", { class: "ring", r: 10, visibility: "hidden" });
  drawing.append(cursor);
  const said = plotShown(box, plot.title, drawing);
  scatterReading(plot, points, drawing, cursor, said, across, up);
}

function scatterRange(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = high > low ? 0.05 * (high - low) : 0.5;
  return [low - room, high + room];
}

function scatterReading(plot, points, drawing, cursor, said, across, up) {
  const walked = points.map((_, k) => k).filter((k) => points[k].kind !== "faint").sort((a, b) => points[a].x - points[b].x);
  const words = (text, kind = "") => Object.assign(document.createElement("span"), { textContent: text, className: kind });
  const legend = () => said.replaceChildren(...plot.groups.map((group) => words(group.name, group.kind)));
  let at = -1;
  const say = (k) => {
    at = k;
    const { x, y, name, kind } = points[k];
    cursor.setAttribute("cx", across(x));
    cursor.setAttribute("cy", up(y));
    cursor.setAttribute("visibility", "visible");
    said.replaceChildren(words(name, kind), words(`${plot.xLabel} ${plotNumber(x)}`), words(`${plot.yLabel} ${plotNumber(y)}`));
  };
  drawing.addEventListener("pointermove", (event) => {
    const bounds = drawing.getBoundingClientRect();
    const [x, y] = [((event.clientX - bounds.left) / bounds.width) * PLOT.width, ((event.clientY - bounds.top) / bounds.height) * PLOT.height];
    const away = (point) => Math.hypot(across(point.x) - x, up(point.y) - y);
    say(points.reduce((best, point, k) => (away(point) < away(points[best]) ? k : best), 0));
  });
  drawing.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    legend();
  });
  drawing.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || !walked.length) return;
    event.preventDefault();
    const now = walked.indexOf(at);
    say(walked[now < 0 ? (by > 0 ? 0 : walked.length - 1) : Math.min(walked.length - 1, Math.max(0, now + by))]);
  });
  legend();
}

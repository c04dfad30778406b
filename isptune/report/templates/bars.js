// Shares as bars, the largest first: whose bar it is and how much, is said where the mouse or the arrow keys are.

const BARS = { row: 27, letter: 10.5, letters: 24, number: 62 }; // units of the drawing; letters as wide as a phone shows them

// plot: {title, kind: "bars", said, bars: [[name, share], ...]}
export function drawBars(box, plot) {
  const short = (name) => (name.length > BARS.letters ? `…${name.slice(1 - BARS.letters)}` : name);
  const left = Math.max(...plot.bars.map(([name]) => short(name).length)) * BARS.letter + 10;
  const height = plot.bars.length * BARS.row + 8;
  const across = (share) => (share / plot.bars[0][1]) * (PLOT.width - left - BARS.number);
  const drawing = plotPart("svg", { viewBox: `0 0 ${PLOT.width} ${height}`, class: "curves", role: "img", "aria-label": plot.title, tabindex: 0 });
  const rows = plot.bars.map(([name, share], k) => {
    const row = plotPart("g", { class: "bar" });
    const middle = k * BARS.row + BARS.row / 2 + 4;
    row.append(plotText(short(name), { x: left - 8, y: middle + 5, "text-anchor": "end" }));
    row.append(plotPart("rect", { x: left, y: middle - 9, width: Math.max(1, across(share)), height: 18 }));
    row.append(plotText(barPercent(share, 0), { x: left + across(share) + 7, y: middle + 5 }));
    return row;
  });
  drawing.append(...rows);
  const said = plotShown(box, plot.title, drawing);
  barReading(plot, drawing, rows, said, height);
}

const barPercent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

function barReading(plot, drawing, rows, said, height) {
  let at = 0;
  const say = (k, marked = true) => {
    at = Math.min(rows.length - 1, Math.max(0, k));
    rows.forEach((row, number) => row.classList.toggle("at", marked && number === at));
    const [name, share] = plot.bars[at];
    said.textContent = `${name}: ${barPercent(share)} ${plot.said}`;
  };
  drawing.addEventListener("pointermove", (event) => {
    const bounds = drawing.getBoundingClientRect();
    say(Math.floor((((event.clientY - bounds.top) / bounds.height) * height - 4) / BARS.row));
  });
  drawing.addEventListener("pointerleave", () => say(0, false));
  drawing.addEventListener("keydown", (event) => {
    const by = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    say(at + by);
  });
  say(0, false);
}

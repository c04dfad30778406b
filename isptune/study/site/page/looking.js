// The buttons and keys with which two pictures are looked at: the same on every page that has a viewer.
//
// A page has the elements that are named below, and may leave out those that it has no use for.

import { Viewer } from "/page/viewer.js";

const NAMES = { left: "Left", right: "Right", reference: "Reference" };
const MOVES = { ArrowLeft: [80, 0], ArrowRight: [-80, 0], ArrowUp: [0, 80], ArrowDown: [0, -80] };
const byId = (id) => document.getElementById(id);
const narrow = matchMedia("(max-width: 899px)");

export const isNarrow = () => narrow.matches;

export class Looking {
  // root: gets data-layout; names: what the sides are called now; wheelNeedsControl: see Viewer.
  constructor(root, { onchange = () => {}, names = () => NAMES, wheelNeedsControl = false } = {}) {
    this.root = root;
    this.names = names;
    this.onchange = onchange;
    const panes = { left: byId("pane-left"), right: byId("pane-right") };
    const ontap = () => this.viewer.layout === "place" && this.viewer.flip();
    this.viewer = new Viewer(panes, { onchange: () => this.refresh(), ontap, wheelNeedsControl });
    this.keys = this.#keys();
    this.#listen();
    narrow.addEventListener("change", () => this.setLayout(remembered() ?? "side"));
    this.setLayout(remembered() ?? "side");
  }

  setLayout(layout) {
    this.viewer.setLayout(narrow.matches ? "place" : layout);
    if (!narrow.matches) remember(layout);
  }

  flip() {
    if (this.viewer.layout === "side") this.setLayout("place");
    this.viewer.flip();
  }

  refresh() {
    const { viewer } = this;
    const placed = viewer.layout === "place";
    this.root.dataset.layout = viewer.layout;
    press("side", !placed);
    press("place", placed);
    press("show-left", viewer.shown === "left");
    press("show-right", viewer.shown === "right");
    press("reference", viewer.peeking);
    if (byId("zoom")) byId("zoom").textContent = viewer.zoomText;
    const names = this.names();
    for (const side of ["left", "right"])
      viewer.panes[side].querySelector(".tag").textContent = viewer.peeking ? (names.reference ?? NAMES.reference) : names[side];
    this.onchange();
  }

  // Does what a key stands for; says whether it stood for anything. `extra` are keys of the page itself, which go first.
  pressed(event, extra = {}) {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return false;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if ((key === " " || key === "Enter") && event.target.closest?.("button, summary, a")) return false; // it presses that
    const action = extra[key] ?? this.keys[key];
    if (event.shiftKey && MOVES[key]) this.viewer.move(...MOVES[key]);
    else if (action && (!event.repeat || key === "+" || key === "-")) action();
    else if (!action) return false;
    event.preventDefault();
    return true;
  }

  #keys() {
    const { viewer } = this;
    const zooms = [1, 2, 3, 4, 8].map((zoom) => [zoom, () => viewer.setZoom(zoom)]);
    return {
      ...Object.fromEntries(zooms),
      " ": () => this.flip(),
      t: () => this.setLayout(viewer.layout === "side" ? "place" : "side"),
      "+": () => viewer.step(1),
      "=": () => viewer.step(1),
      "-": () => viewer.step(-1),
      0: () => viewer.setZoom(1),
      f: () => viewer.fit(),
      r: () => viewer.peek(true),
    };
  }

  #listen() {
    const { viewer } = this;
    const clicks = {
      side: () => this.setLayout("side"),
      place: () => this.setLayout("place"),
      "show-left": () => viewer.flip("left"),
      "show-right": () => viewer.flip("right"),
      "zoom-in": () => viewer.step(1),
      "zoom-out": () => viewer.step(-1),
      zoom: () => viewer.setZoom(1),
    };
    for (const [id, action] of Object.entries(clicks)) byId(id)?.addEventListener("click", action);
    byId("reference")?.addEventListener("pointerdown", () => viewer.peek(true));
    for (const name of ["pointerup", "pointerleave", "pointercancel"])
      byId("reference")?.addEventListener(name, () => viewer.peek(false));
    // After a click Space flips; a button that was reached by keys keeps its focus, and Space presses it again.
    this.root.addEventListener("click", (event) => event.detail && event.target.closest?.("button")?.blur());
    addEventListener("keyup", (event) => event.key.toLowerCase() === "r" && viewer.peek(false));
    addEventListener("blur", () => viewer.peek(false));
  }
}

const isTyping = (event) => Boolean(event.target.closest?.("input, select, textarea"));

function press(id, on) {
  byId(id)?.setAttribute("aria-pressed", String(on));
}

// A page that is opened from a disk may have no storage.
function remembered() {
  try {
    return sessionStorage.getItem("layout");
  } catch {
    return null;
  }
}

function remember(layout) {
  try {
    sessionStorage.setItem("layout", layout);
  } catch {
    // it is asked again
  }
}

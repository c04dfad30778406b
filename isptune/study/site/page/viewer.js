// Shows the pictures of a pair pixel by pixel: one shared zoom and position, side by side or in one place.
//
// Canvases have as many pixels as the screen gives them, so that 1:1 is one picture pixel on one screen pixel
// at any scaling of the desktop. Zoom is in screen pixels for a picture pixel; whole numbers are exact copies.

const LEVELS = [1, 2, 3, 4, 6, 8, 12, 16];
const TAP_PX = 6;
const GAP_PX = 8; // between a small picture and the middle of the screen

export class Viewer {
  // wheelNeedsControl: on a page that scrolls, the wheel alone scrolls it.
  constructor(panes, { onchange, ontap, wheelNeedsControl = false }) {
    this.panes = panes; // {left, right}: elements that hold a canvas
    this.wheelNeedsControl = wheelNeedsControl;
    this.onchange = onchange;
    this.ontap = ontap;
    this.layout = "side";
    this.shown = "left";
    this.pictures = null;
    this.peeking = false;
    this.zoom = 1;
    this.fitted = false;
    this.centre = { x: 0, y: 0 };
    this.seen = new Set();
    this.pointers = new Map();
    for (const pane of Object.values(panes)) this.#listen(pane);
  }

  show(pictures) {
    this.pictures = pictures; // {left, right, reference}: ImageBitmaps, or images that are decoded
    this.centre = { x: pictures.left.width / 2, y: pictures.left.height / 2 };
    this.seen = new Set();
    this.peeking = false;
    if (this.layout === "place") this.shown = "left";
    if (this.fitted) this.zoom = this.#fit();
    this.draw();
  }

  setLayout(layout) {
    this.layout = layout;
    this.draw();
  }

  flip(side = this.shown === "left" ? "right" : "left") {
    this.shown = side;
    this.draw();
  }

  peek(on) {
    this.peeking = on && Boolean(this.pictures?.reference);
    this.draw();
  }

  setZoom(zoom, at = null) {
    if (!this.pictures) return;
    const smallest = Math.min(1, this.#fit());
    const next = Math.min(LEVELS.at(-1), Math.max(smallest, zoom));
    if (at) {
      // What lies under the pointer stays there.
      this.centre.x += at.x / this.zoom - at.x / next;
      this.centre.y += at.y / this.zoom - at.y / next;
    }
    this.zoom = next;
    this.fitted = false;
    this.draw();
  }

  fit() {
    if (!this.pictures) return;
    this.zoom = this.#fit();
    this.fitted = true;
    this.draw();
  }

  step(direction, at = null) {
    const levels = [...new Set([Math.min(1, this.#fit()), ...LEVELS])];
    const next =
      direction > 0
        ? levels.find((level) => level > this.zoom + 1e-6)
        : levels.findLast((level) => level < this.zoom - 1e-6);
    if (next) this.setZoom(next, at);
  }

  move(dx, dy) {
    this.centre.x -= dx / this.zoom;
    this.centre.y -= dy / this.zoom;
    this.draw();
  }

  draw() {
    const both = this.layout === "side";
    for (const [side, pane] of Object.entries(this.panes)) {
      pane.classList.toggle("behind", !both && side !== this.shown);
      pane.classList.toggle("reference", this.peeking);
    }
    if (this.pictures) {
      this.#keepInside();
      for (const [side, pane] of Object.entries(this.panes)) {
        if (!both && side !== this.shown) continue;
        const inwards = both ? { left: 1, right: -1 }[side] : 0;
        const picture = this.peeking ? this.pictures.reference : this.pictures[side];
        this.#paint(pane.querySelector("canvas"), picture, inwards);
        if (!this.peeking) this.seen.add(side);
      }
    }
    this.onchange();
  }

  get zoomText() {
    if (this.zoom >= 1 && Number.isInteger(this.zoom)) return `${this.zoom}:1`;
    return `${Math.round(this.zoom * 100)} %`;
  }

  // Pictures smaller than their panes stand next to each other in the middle of a wide screen: the eye has less
  // far to go. `inwards` is the way there, 1 to the right, -1 to the left, 0 for one picture alone.
  #paint(canvas, picture, inwards) {
    const context = canvas.getContext("2d", { alpha: false });
    context.fillStyle = "#777";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = !Number.isInteger(this.zoom);
    context.imageSmoothingQuality = "high";
    const spare = (canvas.width - picture.width * this.zoom) / 2;
    const shift = inwards * Math.max(0, spare - GAP_PX * devicePixelRatio);
    const left = Math.round(canvas.width / 2 - this.centre.x * this.zoom + shift);
    const top = Math.round(canvas.height / 2 - this.centre.y * this.zoom);
    const width = Math.round(picture.width * this.zoom);
    const height = Math.round(picture.height * this.zoom);
    context.drawImage(picture, left, top, width, height);
  }

  #canvas() {
    return this.panes[this.layout === "side" ? "left" : this.shown].querySelector("canvas");
  }

  #fit() {
    const { width, height } = this.#canvas();
    if (!this.pictures) return 1;
    return Math.min(width / this.pictures.left.width, height / this.pictures.left.height);
  }

  #overhang(canvas) {
    // How far the centre may leave the middle, in picture pixels: until an edge of the picture shows.
    const { width, height } = this.pictures.left;
    const slack = (size, room) => Math.max(0, (size - room / this.zoom) / 2);
    return { x: slack(width, canvas.width), y: slack(height, canvas.height) };
  }

  #keepInside() {
    const { width, height } = this.pictures.left;
    const slack = this.#overhang(this.#canvas());
    const clamp = (value, middle, room) => Math.min(middle + room, Math.max(middle - room, value));
    this.centre.x = clamp(this.centre.x, width / 2, slack.x);
    this.centre.y = clamp(this.centre.y, height / 2, slack.y);
    const movable = slack.x > 0 || slack.y > 0;
    for (const pane of Object.values(this.panes)) pane.classList.toggle("movable", movable);
  }

  #listen(pane) {
    const canvas = pane.querySelector("canvas");
    new ResizeObserver(([entry]) => {
      const exact = entry.devicePixelContentBoxSize?.[0];
      const box = entry.contentRect;
      canvas.width = exact?.inlineSize ?? Math.round(box.width * devicePixelRatio);
      canvas.height = exact?.blockSize ?? Math.round(box.height * devicePixelRatio);
      if (this.fitted) this.zoom = this.#fit();
      this.draw();
    }).observe(canvas);
    canvas.addEventListener(
      "wheel",
      (event) => {
        if (this.wheelNeedsControl && !event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        this.#wheel(event, canvas);
      },
      { passive: false },
    );
    canvas.addEventListener("pointerdown", (event) => this.#down(event, canvas));
    canvas.addEventListener("pointermove", (event) => this.#moved(event, canvas));
    for (const name of ["pointerup", "pointercancel"])
      canvas.addEventListener(name, (event) => this.#up(event, name === "pointerup"));
  }

  #wheel(event, canvas) {
    // A trackpad sends many small turns: one level a notch, not one a message.
    this.turned = (Math.sign(this.turned ?? 0) === Math.sign(event.deltaY) ? this.turned : 0) + event.deltaY;
    if (Math.abs(this.turned) < 40) return;
    this.turned = 0;
    this.step(event.deltaY < 0 ? 1 : -1, this.#fromMiddle(event, canvas));
  }

  #fromMiddle(event, canvas) {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    return {
      x: (event.clientX - box.left - box.width / 2) * scale,
      y: (event.clientY - box.top - box.height / 2) * scale,
    };
  }

  #down(event, canvas) {
    if (event.button > 0) return;
    canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.#fromMiddle(event, canvas));
    this.travelled = this.pointers.size > 1 ? Infinity : 0;
    for (const pane of Object.values(this.panes)) pane.classList.add("moving");
  }

  #moved(event, canvas) {
    const before = this.pointers.get(event.pointerId);
    if (!before || !this.pictures) return;
    const now = this.#fromMiddle(event, canvas);
    if (this.pointers.size === 2) this.#pinch(event.pointerId, before, now);
    else if (this.pointers.size === 1) {
      this.travelled += Math.hypot(now.x - before.x, now.y - before.y) / devicePixelRatio;
      if (this.travelled > TAP_PX) this.move(now.x - before.x, now.y - before.y);
    }
    this.pointers.set(event.pointerId, now);
  }

  #pinch(id, before, now) {
    const [other] = [...this.pointers].filter(([key]) => key !== id).map(([, point]) => point);
    const apart = (a, b) => Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    this.setZoom((this.zoom * apart(now, other)) / apart(before, other), middle);
    this.move((now.x - before.x) / 2, (now.y - before.y) / 2);
  }

  #up(event, lifted) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (this.pointers.size) return;
    for (const pane of Object.values(this.panes)) pane.classList.remove("moving");
    if (lifted && this.travelled <= TAP_PX) this.ontap();
    else if (this.zoom > 1 && !Number.isInteger(this.zoom)) this.setZoom(Math.round(this.zoom));
  }
}

// Questions on the screen and the room, asked once before the first vote: squares of two grey ramps that can be told from
// black and from white, and digits in dots of two colours.
//
// Two colours of a plate differ along one axis of the cones: who lacks these cones sees one colour. Dots differ in
// brightness, so that it tells nothing. Cones of sRGB: Viénot, Brettel and Mollon 1999, Digital video colourmaps for
// checking the legibility of displays by dichromats, doi:10.1002/(SICI)1520-6378(199908)24:4<243::AID-COL5>3.0.CO;2-3;
// plates: Ishihara 1917.

import { say } from "./words.js";

export const STEPS = [2, 4, 7, 10, 14, 19, 25, 32]; // of 255, from black, and from white
const ENOUGH = 5;

// Linear light of the digit and of the ground around it.
export const PLATES = [
  { kind: "control", digit: [0.5, 0.42, 0.08], ground: [0.06, 0.08, 0.2] },
  { kind: "deutan", digit: [0.36, 0.15, 0.084], ground: [0.12, 0.25, 0.076] },
  { kind: "protan", digit: [0.36, 0.185, 0.08], ground: [0.12, 0.215, 0.081] },
];
const SIDE = 168;
const DARKEST = 0.7; // of a dot, with 1 for the brightest

export class ViewingForm {
  // onskip: what the button does that answers nothing.
  constructor(onskip) {
    const plates = shuffled(PLATES).map((plate) => ({ ...plate, shown: Math.floor(Math.random() * 8) + 2 }));
    this.dark = counting();
    this.light = counting();
    this.plates = plates.map((plate) => ({ ...plate, field: digits() }));
    const strips = [["dark", this.dark], ["light", this.light]].map(([kind, field]) =>
      labelled(say(`viewing_${kind}`), field, strip(kind)),
    );
    const row = made("div", "plates");
    row.append(...this.plates.map((plate, k) => labelledBelow(say("viewing_plate", { n: k + 1 }), plate.field, dots(plate))));
    const skip = made("button", "quiet skip", say("viewing_skip"));
    skip.type = "button";
    skip.addEventListener("click", onskip);
    this.element = made("div", "viewing");
    this.element.append(
      ...strips,
      made("p", "hint", say("viewing_better", { n: ENOUGH })),
      made("p", "", say("viewing_plates")),
      row,
      made("p", "hint", say("viewing_no_test")),
      skip,
    );
  }

  // Whether all is answered; else the first field that is not gets the focus.
  complete() {
    const open = [...this.element.querySelectorAll("select")].find((field) => field.value === "");
    open?.focus();
    return !open;
  }

  answers() {
    return {
      dark: Number(this.dark.value),
      light: Number(this.light.value),
      plates: this.plates.map(({ kind, shown, field }) => ({
        kind,
        shown,
        read: field.value === "none" ? null : Number(field.value),
      })),
    };
  }
}

const counting = () => choices([...Array(STEPS.length + 1).keys()].map((n) => [n, n]));
const digits = () => choices([["none", say("viewing_none")], ...[...Array(10).keys()].map((n) => [n, n])]);

function choices(options) {
  const field = document.createElement("select");
  field.append(new Option(say("viewing_choose"), ""), ...options.map(([value, text]) => new Option(text, value)));
  return field;
}

function labelled(text, field, picture) {
  const label = made("label", "strip");
  const line = made("span", "line", text);
  line.append(field);
  label.append(picture, line);
  return label;
}

function labelledBelow(text, field, picture) {
  const label = made("div", "plate");
  field.setAttribute("aria-label", text);
  label.append(picture, field);
  return label;
}

function made(tag, kind, text = "") {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  element.textContent = text;
  return element;
}

function canvas(width, height) {
  const area = document.createElement("canvas");
  [area.width, area.height] = [width, height];
  area.setAttribute("aria-hidden", "true"); // it is all about seeing
  return [area, area.getContext("2d")];
}

// Squares on black or on white, the faintest first.
function strip(kind) {
  const [size, gap] = [44, 16];
  const [area, draw] = canvas(STEPS.length * (size + gap) + gap, size + 2 * gap);
  const grey = (level) => `rgb(${level}, ${level}, ${level})`;
  draw.fillStyle = grey(kind === "dark" ? 0 : 255);
  draw.fillRect(0, 0, area.width, area.height);
  STEPS.forEach((step, k) => {
    draw.fillStyle = grey(kind === "dark" ? step : 255 - step);
    draw.fillRect(gap + k * (size + gap), gap, size, size);
  });
  return area;
}

// A disc of dots that touch nowhere, those on the digit in its colour.
function dots({ digit, ground, shown }) {
  const [area, draw] = canvas(SIDE, SIDE);
  const isDigit = mask(shown);
  const placed = [];
  for (let trial = 0; trial < 6000 && placed.length < 700; trial += 1) {
    const radius = trial < 1500 ? 3 + 2.5 * Math.random() : 1.6 + 1.2 * Math.random();
    const angle = 2 * Math.PI * Math.random();
    const far = (SIDE / 2 - radius) * Math.sqrt(Math.random());
    const [x, y] = [SIDE / 2 + far * Math.cos(angle), SIDE / 2 + far * Math.sin(angle)];
    if (placed.some((other) => Math.hypot(other.x - x, other.y - y) < other.radius + radius + 0.5)) continue;
    placed.push({ x, y, radius });
    const light = DARKEST + (1 - DARKEST) * Math.random();
    draw.fillStyle = encoded((isDigit(x, y) ? digit : ground).map((value) => value * light));
    draw.beginPath();
    draw.arc(x, y, radius, 0, 2 * Math.PI);
    draw.fill();
  }
  return area;
}

function mask(digit) {
  const [area, draw] = canvas(SIDE, SIDE);
  draw.font = `bold ${0.78 * SIDE}px system-ui, "DejaVu Sans", sans-serif`;
  [draw.textAlign, draw.textBaseline] = ["center", "middle"];
  draw.fillText(String(digit), SIDE / 2, 0.53 * SIDE);
  const { data } = draw.getImageData(0, 0, SIDE, SIDE);
  return (x, y) => data[4 * (Math.round(y) * SIDE + Math.round(x)) + 3] > 128;
}

// sRGB of linear light (IEC 61966-2-1).
function encoded(linear) {
  const level = (value) => (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055);
  return `rgb(${linear.map((value) => Math.round(255 * level(value))).join(", ")})`;
}

function shuffled(list) {
  const found = [...list];
  for (let k = found.length - 1; k > 0; k -= 1) {
    const other = Math.floor(Math.random() * (k + 1));
    [found[k], found[other]] = [found[other], found[k]];
  }
  return found;
}

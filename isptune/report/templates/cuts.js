// Shows cuts of pictures two at a time. The cuts are the images of #cuts, which stand on the page for print, and for
// browsers without scripts.

const of = (id) => document.getElementById(id);
const section = of("looking");
const cuts = nested([...document.querySelectorAll("#cuts img[data-kind]")]);
const sides = { left: of("left-kind"), right: of("right-kind") };
const chosen = () => cuts.get(of("scene").value).get(of("place-in-scene").value);

// Images by scene, by place and by what they show.
function nested(images) {
  const found = new Map();
  for (const image of images) {
    const { scene, place, kind } = image.dataset;
    if (!found.has(scene)) found.set(scene, new Map());
    if (!found.get(scene).has(place)) found.get(scene).set(place, new Map());
    found.get(scene).get(place).set(kind, image);
  }
  return found;
}

// Offers these choices, and keeps what was chosen if it is still there.
function offer(select, choices, preferred) {
  const kept = select.value;
  select.replaceChildren(...choices.map((choice) => new Option(choice, choice)));
  if (choices.includes(kept)) select.value = kept;
  else if (choices.includes(preferred)) select.value = preferred;
}

function offerPlaces() {
  offer(of("place-in-scene"), [...cuts.get(of("scene").value).keys()]);
  of("of-place").hidden = of("place-in-scene").length < 2;
  offerKinds();
}

function offerKinds() {
  const kinds = [...chosen().keys()];
  offer(sides.left, kinds, kinds[0]);
  offer(sides.right, kinds, kinds[1]);
  of("reference").hidden = !chosen().has("reference");
  showCuts();
}

let asked = 0;

async function showCuts() {
  const mine = ++asked;
  const images = [sides.left.value, sides.right.value, "reference"].map((kind) => chosen().get(kind) ?? null);
  await Promise.all(images.map((image) => image?.decode()));
  if (mine !== asked) return; // something else was chosen meanwhile
  const [left, right, reference] = images.map((image) => image && bitmapOf(image));
  looking.viewer.show({ left, right, reference });
  for (const [side, select] of Object.entries(sides)) {
    of(`show-${side}`).textContent = select.value;
    of(`pane-${side}`).querySelector("canvas").setAttribute("aria-label", `${select.value} of ${of("scene").value}`);
  }
}

// Of the picture's own size, whatever its size on the page.
function bitmapOf(image) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas;
}

// The next place, or the first one of the next scene.
function step(by) {
  const all = [...cuts].flatMap(([scene, places]) => [...places.keys()].map((place) => [scene, place]));
  const now = all.findIndex(([scene, place]) => scene === of("scene").value && place === of("place-in-scene").value);
  const [scene, place] = all.at((now + by) % all.length);
  of("scene").value = scene;
  offerPlaces();
  of("place-in-scene").value = place;
  offerKinds();
}

section.hidden = false;
document.documentElement.classList.add("scripted");
const looking = new Looking(section, {
  names: () => ({ left: sides.left.value, right: sides.right.value }),
  wheelNeedsControl: true,
});
offer(of("scene"), [...cuts.keys()]);
of("of-scene").hidden = cuts.size < 2;
of("scene").addEventListener("change", offerPlaces);
of("place-in-scene").addEventListener("change", offerKinds);
for (const select of Object.values(sides)) select.addEventListener("change", showCuts);
offerPlaces();

// Keys are the viewer's while the pointer or the focus is on it: else they scroll the page.
const steps = { n: () => step(1), p: () => step(-1) };
addEventListener("keydown", (event) => {
  if (section.matches(":hover, :focus-within")) looking.pressed(event, steps);
});

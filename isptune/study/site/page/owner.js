// The owner's page: who is how far, the scale so far, new links, and the end of the study.

import { get, pause, post } from "/page/api.js";
import { scalePlot } from "/page/scale.js";

const $ = (id) => document.getElementById(id);
const NEWS_MS = 3000;
const SCALE_MS = 10000;

let scaleOf = -1; // votes that the scale on the page is made of
let scaleAt = -Infinity;

async function watch() {
  for (;;) {
    await attempt(look);
    await pause(document.hidden ? 4 * NEWS_MS : NEWS_MS);
  }
}

async function look() {
  const state = await get("state", unreachable);
  render(state);
  if (state.votes !== scaleOf && performance.now() - scaleAt > SCALE_MS) {
    scaleAt = performance.now();
    const scale = await get("scale", unreachable);
    scaleOf = scale.votes; // fewer than there are, where the server rests between two scales
    renderScale(scale);
  }
}

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    notice(error.message);
  }
}

function unreachable(on) {
  if (on) notice("No answer from the server; trying again. No vote that was acknowledged is lost.");
  else if ($("notice").textContent.startsWith("No answer")) notice("");
}

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

const seconds = (ms) => (ms === null ? "–" : `${(ms / 1000).toFixed(1)} s`);
const share = (part, whole) => (whole ? `${Math.round((100 * part) / whole)} %` : "–");

function render(state) {
  document.title = `${state.title} · study`;
  $("title").textContent = state.title;
  $("question").textContent = `Observers are asked: ${state.question}`;
  $("state").textContent = state.open ? "Open" : "Closed";
  $("state").classList.toggle("closed", !state.open);
  $("close").hidden = !state.open;
  $("reopen").hidden = state.open;
  $("invite").hidden = !state.open;
  $("name-label").hidden = !state.ask_name;
  const people = state.observers.filter((observer) => observer.source !== "judge");
  const finished = people.filter((observer) => observer.finished).length;
  const expected = people.reduce((sum, observer) => sum + observer.total, 0);
  const answered = people.reduce((sum, observer) => sum + observer.done, 0);
  $("votes").textContent = state.votes.toLocaleString("en");
  $("votes-detail").textContent = expected ? `${share(answered, expected)} of what is asked is answered` : "";
  $("done").textContent = `${finished} of ${people.length}`;
  $("done-detail").textContent = `${state.undone} ${state.undone === 1 ? "vote" : "votes"} taken back`;
  $("median").textContent = seconds(state.median_ms);
  $("same").textContent = share(state.same, state.votes);
  $("nobody").hidden = state.observers.length > 0;
  renderObservers(state.observers);
}

// Rows are updated in place, so that a link that is being selected stays selected.
function renderObservers(observers) {
  const body = $("observers").tBodies[0];
  $("observers").hidden = !observers.length;
  while (body.rows.length < observers.length) body.append(newRow());
  observers.forEach((observer, index) => {
    const row = body.rows[index];
    row.querySelector(".label").textContent = observer.label;
    row.querySelector(".chip").hidden = observer.source === "person";
    row.querySelector(".chip").textContent = observer.source;
    const bar = row.querySelector("i");
    bar.style.width = `${observer.total ? (100 * observer.done) / observer.total : 0}%`;
    bar.classList.toggle("whole", observer.finished);
    row.querySelector(".pairs").textContent = `${observer.done} of ${observer.total}`;
    row.querySelector(".time").textContent = seconds(observer.median_ms);
    row.querySelector(".link").hidden = !observer.token; // a judge has none
    const link = `${location.origin}/o/${observer.token}`;
    const input = row.querySelector("input");
    if (input.value !== link) input.value = link;
  });
}

function newRow() {
  const row = element("tr");
  const name = element("td", "", element("span", "label"), element("span", "chip"));
  const progress = element("td", "", element("span", "track", element("i")));
  const input = element("input");
  input.readOnly = true;
  input.setAttribute("aria-label", "The observer's link");
  const copy = element("button");
  copy.type = "button";
  copy.textContent = "Copy";
  copy.addEventListener("click", () => copyLink(input, copy));
  row.append(name, progress, element("td", "num pairs"), element("td", "num time"));
  row.append(element("td", "", element("span", "link", input, copy)));
  return row;
}

function element(tag, classes = "", ...children) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  made.append(...children);
  return made;
}

async function copyLink(input, button) {
  input.select();
  try {
    await navigator.clipboard.writeText(input.value);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Selected"; // plain http has no clipboard: Ctrl-C copies what is selected
  }
  await pause(1500);
  button.textContent = "Copy";
}

function renderScale({ note, scenes }) {
  $("scale-note").textContent = note;
  $("scale").replaceChildren(...scenes.map(scalePlot));
}

$("invite").addEventListener("submit", (event) => {
  event.preventDefault();
  const body = { count: $("invite-count").valueAsNumber };
  const name = $("invite-name").value.trim();
  if (name) Object.assign(body, { name, count: 1 });
  $("invite-name").value = "";
  attempt(async () => render(await post("invite", body, unreachable)));
});
$("close").addEventListener("click", () => $("sure").showModal());
$("sure").addEventListener("close", () => {
  if ($("sure").returnValue === "yes") attempt(async () => render(await post("close", {}, unreachable)));
  $("sure").returnValue = "";
});
$("reopen").addEventListener("click", () => attempt(async () => render(await post("reopen", {}, unreachable))));
watch();

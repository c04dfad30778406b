import { say } from "./words.js";
import { ViewingForm } from "./viewing.js";

const byId = (id) => document.getElementById(id);
let state = { pictures: [], levels: 5 };
let current = 0;
let shownLast = 0; // in the large view, whose end gives the focus back to where it was before
let sending = Promise.resolve();

async function ask(path, body) {
  const request = body === undefined ? {} : {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(path, request);
  } catch {
    throw new Error(say("stopped"));
  }
  const values = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(values.error || say("answered", { status: answer.status }));
  return values;
}

function tell(error) {
  byId("problem").hidden = !error;
  byId("problem").textContent = error ? error.message : "";
}

function scoreButtons(place, choose) {
  for (let score = 1; score <= state.levels; score += 1) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = score;
    button.tabIndex = -1; // the digits do it
    button.addEventListener("click", () => choose(score));
    place.append(button);
  }
}

function build() {
  const cards = state.pictures.map((picture, index) => {
    const card = byId("card").content.cloneNode(true).firstElementChild;
    const image = card.querySelector("img");
    image.width = picture.width;
    image.height = picture.height;
    image.src = `picture/${picture.number}.png`;
    image.alt = say("picture", { n: picture.number });
    card.querySelector(".number").textContent = picture.number;
    card.querySelector(".scores").ariaLabel = say("score_of", { n: picture.number });
    card.querySelector(".picture").addEventListener("click", () => { select(index); open(); });
    card.addEventListener("focusin", () => select(index, false));
    scoreButtons(card.querySelector(".scores"), (score) => { select(index, false); rate(score); });
    return card;
  });
  byId("pictures").replaceChildren(...cards);
  scoreButtons(byId("closer-scores"), (score) => { rate(score); goOn(); });
}

function show() {
  const done = state.pictures.filter((picture) => picture.score !== null).length;
  const left = state.pictures.length - done;
  byId("done").textContent = done;
  byId("all").textContent = say("rated", { n: state.pictures.length });
  byId("bar").max = state.pictures.length;
  byId("bar").value = done;
  byId("finish").disabled = left > 0;
  byId("finish").textContent = left > 0 ? say("to_go", { n: left }) : say("finish");
  [...byId("pictures").children].forEach((card, index) => {
    card.classList.toggle("current", index === current);
    press(card.querySelector(".scores"), state.pictures[index].score);
  });
  const picture = state.pictures[current];
  byId("closer-name").textContent = say("number_of", { n: picture.number, all: state.pictures.length });
  press(byId("closer-scores"), picture.score);
  const address = `picture/${picture.number}.png`;
  if (!byId("closer").open) return;
  shownLast = current;
  if (byId("closer-image").getAttribute("src") !== address) {
    byId("closer-image").src = address;
    byId("closer-image").alt = say("picture", { n: picture.number });
  }
}

function press(scores, value) {
  [...scores.children].forEach((button, index) => button.setAttribute("aria-pressed", index + 1 === value));
}

function select(index, move = true) {
  current = Math.max(0, Math.min(state.pictures.length - 1, index));
  const card = byId("pictures").children[current];
  if (move && !byId("closer").open && document.activeElement !== card) card.focus();
  if (move) card.scrollIntoView({ block: "nearest" });
  show();
}

function open() {
  byId("closer").showModal();
  show();
}

function rate(score) {
  const picture = state.pictures[current];
  picture.score = score;
  byId("saved").textContent = say("saving");
  show();
  // One after another: the scores on the disk are the ones that were given last.
  sending = sending.then(() => ask("rate", { picture: picture.number, score })).then(
    () => { byId("saved").textContent = say("saved"); tell(null); },
    (error) => { picture.score = null; byId("saved").textContent = say("not_saved"); tell(error); },
  ).then(show);
}

function goOn() {
  const open = state.pictures.map((own, index) => (own.score === null ? index : -1)).filter((index) => index >= 0);
  const next = open.find((index) => index > current) ?? open[0];
  if (next !== undefined) select(next);
}

async function finish() {
  try {
    await sending;
    const { written } = await ask("finish", {});
    const box = document.createElement("div");
    box.className = "finished";
    const head = document.createElement("h1");
    head.textContent = say("thanks");
    const text = document.createElement("p");
    text.textContent = say("written");
    const file = document.createElement("code");
    file.textContent = written;
    box.append(head, text, file);
    document.body.replaceChildren(box);
    document.removeEventListener("keydown", onKey);
  } catch (error) {
    tell(error);
  }
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("viewing").open) return;
  const score = Number(event.key);
  const steps = { ArrowLeft: -1, ArrowRight: 1 };
  if (Number.isInteger(score) && score >= 1 && score <= state.levels && !event.repeat) { rate(score); goOn(); }
  else if (event.key in steps) select(current + steps[event.key]);
  else if (event.key === "Enter" && !byId("closer").open && event.target.tagName !== "BUTTON") open();
  else return;
  event.preventDefault();
}

// Asked once, before the first score. Without an answer, or where it cannot be kept, rating goes on all the same.
function askViewing() {
  const dialog = byId("viewing");
  const answer = (body) => ask("viewing", body).then(() => dialog.close(), tell);
  const form = new ViewingForm(() => answer({ skipped: true }));
  const go = document.createElement("button");
  go.type = "button";
  go.id = "viewing-go";
  go.textContent = say("viewing_go");
  go.addEventListener("click", () => form.complete() && answer(form.answers()));
  const head = document.createElement("h1");
  head.textContent = say("viewing_title");
  head.id = "viewing-title";
  const why = document.createElement("p");
  why.textContent = say("viewing_why");
  dialog.replaceChildren(head, why, form.element, go);
  dialog.showModal();
}

async function begin() {
  try {
    state = await ask("pictures");
  } catch (error) {
    tell(error);
    return;
  }
  document.title = say("title_for", { name: state.name });
  build();
  byId("finish").addEventListener("click", finish);
  byId("close").addEventListener("click", () => byId("closer").close());
  byId("closer").addEventListener("close", () => select(shownLast));
  document.addEventListener("keydown", onKey);
  const first = state.pictures.findIndex((picture) => picture.score === null);
  select(first < 0 ? 0 : first);
  if (state.ask_viewing) askViewing();
}

begin();

"use strict";

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
    throw new Error("The program that shows this page has stopped. Start it again with the same command.");
  }
  const values = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(values.error || `The answer was ${answer.status}.`);
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
    image.alt = `picture ${picture.number}`;
    card.querySelector(".number").textContent = picture.number;
    card.querySelector(".scores").ariaLabel = `score of picture ${picture.number}`;
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
  byId("all").textContent = `${state.pictures.length} rated`;
  byId("bar").max = state.pictures.length;
  byId("bar").value = done;
  byId("finish").disabled = left > 0;
  byId("finish").textContent = left > 0 ? `${left} to go` : "Finish";
  [...byId("pictures").children].forEach((card, index) => {
    card.classList.toggle("current", index === current);
    press(card.querySelector(".scores"), state.pictures[index].score);
  });
  const picture = state.pictures[current];
  byId("closer-name").textContent = `${picture.number} of ${state.pictures.length}`;
  press(byId("closer-scores"), picture.score);
  const address = `picture/${picture.number}.png`;
  if (!byId("closer").open) return;
  shownLast = current;
  if (byId("closer-image").getAttribute("src") !== address) {
    byId("closer-image").src = address;
    byId("closer-image").alt = `picture ${picture.number}`;
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
  byId("saved").textContent = "saving";
  show();
  // One after another: the scores on the disk are the ones that were given last.
  sending = sending.then(() => ask("rate", { picture: picture.number, score })).then(
    () => { byId("saved").textContent = "saved"; tell(null); },
    (error) => { picture.score = null; byId("saved").textContent = "not saved"; tell(error); },
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
    head.textContent = "Thank you";
    const text = document.createElement("p");
    text.textContent = "The scores are written. This page has done its work and can be closed.";
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
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const score = Number(event.key);
  const steps = { ArrowLeft: -1, ArrowRight: 1 };
  if (Number.isInteger(score) && score >= 1 && score <= state.levels && !event.repeat) { rate(score); goOn(); }
  else if (event.key in steps) select(current + steps[event.key]);
  else if (event.key === "Enter" && !byId("closer").open && event.target.tagName !== "BUTTON") open();
  else return;
  event.preventDefault();
}

async function begin() {
  try {
    state = await ask("pictures");
  } catch (error) {
    tell(error);
    return;
  }
  document.title = `Rate pictures for ${state.name}`;
  build();
  byId("finish").addEventListener("click", finish);
  byId("close").addEventListener("click", () => byId("closer").close());
  byId("closer").addEventListener("close", () => select(shownLast));
  document.addEventListener("keydown", onKey);
  const first = state.pictures.findIndex((picture) => picture.score === null);
  select(first < 0 ? 0 : first);
}

begin();

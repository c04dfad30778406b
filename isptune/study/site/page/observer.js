// An observer's session: training, votes, breaks, undo, the end. The server alone knows how far it is.

import { freshId, get, post, Refused } from "/page/api.js";
import { cards } from "/page/cards.js";
import { isNarrow, Looking } from "/page/looking.js";
import { Pictures } from "/page/pictures.js";
import { ViewingForm } from "/page/viewing.js";
import { own, say } from "/page/words.js";

const $ = (id) => document.getElementById(id);
const SHORTEST_LOOK_MS = 250; // a vote sooner than that is the second press of the last one

const pictures = new Pictures();

let state = null; // as the server sent it last
let pair = null; // the pair on the screen
let shownAt = 0;
let busy = false;
let lookTimer = 0;
let sinceBreak = 0;
let noticeTimer = 0;
let viewing = null; // the questions on the screen, while they are asked

const names = { left: say("left"), right: say("right"), reference: say("reference") };
const looking = new Looking(document.body, { onchange: refresh, names: () => names });
const { viewer } = looking;

async function start() {
  await guarded(async () => {
    take(await get("state", waiting));
    if (open()) showCard(state.done ? "back" : "welcome");
    else await next();
  });
}

const open = () => state.phase === "training" || state.phase === "voting";

function take(fresh) {
  state = fresh;
  pictures.keep(state.pairs);
  document.title = own(state.title);
  $("question").textContent = own(state.question);
  const training = state.phase === "training";
  const [done, total] = training
    ? [state.done, state.done + state.training_left]
    : [state.done - state.training, state.total - state.training];
  $("stage-name").textContent = state.simulated ? say("simulated") : training ? say("training") : "";
  $("count").textContent = say("count", { done, total });
  $("bar").style.transform = `scaleX(${total ? done / total : 0})`;
  $("progress").setAttribute("aria-valuemax", total);
  $("progress").setAttribute("aria-valuenow", done);
}

// Goes on to whatever comes now: a pair, or the card that says that there is none.
async function next() {
  if (!open()) return showCard(state.phase);
  if (state.ask_viewing) return askViewing();
  const coming = state.pairs[0];
  const slow = setTimeout(() => notice(say("on_their_way"), 0), 400);
  try {
    const decoded = await pictures.pair(coming);
    pair = coming;
    document.body.toggleAttribute("data-reference", Boolean(coming.reference));
    $("reference").hidden = !coming.reference;
    document.body.dataset.screen = "pair";
    viewer.show(decoded);
    shownAt = performance.now();
    lookTimer = setTimeout(() => takesVotes(true), SHORTEST_LOOK_MS);
    notice("");
  } finally {
    clearTimeout(slow);
  }
}

// Whether a pair is on the screen and has been for long enough; the attribute tells screen readers, and tests.
function takesVotes(on) {
  clearTimeout(lookTimer);
  $("panes").setAttribute("aria-busy", String(!on));
}

async function vote(answer) {
  if (busy || document.body.dataset.screen !== "pair" || $("panes").getAttribute("aria-busy") === "true") return;
  if (viewer.seen.size < 2) {
    notice(say("look_at_both"), 2500);
    return;
  }
  const body = {
    number: pair.number,
    id: freshId(),
    answer,
    response_ms: Math.round(performance.now() - shownAt),
    screen: [innerWidth, innerHeight].map((side) => Math.round(side * devicePixelRatio)),
  };
  await guarded(async () => {
    const button = document.querySelector(`[data-answer=${answer}]`);
    button.classList.add("chosen");
    const before = state.phase;
    try {
      take(await post("vote", body, waiting));
    } finally {
      button.classList.remove("chosen");
    }
    sinceBreak += 1;
    if (before === "training" && state.phase === "voting") showCard("trained");
    else if (open() && state.break_every && sinceBreak >= state.break_every) showCard("break");
    else await next();
  });
}

async function undo() {
  if (busy || !state?.last || state.phase === "closed") return;
  await guarded(async () => {
    take(await post("undo", { number: state.last }, waiting));
    sinceBreak = Math.max(0, sinceBreak - 1);
    await next();
    notice(say("taken_back"), 2500);
  });
}

// One action at a time; a refusal means that the server is elsewhere: look where, and go there.
async function guarded(action) {
  busy = true;
  takesVotes(false);
  try {
    await action();
  } catch (error) {
    await recover(error);
  } finally {
    busy = false;
    refresh();
  }
}

async function recover(error) {
  if (error instanceof Refused && error.status === 404) return showCard("unknown");
  try {
    take(await get("state", waiting));
    await next();
    notice(error.message, 4000);
  } catch {
    showCard("broken");
  }
}

function waiting(on) {
  if (on) notice(say("no_answer"), 0);
  else if ($("notice").textContent === say("no_answer")) notice("");
}

function notice(text, ms = 0) {
  clearTimeout(noticeTimer);
  $("notice").textContent = text;
  $("notice").hidden = !text;
  if (ms) noticeTimer = setTimeout(() => notice(""), ms);
}

function showCard(name) {
  pair = null;
  const card = cards[name](state, isNarrow());
  $("card-title").textContent = card.title;
  $("card-text").replaceChildren(...card.lines.map(line));
  $("card-go").textContent = card.go ?? "";
  $("card-go").hidden = !card.go;
  $("card-undo").hidden = !card.undo || !state?.last;
  document.body.dataset.screen = name;
  if (name === "break") sinceBreak = 0;
  notice("");
  refresh();
  if (name === "viewing") document.querySelector("#card").scrollTop = 0;
  else if (card.go) $("card-go").focus();
}

// The questions on the screen and the room stand on a card of their own.
function askViewing() {
  viewing = new ViewingForm(() => answerViewing({ skipped: true }));
  showCard("viewing");
  $("card-text").append(viewing.element);
}

const answerViewing = (body) =>
  guarded(async () => {
    take(await post("viewing", body, waiting));
    await next();
  });

function line(content) {
  if (typeof content === "string") return element("p", content);
  const rows = content.flatMap(([names, meaning]) => {
    const term = element("dt");
    term.append(...names.flatMap((name) => [element("kbd", name), " "]));
    return [term, element("dd", meaning)];
  });
  const list = element("dl");
  list.append(...rows);
  return list;
}

function element(tag, text = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function go() {
  if (busy || $("card-go").hidden) return;
  const screen = document.body.dataset.screen;
  if (screen === "broken") location.reload();
  else if (screen === "waiting") guarded(async () => (take(await get("state", waiting)), next()));
  else if (screen === "viewing") viewing.complete() && answerViewing(viewing.answers());
  else guarded(next);
}

async function content() {
  if (busy || !confirm(say("end_here"))) return;
  await guarded(async () => {
    take(await post("content", {}, waiting));
    await next();
  });
}

function refresh() {
  $("content").hidden = !state?.may_end || !open();
  $("undo").disabled = !state?.last || state.phase === "closed";
}

const keys = {
  ArrowLeft: () => vote("left"),
  ArrowRight: () => vote("right"),
  ArrowDown: () => vote("same"),
  u: undo,
  Backspace: undo,
  "?": () => $("all-keys").showModal(),
};

function pressed(event) {
  if ($("all-keys").open) return;
  if (document.body.dataset.screen === "pair") looking.pressed(event, keys);
  else if (event.key.toLowerCase() === "u" && !event.ctrlKey && !event.metaKey && !$("card-undo").hidden) undo();
}

addEventListener("keydown", pressed);
$("votes").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) vote(button.dataset.answer);
});
for (const [id, action] of Object.entries({ undo, content, "card-undo": undo, "card-go": go, keys: keys["?"] }))
  $(id).addEventListener("click", action);
start();

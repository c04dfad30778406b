// What the page says between pairs: lines of text, and lists of [keys, what they do].

import { own, say } from "/page/words.js";

const pairs = (n) => say("pairs", { n });

export const cards = {
  welcome: (state, narrow) => ({
    title: own(state.title),
    lines: [
      say("welcome_two", { question: own(state.question) }),
      narrow
        ? say("welcome_narrow")
        : [
            [["←"], say("left_is_better")],
            [["→"], say("right_is_better")],
            [["↓"], say("no_difference_small")],
            [[say("space")], say("flip_in_place")],
            [["+", "−"], say("zoom_both")],
          ],
      say("welcome_impression"),
      state.training_left
        ? `${say("begins_with_training", { n: state.training_left })} ${say("after_that", { n: state.total - state.training })}`
        : say("there_are", { n: state.total }),
    ],
    go: say(state.training_left ? "start_training" : "start"),
  }),
  viewing: () => ({
    title: say("viewing_title"),
    lines: [say("viewing_why")],
    go: say("viewing_go"),
  }),
  back: (state) => ({
    title: say("back_title"),
    lines: [`${say("votes_kept")} ${left(state)}`, say("still_asked", { question: own(state.question) })],
    go: say("continue"),
  }),
  trained: (state) => ({
    title: say("trained_title"),
    lines: [say("now_they_count", { n: state.total - state.training }), say("sit")],
    go: say("start"),
    undo: true,
  }),
  break: (state) => ({
    title: say("break_title"),
    lines: [say("break_text"), left(state)],
    go: say("continue"),
    undo: true,
  }),
  finished: (state) => ({
    title: say("finished_title"),
    lines: [say("all_kept", { n: state.done - state.training })],
    undo: true,
  }),
  closed: (state) => (state.may_end ? ended(state) : closed(state)),
  waiting: () => ({
    title: say("waiting_title"),
    lines: [say("being_chosen")],
    go: say("look_again"),
  }),
  unknown: () => ({
    title: say("unknown_title"),
    lines: [say("ask_sender")],
  }),
  broken: () => ({
    title: say("broken_title"),
    lines: [say("broken_text")],
    go: say("load_again"),
  }),
};

function closed(state) {
  const given = state.done - state.training;
  const kept = given > 0 ? ` ${say("given_kept", { n: given })}` : "";
  return { title: say("closed_title"), lines: [say("no_more") + kept] };
}

// Of a search by eye, whose voter is its owner.
const ended = (state) => ({
  title: say("search_ended"),
  lines: [say("search_kept", { n: state.done }), say("search_again")],
});

function left(state) {
  const voting = pairs(state.total - Math.max(state.done, state.training));
  const training = say("training_pairs", { n: state.training_left });
  const both = state.phase === "training" ? say("training_then", { training, pairs: voting }) : voting;
  return say("left_to_go", { pairs: both });
}

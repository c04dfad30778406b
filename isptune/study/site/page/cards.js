// What the page says between pairs: lines of text, and lists of [keys, what they do].

const many = (count, one, more) => `${count} ${count === 1 ? one : more}`;

export const cards = {
  welcome: (state, narrow) => ({
    title: state.title,
    lines: [
      `You will see two pictures at a time. Each time, answer one question: ${state.question}`,
      narrow
        ? "Both are shown in the same place: tap the picture to flip between them, pinch to zoom, drag to move."
        : [
            [["←"], "left is better"],
            [["→"], "right is better"],
            [["↓"], "no difference"],
            [["Space"], "flip between the two in one place"],
            [["+", "−"], "zoom both; drag to move both"],
          ],
      "There are no right answers: your first impression is what is asked for. You can take a vote back, take " +
        "a break, or close the page and come back to the same link later.",
      state.training_left
        ? `It begins with ${many(state.training_left, "pair", "pairs")} for training, which do not count. ` +
          `After that come ${many(state.total - state.training, "pair", "pairs")}.`
        : `There are ${many(state.total, "pair", "pairs")}.`,
    ],
    go: state.training_left ? "Start the training" : "Start",
  }),
  back: (state) => ({
    title: "Welcome back",
    lines: [
      `Your votes are kept. ${left(state)} to go.`,
      `The question is still: ${state.question}`,
    ],
    go: "Continue",
  }),
  trained: (state) => ({
    title: "The training is over",
    lines: [
      `From here on your votes count: ${many(state.total - state.training, "pair", "pairs")}.`,
      "Sit as you like to sit for the rest of it, and leave the brightness of the screen and the light in the room as they are.",
    ],
    go: "Start",
    undo: true,
  }),
  break: (state) => ({
    title: "Time for a short break",
    lines: ["Look out of the window for a moment; tired eyes stop seeing differences.", `${left(state)} to go.`],
    go: "Continue",
    undo: true,
  }),
  finished: (state) => ({
    title: "That was the last pair. Thank you!",
    lines: [
      `All your ${many(state.done - state.training, "vote is", "votes are")} kept. You can close this page.`,
    ],
    undo: true,
  }),
  closed: (state) => ({
    ...(state.may_end ? ended(state) : {
      title: "This study is closed",
    lines: [
      state.done > state.training
        ? `It takes no more votes. The ${many(state.done - state.training, "vote", "votes")} that you gave are kept. Thank you!`
        : "It takes no more votes.",
    ],
    }),
  }),
  waiting: () => ({
    title: "Nothing to compare just now",
    lines: ["The next pairs are being chosen."],
    go: "Look again",
  }),
  unknown: () => ({
    title: "This link is not known",
    lines: ["Please ask whoever sent it for a new one."],
  }),
  broken: () => ({
    title: "Something went wrong",
    lines: ["Every vote that was given is kept. Please load the page again."],
    go: "Load again",
  }),
};

// Of a search by eye, whose voter is its owner.
const ended = (state) => ({
  title: "The search has ended",
  lines: [
    `All your ${many(state.done, "vote is", "votes are")} kept. What they led to stands in its folder, with a report.`,
    "Start the program again to go on from here.",
  ],
});

function left(state) {
  return state.phase === "training"
    ? `${many(state.training_left, "training pair", "training pairs")} and then ` +
        `${many(state.total - state.training, "pair", "pairs")}`
    : many(state.total - state.done, "pair", "pairs");
}

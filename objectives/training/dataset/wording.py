"""Questions and brief answers of a data set: our own sentences, drawn at random.

As in the paper, half of the training questions ask for a short answer, half of those about distortions say how many
there are, and all validation questions do both, so that answers can be compared word for word. Short answers are in
the words of the published model (`recipes.ANSWERS`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isptune.distortions.depictqa_recipes import ANSWERS, Recipe, answer_of, categories_of

SHORT_SHARE = NUMBER_SHARE = 0.5
"""How many of the training questions ask for a short answer, and how many say the number of distortions."""

SHORT = " Reply with a single word or a short phrase."

COUNTS = ("any distortion", "the one distortion", "the two distortions")
"""What is asked for: an unknown number, one, or two."""

WITH_REFERENCE = "Compare with the reference. "

WHICH_DISTORTION: Sequence[str] = (
    "Name {} that you see in the evaluated image.",
    "Look at the evaluated image and name {} that you hold against it.",
    "Say {} that you notice in the evaluated image.",
    "What went wrong here? Name {} in the evaluated image.",
    "Give the name of {} that you find in the evaluated image.",
    "Call {} in the evaluated image by name.",
    "Tell me {} that you would remove from the evaluated image.",
    "Report {} that a viewer would notice in the evaluated image.",
    "Before a repair of the evaluated image, name {} to be repaired.",
    "Find {} in the evaluated image.",
    "Point out {} that you find bothersome in the evaluated image.",
    "Is the evaluated image flawed? State {} in it.",
    "Inspect the evaluated image closely and write down {} in it.",
    "As an image engineer, diagnose {} in the evaluated image.",
    "What spoils the view? Identify {} in the evaluated image.",
    "Write down {} at work in the evaluated image.",
    "Judge the evaluated image with care: state {} in it.",
    "Recognise {} in the evaluated image.",
    "Say in plain words {} from which the evaluated image suffers.",
    "Decide on {} behind the quality of the evaluated image.",
)
"""Each takes one of `COUNTS`."""

SOME_DISTORTION: Sequence[str] = (
    "I see {} in the evaluated image.",
    "The evaluated image suffers from {}.",
    "What I notice first: {}.",
    "The picture was spoilt by {}.",
    "My diagnosis: {}.",
    "It shows {}.",
    "A viewer would complain about {}.",
    "The quality is lowered by {}.",
    "I find {} there.",
    "The flaw to repair here: {}.",
    "To my eyes it has {}.",
    "Most of the harm comes from {}.",
    "There are clear signs of {}.",
    "The cause of the loss: {}.",
    "What stands out: {}.",
    "It was degraded with {}.",
    "Looking closely, I recognise {}.",
    "The evaluated image displays {}.",
    "I would name {}.",
    "The picture looks worse because of {}.",
)

NO_DISTORTION: Sequence[str] = (
    "I see no distortion in the evaluated image.",
    "The evaluated image looks clean.",
    "Nothing was spoilt here.",
    "There is no flaw that I could name.",
    "The picture is in good order.",
)

WHICH_IS_BETTER: Sequence[str] = (
    "Image A or Image B: which one looks better?",
    "Which picture would you keep, Image A or Image B?",
    "Choose the better picture of Image A and Image B.",
    "Look at Image A, then at Image B. Which one has the higher quality?",
    "Is Image A or Image B the better version?",
    "Of Image A and Image B, which one is closer to a perfect photograph?",
    "Name the one with fewer flaws: Image A or Image B.",
    "Which version would most viewers choose, Image A or Image B?",
    "Put Image A and Image B side by side. Which one wins?",
    "Which of the two, Image A or Image B, was harmed less?",
    "Say whether Image A or Image B is of higher quality.",
    "Would you print Image A or Image B?",
    "Rank Image A and Image B. Which one comes first?",
    "Tell me which one pleases the eye more: Image A or Image B.",
    "Image A and Image B show the same scene. Which one shows it better?",
    "As a photographer, would you hand over Image A or Image B?",
    "One of Image A and Image B is worse. Which one is the better?",
    "Vote for Image A or for Image B by overall quality.",
    "Which file is worth keeping, Image A or Image B?",
    "All flaws weighed up, is Image A or Image B better?",
)

THE_BETTER: Sequence[str] = (
    "Image {} looks better.",
    "I would keep Image {}.",
    "The better picture is Image {}.",
    "Image {} has the higher quality.",
    "The better version is Image {}.",
    "Image {} is closer to a perfect photograph.",
    "Image {} has fewer flaws.",
    "Most viewers would choose Image {}.",
    "Image {} wins.",
    "Image {} was harmed less.",
    "Of the two, Image {} is of higher quality.",
    "I would print Image {}.",
    "Image {} comes first.",
    "Image {} pleases the eye more.",
    "The scene is shown better by Image {}.",
    "I would hand over Image {}.",
    "I take Image {} to be the better one.",
    "My vote goes to Image {}.",
    "Image {} is worth keeping.",
    "All flaws weighed up, Image {} is better.",
)


@dataclass(frozen=True)
class Exchange:
    """A question, and its answer."""

    question: str
    answer: str


def ask_distortions(
    rng: np.random.Generator, recipe: Recipe, number: int, reference: bool, training: bool
) -> Exchange:
    """Ask which distortions a picture has.

    Args:
        rng: of the choice of sentences.
        recipe: what the picture has.
        number: how many the question says that there are, where it says so: 1 or 2.
        reference: whether the reference is shown as well.
        training: whether long answers and unnumbered questions may be drawn.
    """
    question, answer = _pick(rng, WHICH_DISTORTION), _pick(rng, SOME_DISTORTION)
    asks_short, says_number = rng.random() < SHORT_SHARE, rng.random() < NUMBER_SHARE
    clean = _pick(rng, NO_DISTORTION)
    count = COUNTS[number] if says_number or not training else COUNTS[0]
    question = (WITH_REFERENCE if reference else "") + question.format(count)
    if asks_short or not training:
        return Exchange(question + SHORT, answer_of(recipe))
    named = " and ".join(ANSWERS[category] for category in categories_of(recipe))
    return Exchange(question, answer.format(named) if named else clean)


def ask_better(rng: np.random.Generator, first_is_better: bool, training: bool) -> Exchange:
    """Ask which of two pictures is better: Image A, the first, or Image B."""
    question, answer = _pick(rng, WHICH_IS_BETTER), _pick(rng, THE_BETTER)
    asks_short = rng.random() < SHORT_SHARE
    better = "A" if first_is_better else "B"
    if asks_short or not training:
        return Exchange(question + SHORT, f"Image {better}")
    return Exchange(question, answer.format(better))


def _pick(rng: np.random.Generator, sentences: Sequence[str]) -> str:
    return sentences[int(rng.integers(len(sentences)))]

"""DepictQA's questions and answers: what a vision-language model is asked about pictures, and what its words mean.

You et al. 2024, Enhancing descriptive image quality assessment with a large-scale multi-modal dataset
(DepictQA-Wild), arXiv:2405.18842; the wording, the tags and the rules are those of its published code. A prompt is a
sequence of texts and of places for pictures.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from isptune.diagnosis.finding import Diagnosis, Finding
from isptune.distortions.depictqa_recipes import ANSWERS
from isptune.errors import ScoreError, one_line

SOURCE = (
    "You et al. 2024, Enhancing descriptive image quality assessment with a large-scale multi-modal dataset "
    "(DepictQA-Wild), arXiv:2405.18842"
)

NOTHING = "None"
"""The answer for a picture without distortions."""

SYSTEM = (
    "A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, "
    "detailed, and polite answers to the human's questions. As an AI assistant, you are performing an image "
    "quality assessment task."
)
REFERENCE = " A high-quality Reference Image is provided to assist the evaluation."
WHAT = "What are the primary degradation(s) observed in the evaluated image?"
WHICH = "Which image do you believe has better overall quality: Image A or Image B?"
BRIEFLY = " Answer the question using a single word or phrase."

LISTED_WHAT = f" Answer with one or two of these, joined by 'and', or with {NOTHING}: " + ", ".join(
    ANSWERS.values()
)
LISTED_WHICH = " Answer with 'Image A' or 'Image B' and nothing else."
"""For models that never saw DepictQA's answers, all of them are named, as the paper does for such models."""

WORDINGS = ("listed", "depictqa")

_QUOTES = " \t\n*_`\"'().:;,!"
_CHOICE = re.compile(
    rf"[{re.escape(_QUOTES)}]*(?:[Ii]mage[{re.escape(_QUOTES)}]*)?([AB])[{re.escape(_QUOTES)}]*"
)
_SPELLINGS = (("colour", "color"), ("quantisation", "quantization"), ("over-sharpening", "oversharpening"))


class Place(Enum):
    """Where a picture stands in a prompt; the value is its tag."""

    IMAGE = "Img"
    REFERENCE = "Img-Reference"
    A = "Img-A"
    B = "Img-B"


_NAMES = {
    Place.IMAGE: "Image", Place.REFERENCE: "Reference Image", Place.A: "Image A", Place.B: "Image B",
}  # fmt: skip

Prompt = tuple[str | Place, ...]


@dataclass(frozen=True)
class Token:
    """One token of an answer with its probability, 0 to 1."""

    text: str
    probability: float


def comparison_prompt(reference: bool, wording: str) -> Prompt:
    """Asks which of two pictures is better; the answer is `Image A` or `Image B`."""
    question = WHICH + (LISTED_WHICH if wording == "listed" else BRIEFLY)
    return _prompt([Place.REFERENCE] * reference + [Place.A, Place.B], question)


def identification_prompt(reference: bool, wording: str) -> Prompt:
    """Asks for the distortions of one picture; the answer has one or two of `ANSWERS`, or is `None`."""
    question = WHAT + (LISTED_WHAT if wording == "listed" else BRIEFLY)
    return _prompt([Place.REFERENCE] * reference + [Place.IMAGE], question)


def _prompt(places: Sequence[Place], question: str) -> Prompt:
    text = SYSTEM + (REFERENCE if Place.REFERENCE in places else "") + "\n\n"
    parts: list[str | Place] = []
    for place in places:
        parts += [f"{text}{_NAMES[place]}: <{place.value}>", place]
        text = f"</{place.value}>\n\n"
    return (*parts, text + question)


def chosen(answer: str) -> str | None:
    """`A` or `B` where the answer says no more than that; quotes, stops and line ends around it do not matter."""
    found = _CHOICE.fullmatch(answer)
    return found[1] if found else None


def choice_position(tokens: Sequence[str]) -> int | None:
    """Which token of an answer says A or B: the first one after `Image`, or the only one that says anything.

    None where the answer chooses neither. A token may hold `A`, ` A` or all of `Image A`.
    """
    after_image = False
    for index, token in enumerate(tokens):
        if chosen(token) and (after_image or "image" in token.lower()):
            return index
        if token.strip(_QUOTES):
            after_image = token.strip(_QUOTES).lower() == "image"
    if chosen("".join(tokens)):
        return next(index for index, token in enumerate(tokens) if chosen(token))
    return None


def categories_in(answer: str) -> tuple[str, ...]:
    """The categories that an answer names, in its order; none for `None`.

    Each part of it, between commas and `and`, has to end with one of `ANSWERS` ("motion blur" is blur). Parts that
    name nothing of the twelve are passed over.

    Raises:
        ScoreError: nothing is named.
    """
    return tuple(category for category, _, _ in _named(answer))


def _named(answer: str) -> list[tuple[str, int, int]]:
    """Category, start and end of every phrase that counts in an answer. Raises ScoreError."""
    # Spellings are changed to such of the same or a smaller length, and padded: places stay what they are.
    text = answer.lower()
    for variant, ours in _SPELLINGS:
        text = text.replace(variant, ours.rjust(len(variant)))
    if text.strip(_QUOTES) == NOTHING.lower():
        return []
    found: dict[str, tuple[str, int, int]] = {}
    for part in re.finditer(r"(?:(?!\band\b)[^,;\n/])+", text):
        end = part.start() + len(part[0].rstrip(_QUOTES))
        for category, phrase in ANSWERS.items():
            start = end - len(phrase)
            if start >= part.start() and text[start:end] == phrase and not text[start - 1 : start].isalnum():
                found.setdefault(category, (category, start, end))
    if not found:
        raise ScoreError(
            f"asked for distortions, the model answered {one_line(answer.strip()[:80])!r}, which names none that "
            f"are known ({', '.join(ANSWERS.values())}, {NOTHING})"
        )
    return list(found.values())


def diagnose(tokens: Sequence[Token], source: str) -> Diagnosis:
    """The diagnosis that an answer gives: DepictQA's confidence for all, and for each category that of its tokens.

    Raises:
        ScoreError: it names no distortion.
    """
    answer = "".join(token.text for token in tokens)
    findings = []
    for category, start, end in _named(answer):
        own = [
            token
            for token, (first, last) in zip(tokens, _spans(tokens), strict=True)
            if first < end and last > start
        ]
        findings.append(Finding(category, None, _mean(own)))
    return Diagnosis(tuple(findings), identification_confidence(tokens), source)


def identification_confidence(tokens: Sequence[Token]) -> float:
    """The mean probability of an answer's tokens up to the end of its line, without `and` and without mere signs.

    Raises:
        ScoreError: the answer has no words.
    """
    words = []
    for token in tokens:
        line, end, _ = token.text.partition("\n")
        if any(c.isalnum() for c in line) and line.strip().lower() != "and":
            words.append(token)
        if end and words:
            break
    if not words:
        raise ScoreError("asked for distortions, the model answered nothing")
    return _mean(words)


def comparison_confidence(tokens: Sequence[Token]) -> float | None:
    """The probability of the token that says A or B; None for an answer that chooses neither."""
    position = choice_position([token.text for token in tokens])
    return None if position is None else tokens[position].probability


def _spans(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    spans, at = [], 0
    for token in tokens:
        spans.append((at, at + len(token.text)))
        at += len(token.text)
    return spans


def _mean(tokens: Sequence[Token]) -> float:
    return min(1.0, max(0.0, sum(token.probability for token in tokens) / len(tokens)))

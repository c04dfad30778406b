"""What is said of a spoilt photograph: grades along axes of quality, and captions made of them.

Every grade has several wordings, so that the text encoder learns words and not sentences. The words of all of
them together are the bundled encoder's vocabulary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from objectives.encoders.quality_words import words_of

Wordings = tuple[str, ...]


@dataclass(frozen=True)
class Axis:
    """One side of quality, in grades from too little to too much.

    Attributes:
        grades: wordings of each grade, in order.
        neutral: index of the grade of an untouched photograph.
    """

    grades: tuple[Wordings, ...]
    neutral: int

    def place(self, amount: float) -> float:
        """Where a signed amount in [-1, 1] lies among the grades; an untouched photograph at `neutral`."""
        below, above = self.neutral, len(self.grades) - 1 - self.neutral
        reach = above if amount > 0 else below
        # The first grade beside the neutral one begins early: 0.05 of the range can be seen.
        return self.neutral + float(np.sign(amount)) * reach * min(1.0, abs(amount)) ** 0.6


AXES: Mapping[str, Axis] = {
    "sharpness": Axis(
        (
            ("very blurred", "very blurry", "heavily blurred", "completely out of focus"),
            ("blurred", "blurry", "soft", "out of focus", "unsharp"),
            ("slightly blurred", "slightly blurry", "slightly soft", "a bit unsharp"),
            ("sharp", "crisp", "in focus", "naturally sharp"),
            ("slightly oversharpened", "slightly too sharp"),
            ("oversharpened", "too sharp", "sharpened with halos"),
            ("heavily oversharpened", "very oversharpened", "extremely sharpened with strong halos"),
        ),
        3,
    ),
    "noise": Axis(
        (
            ("clean", "free of noise", "without noise", "smooth and clean"),
            ("slightly noisy", "slightly grainy", "with a bit of noise"),
            ("noisy", "grainy", "with noise"),
            ("very noisy", "heavily noisy", "with strong noise"),
        ),
        0,
    ),
    "compression": Axis(
        (
            ("uncompressed", "without compression artifacts", "free of blocks"),
            ("slightly compressed", "with slight compression artifacts"),
            ("compressed", "blocky", "with compression artifacts"),
            ("heavily compressed", "very blocky", "with strong compression artifacts"),
        ),
        0,
    ),
    "contrast": Axis(
        (
            ("very flat", "with very low contrast", "hazy"),
            ("flat", "low contrast", "with low contrast", "washed out"),
            ("slightly flat", "with slightly low contrast"),
            ("with natural contrast", "with good contrast", "with balanced tones"),
            ("slightly harsh", "with slightly high contrast"),
            ("harsh", "high contrast", "with too high contrast"),
            ("very harsh", "with extreme contrast", "with clipped tones"),
        ),
        3,
    ),
    "saturation": Axis(
        (
            ("grey", "colorless", "nearly without color"),
            ("dull", "faded", "desaturated", "with pale colors"),
            ("slightly dull", "slightly faded", "slightly desaturated"),
            ("with natural colors", "with true colors", "with balanced colors"),
            ("slightly vivid", "slightly oversaturated"),
            ("oversaturated", "garish", "with too strong colors"),
            ("heavily oversaturated", "very garish", "with extreme colors"),
        ),
        3,
    ),
    "brightness": Axis(
        (
            ("very dark", "heavily underexposed"),
            ("dark", "underexposed", "too dark"),
            ("slightly dark", "slightly underexposed"),
            ("well exposed", "with natural brightness"),
            ("slightly bright", "slightly overexposed"),
            ("bright", "overexposed", "too bright"),
            ("very bright", "heavily overexposed"),
        ),
        3,
    ),
    "detail": Axis(
        (
            ("with natural detail", "finely detailed", "without artifacts"),
            ("slightly damaged", "with slight artifacts"),
            ("damaged", "pixelated", "with artifacts", "banded"),
            ("heavily damaged", "very pixelated", "with strong artifacts"),
        ),
        0,
    ),
}
"""The sides of quality that captions speak of."""

LEVELS: Sequence[str] = ("excellent", "good", "fair", "poor", "bad")
"""The words of quality, best first (ITU-T P.800's five grades; Wu et al. 2023, Q-Align)."""

QUALITY_TEMPLATES: Sequence[str] = (
    "the quality of the image is {}",
    "{} photo",
    "a {} photo",
    "{} image",
    "a picture of {} quality",
    "{} quality",
)

OPPOSITES: Sequence[tuple[str, str]] = (
    ("good photo", "bad photo"),
    ("high quality photo", "low quality photo"),
    ("good image", "bad image"),
    ("a beautiful picture", "an ugly picture"),
)
"""Pairs whose first is the better one (Wang et al. 2023, CLIP-IQA)."""

SUBJECTS: Sequence[str] = ("photo", "image", "picture", "photograph")


def vocabulary() -> list[str]:
    """All words that prompts may be made of, sorted."""
    phrases = [wording for axis in AXES.values() for grade in axis.grades for wording in grade]
    phrases += [template.format(level) for template in QUALITY_TEMPLATES for level in LEVELS]
    phrases += [wording for pair in OPPOSITES for wording in pair]
    phrases += [f"a {subject} and an {subject} with" for subject in SUBJECTS]
    phrases += ["pristine", "undistorted", "perfect", "untouched"]
    return sorted({word for phrase in phrases for word in words_of(phrase)})


def phrase(wording: str, subject: str) -> str:
    """`noisy` to `a noisy photo`, `with noise` to `a photo with noise`."""
    if wording.startswith(("with", "in ", "free", "out ", "nearly", "completely", "sharpened", "extremely")):
        return f"a {subject} {wording}"
    return f"a {wording} {subject}"


def caption(
    amounts: Mapping[str, float], quality: float | None, random: np.random.Generator
) -> tuple[str, tuple[object, ...]]:
    """A caption from what was done to a photograph, and what it says as a key: equal keys, equal meaning.

    Args:
        amounts: signed amounts in [-1, 1] by axis; what is not there is not spoken of.
        quality: 0 to 1, or None for none.
        random: chooses the wordings.
    """
    subject = str(random.choice(SUBJECTS))
    spoken = [(name, round(AXES[name].place(amount))) for name, amount in amounts.items()]
    spoken = [(name, grade) for name, grade in spoken if grade != AXES[name].neutral]
    spoken.sort(key=lambda pair: -abs(amounts[pair[0]]))
    spoken = spoken[:2]
    level = None if quality is None else min(4, int((1 - quality) * 5))
    parts = [str(random.choice(AXES[name].grades[grade])) for name, grade in spoken]
    if level is not None:
        opening = f"a {LEVELS[level]} {subject}"
    else:
        opening = f"a {subject}"
    if not parts and level in (None, 0):
        opening = f"a {random.choice(('pristine', 'undistorted', 'perfect', 'untouched'))} {subject}"
    text = opening + (", " + " and ".join(parts) if parts else "")
    return text, (level, *sorted(spoken))

"""Simulated observers: to try a study before people see it, and to check its analysis. Never people.

Wherever their votes stand, their source is `simulation`, and reports say so.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from isptune.errors import ConfigError
from isptune.study.plan.folder import Study
from isptune.study.scale.posterior import JOD_SIGMA
from isptune.study.votes.answers import Answers
from isptune.study.votes.votes import Answer, Pair


@dataclass(frozen=True)
class Habits:
    """How a simulated observer differs from a perfect one.

    Attributes:
        lapse: the share of answers that have nothing to do with the pictures.
        side_bias: so many JOD the left picture has for free.
        tie_threshold: differences felt to be smaller than this, JOD, are answered "no difference".
    """

    lapse: float = 0.0
    side_bias: float = 0.0
    tie_threshold: float = 0.0

    def __post_init__(self):
        if not 0 <= self.lapse <= 1:
            raise ConfigError(f"lapse = {self.lapse} is not in [0, 1]")
        if self.tie_threshold < 0:
            raise ConfigError(f"tie threshold = {self.tie_threshold} must not be negative")


@final
class SimulatedObserver:
    """Answers as Thurstone's Case V says, from a scale that is known to it.

    Args:
        scale: JOD by scene and condition.
        seed: of its impressions; two observers need two seeds.
    """

    def __init__(self, scale: Mapping[tuple[str, str], float], habits: Habits, seed: int):
        self.scale, self.habits = scale, habits
        self._rng = np.random.default_rng([seed, 4711])

    def answer(self, pair: Pair) -> Answer:
        """Compare two impressions, each the true score with noise."""
        distance = self.scale[pair.scene, pair.first] - self.scale[pair.scene, pair.second]
        felt = distance + self.habits.side_bias + JOD_SIGMA * self._rng.standard_normal()
        if self._rng.random() < self.habits.lapse:
            return "first" if self._rng.random() < 0.5 else "second"
        if abs(felt) < self.habits.tie_threshold:
            return "none"
        return "first" if felt > 0 else "second"

    def response_ms(self) -> int:
        """A time to answer: log-normal around 4 s, at most the 10 s of the DMC study."""
        return int(min(1000 * np.exp(1.4 + 0.4 * self._rng.standard_normal()), 10_000))


def scale_of_scores(study: Study, span_jod: float) -> dict[tuple[str, str], float]:
    """A true scale for simulations: the scores known beforehand, stretched linearly to `span_jod` in every scene.

    A picture without a known score, such as the reference, is taken for the best one. Raises ConfigError if a scene has
    no two known scores that differ.
    """
    scale = {}
    for scene in study.scenes:
        stimuli = study.of_scene(scene)
        known = [s.score for s in stimuli if s.score == s.score]
        if len(set(known)) < 2:
            raise ConfigError(f"scene {scene!r} has no scores in stimuli.csv that simulations could vote by")
        low, high = min(known), max(known)
        for s in stimuli:
            score = s.score if s.score == s.score else high
            scale[s.scene, s.condition] = span_jod * (score - low) / (high - low)
    return scale


def refuse_beside_people(sources: Iterable[str]) -> None:
    """Raise ConfigError if people take part, given the sources of a study's observers."""
    people = sum(source == "person" for source in sources)
    if people:
        raise ConfigError(f"{people} people take part; simulations would mix with them: copy the study")


def vote_all(answers: Answers, observer: SimulatedObserver) -> Iterator[int]:
    """Join a study and answer everything; yields after each vote how many there are."""
    token = answers.add_observer(source="simulation").token
    done = 0
    while pairs := answers.open_pairs(token, 1):
        asked = pairs[0]
        answer = observer.answer(asked.pair)
        answers.vote(token, asked.number, f"simulation-{asked.number:06d}", answer, observer.response_ms())
        done += 1
        yield done

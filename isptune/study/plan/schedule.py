"""Which pairs an observer is asked, in which order, and which image stands on which side.

Pairs stay within a scene. Order and sides are random by observer; over an observer's pairs every image stands as often
on the left as on the right, one pair more or less. Hidden among them are repeats of earlier pairs, with the sides
changed, and anchors, whose answer is obvious. Training pairs come first.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import final

import numpy as np

from isptune.errors import ConfigError
from isptune.study.plan import designs
from isptune.study.plan.designs import IndexPair
from isptune.study.plan.folder import Plan, Study
from isptune.study.votes.votes import Pair, PairKind, Schedule, VoteRecord

ADAPTIVE = ("swiss", "active")


def schedule_of(study: Study) -> Schedule:
    """The schedule that a study's plan asks for. Raises ConfigError for anchors without known scores."""
    return AdaptiveSchedule(study) if study.plan.schedule in ADAPTIVE else PlannedSchedule(study)


@final
class PlannedSchedule:
    """`random` and `complete`: all of an observer's pairs are decided at the beginning.

    `random`: every image stands in `pairs_per_image` pairs, another pairing for every observer. `complete`: every two
    images meet. With `pairs_per_observer`, observers of `random` are asked a part of their pairs, and those of
    `complete` go on in one common list where the observer before them stopped, so that together they cover it.
    """

    def __init__(self, study: Study):
        self.study = study
        self.total = len(self.batch(1, 0, list))

    def batch(self, observer: int, asked: int, votes: Callable[[], Sequence[VoteRecord]]) -> list[Pair]:
        """Everything at once, or nothing. The same observer number gives the same pairs."""
        if asked:
            return []
        rng = np.random.default_rng([self.study.plan.seed, observer])
        drawn = [
            (scene, pair) for scene in self.study.scenes for pair in self._pairs_of(scene, observer, rng)
        ]
        pairs = balanced_sides(self.study, _in_random_order(drawn, rng), rng)
        pairs = pairs[: self.study.plan.pairs_per_observer or None]
        return [*training(self.study, rng), *with_hidden_pairs(self.study, pairs, rng)]

    def _pairs_of(self, scene: str, observer: int, rng: np.random.Generator) -> list[IndexPair]:
        plan, images = self.study.plan, len(self.study.of_scene(scene))
        if plan.schedule == "random":
            return designs.every_image_in(plan.pairs_per_image, images, rng)
        pairs = designs.all_pairs(images)
        share = -(-plan.pairs_per_observer // len(self.study.scenes)) or len(pairs)
        if share >= len(pairs):
            return pairs
        common = np.random.default_rng([plan.seed, 0]).permutation(len(pairs))
        return [pairs[common[((observer - 1) * share + k) % len(pairs)]] for k in range(share)]


@final
class AdaptiveSchedule:
    """`swiss` and `active`: batch after batch, each decided by the votes so far.

    `swiss`: a tournament of `pairs_per_image` rounds for every observer; neighbours in the observer's own standing
    meet. `active`: batches of a spanning tree of the pairs from which most is learnt, given the votes of all
    observers; as many pairs in all as if every image stood in `pairs_per_image` of them. It ranks best; from few votes
    its scale is stretched, since pairs are chosen by the same votes (`experiments/studies/schedules.py`).
    """

    def __init__(self, study: Study):
        self.study = study
        plan = study.plan
        counts = [len(study.of_scene(scene)) for scene in study.scenes]
        per_round = sum(images // 2 for images in counts)
        votes = plan.pairs_per_image * per_round
        if plan.schedule == "active":
            votes = sum(max(images - 1, round(images * plan.pairs_per_image / 2)) for images in counts)
        self.votes = min(votes, plan.pairs_per_observer) if plan.pairs_per_observer else votes
        anchors = len(anchor_pairs(study))
        rng = np.random.default_rng([plan.seed, 0])
        self.total = self.votes + min(plan.repeats, self.votes) + anchors + len(training(study, rng))

    def batch(self, observer: int, asked: int, votes: Callable[[], Sequence[VoteRecord]]) -> list[Pair]:
        """The next batch; the first one brings training and anchors, the last one the repeats."""
        if asked >= self.total:
            return []
        rng = np.random.default_rng([self.study.plan.seed, observer, asked])
        known = [vote for vote in votes() if vote.kind == "vote"]
        own = [vote for vote in known if vote.observer == observer]
        drawn = [
            (scene, pair) for scene in self.study.scenes for pair in self._next_of(scene, known, own, rng)
        ]
        left = self.votes - len(own)
        pairs = balanced_sides(self.study, _in_random_order(drawn, rng), rng, own)[:left]
        if len(pairs) == left:
            earlier = [Pair(vote.scene, vote.first, vote.second) for vote in own]
            pairs = [*pairs, *_repeats([*earlier, *pairs], self.study.plan.repeats, rng)]
        if asked:
            return pairs
        return [*training(self.study, rng), *_insert(pairs, anchor_pairs(self.study), rng)]

    def _next_of(
        self, scene: str, known: Sequence[VoteRecord], own: Sequence[VoteRecord], rng: np.random.Generator
    ) -> list[IndexPair]:
        place = {stimulus.condition: k for k, stimulus in enumerate(self.study.of_scene(scene))}
        if self.study.plan.schedule == "swiss":
            mine = [vote for vote in own if vote.scene == scene]
            met = {frozenset((place[vote.first], place[vote.second])) for vote in mine}
            return designs.swiss_round(_wins(mine, place).sum(1).tolist(), met, rng)
        return designs.spanning_tree(_wins([vote for vote in known if vote.scene == scene], place), rng)


def balanced_sides(
    study: Study,
    drawn: Sequence[tuple[str, IndexPair]],
    rng: np.random.Generator,
    earlier: Sequence[VoteRecord] = (),
) -> list[Pair]:
    """Put the image on the left that stood there less often, so far; a coin decides between equals."""
    lead: Counter[tuple[str, str]] = Counter()  # how often on the left more than on the right
    for vote in earlier:
        lead[vote.scene, vote.first] += 1
        lead[vote.scene, vote.second] -= 1
    names = {scene: [s.condition for s in study.of_scene(scene)] for scene in study.scenes}
    pairs = []
    for scene, (i, j) in drawn:
        first, second = names[scene][i], names[scene][j]
        ahead = lead[scene, first] - lead[scene, second]
        if ahead > 0 or (ahead == 0 and rng.random() < 0.5):
            first, second = second, first
        lead[scene, first] += 1
        lead[scene, second] -= 1
        pairs.append(Pair(scene, first, second))
    return pairs


def with_hidden_pairs(study: Study, pairs: Sequence[Pair], rng: np.random.Generator) -> list[Pair]:
    """The pairs with anchors anywhere among them and repeats in the second half, of pairs of the first half."""
    half = (len(pairs) + 1) // 2
    repeats = _repeats(pairs[:half], study.plan.repeats, rng)
    return _insert([*pairs[:half], *_insert(pairs[half:], repeats, rng)], anchor_pairs(study), rng)


def anchor_pairs(study: Study) -> list[Pair]:
    """The pairs whose images lie furthest apart in their known scores, the better one on either side in turn.

    Raises ConfigError if anchors are asked for and no scene has two images with known, different scores.
    """
    if not study.plan.anchors:
        return []
    found: list[tuple[float, Pair]] = []
    for scene in study.scenes:
        known = sorted((s for s in study.of_scene(scene) if s.score == s.score), key=lambda s: s.score)
        for k in range(len(known) // 2):
            low, high = known[k], known[-1 - k]
            if high.score > low.score:
                found.append((high.score - low.score, Pair(scene, high.condition, low.condition, "anchor")))
    if not found:
        raise ConfigError(
            f"anchors = {study.plan.anchors} needs images with known scores in stimuli.csv; set it to 0"
        )
    # Pair by pair from the outside in, scene by scene, the widest first.
    pairs = [pair for _, pair in sorted(found, key=lambda item: -item[0])[: study.plan.anchors]]
    return [_turned(pair) if k % 2 else pair for k, pair in enumerate(pairs)]


def training(study: Study, rng: np.random.Generator) -> list[Pair]:
    """Random pairs for practice, scene by scene."""
    pairs = []
    for k in range(study.plan.training):
        scene = study.scenes[k % len(study.scenes)]
        first, second = rng.choice([s.condition for s in study.of_scene(scene)], 2, replace=False)
        pairs.append(Pair(scene, str(first), str(second), "training"))
    return pairs


def plan_for(plan: Plan, scored: bool) -> Plan:
    """The plan without anchors where no scores are known beforehand."""
    return plan if scored else replace(plan, anchors=0)


def _wins(votes: Sequence[VoteRecord], place: dict[str, int]) -> np.ndarray:
    wins = np.zeros((len(place), len(place)))
    share = {"first": 1.0, "second": 0.0, "none": 0.5}
    for vote in votes:
        i, j = place[vote.first], place[vote.second]
        wins[i, j] += share[vote.answer]
        wins[j, i] += 1 - share[vote.answer]
    return wins


def _repeats(pairs: Sequence[Pair], count: int, rng: np.random.Generator) -> list[Pair]:
    chosen = rng.permutation(len(pairs))[: min(max(count, 0), len(pairs))]
    return [_turned(pairs[k], "repeat") for k in chosen]


def _turned(pair: Pair, kind: PairKind | None = None) -> Pair:
    return Pair(pair.scene, pair.second, pair.first, kind or pair.kind)


def _insert(pairs: Sequence[Pair], hidden: Sequence[Pair], rng: np.random.Generator) -> list[Pair]:
    """The hidden pairs at random places among the others, whose order stays."""
    places = set(rng.permutation(len(pairs) + len(hidden))[: len(hidden)].tolist())
    shuffled = [hidden[k] for k in rng.permutation(len(hidden))]
    queues = {True: iter(shuffled), False: iter(pairs)}
    return [next(queues[k in places]) for k in range(len(pairs) + len(hidden))]


def _in_random_order(
    drawn: Sequence[tuple[str, IndexPair]], rng: np.random.Generator
) -> list[tuple[str, IndexPair]]:
    return [drawn[k] for k in rng.permutation(len(drawn))]

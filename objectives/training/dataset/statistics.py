"""How many of what a data set holds: the counts of the paper's Table II and figure 4, and what was drawn.

Source of the tables' form: You et al. 2024, DepictQA-Wild, section III-D.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from isptune.distortions.depictqa_recipes import CATEGORIES, allowed_pairs, parse_recipe
from isptune.errors import DatasetError
from isptune.system.records import read_json
from objectives.training.dataset.features import FEATURES
from objectives.training.dataset.plan import PARTS, Plan

PRISTINE = "pristine"

BINS = 40
"""Of the histograms, from the lowest value to the 99.5th percentile: single extremes would squeeze the rest."""


@dataclass(frozen=True)
class Spread:
    """A feature over all pictures."""

    mean: float
    deviation: float
    lowest: float
    median: float
    highest: float
    edges: list[float]
    counts: list[int]


@dataclass(frozen=True)
class Length:
    """Mean lengths of the answers of one kind of records."""

    answers: int
    words: float
    characters: float


@dataclass(frozen=True)
class Statistics:
    """What a data set holds.

    Attributes:
        photographs: by part.
        pictures: that were made.
        samples: records by part and list: `refA_sd`, `A_md`, `refAB`, ...
        lengths: of answers, by list.
        categories: pictures with each category, or pristine.
        types: pictures with each type.
        severities: steps at 1 to 5, of pictures with one distortion and with two.
        pairs: pictures with each ordered pair of categories, `blur + noise`; all 78.
        first_better: share of pairs whose first picture is the better one; None without pairs.
        features: by name.
    """

    photographs: Mapping[str, int]
    pictures: int
    samples: Mapping[str, Mapping[str, int]]
    lengths: Mapping[str, Length]
    categories: Mapping[str, int]
    types: Mapping[str, int]
    severities: Mapping[str, list[int]]
    pairs: Mapping[str, int]
    first_better: float | None
    features: Mapping[str, Spread] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def count(plan: Plan, entries: Iterable[Mapping[str, Any]]) -> Statistics:
    """Count the samples of a data set.

    Args:
        plan: what it is made of.
        entries: what `samples.make_sample` returned for each.
    """
    tally = _Tally()
    for entry in entries:
        tally.add(entry)
    photographs = Counter(one.part for one in plan.photographs)
    better = tally.better
    return Statistics(
        photographs={part: photographs[part] for part in PARTS},
        pictures=tally.pictures,
        samples={part: dict(sorted(tally.samples[part].items())) for part in PARTS},
        lengths={name: _length(answers) for name, answers in sorted(tally.answers.items())},
        categories={name: tally.categories[name] for name in (*CATEGORIES, PRISTINE)},
        types=dict(sorted(tally.types.items())),
        severities=tally.severities,
        pairs={f"{a} + {b}": tally.pairs[(a, b)] for a, b in allowed_pairs()},
        first_better=sum(better) / len(better) if better else None,
        features={name: _spread([one[name] for one in tally.features]) for name in FEATURES},
    )


def read_statistics(folder: Path) -> Statistics:
    """What `count` found when a data set was finished. Raises DatasetError where there is nothing to read."""
    path = folder / "statistics.json"
    if not path.exists():
        begun = (folder / "dataset.json").exists()
        why = "is not finished; give its command again" if begun else "holds no data set"
        raise DatasetError(f"{folder}: {why}")
    return read_json(path, Statistics, DatasetError)


class _Tally:
    def __init__(self) -> None:
        self.pictures = 0
        self.samples: dict[str, Counter[str]] = {part: Counter() for part in PARTS}
        self.answers: dict[str, list[str]] = {}
        self.categories: Counter[str] = Counter()
        self.types: Counter[str] = Counter()
        self.severities: dict[str, list[int]] = {"one": [0] * 5, "two": [0] * 5}
        self.pairs: Counter[tuple[str, ...]] = Counter()
        self.better: list[bool] = []
        self.features: list[Mapping[str, float]] = []

    def add(self, entry: Mapping[str, Any]) -> None:
        for name, record in entry["records"].items():
            listed = name if name.endswith("AB") else f"{name}_{entry['kind']}"
            self.samples[entry["part"]][listed] += 1
            self.answers.setdefault(listed, []).append(_answer(record))
        if "refAB" in entry["records"]:
            self.better.append(entry["records"]["refAB"]["A_better_B"])
        self.features.extend(entry["features"])
        for rows in entry["recipes"]:
            self._add_picture([(name, severity) for name, severity in rows])  # of JSON: lists

    def _add_picture(self, rows: list[tuple[str, int]]) -> None:
        self.pictures += 1
        steps = parse_recipe(rows).steps
        if not steps:
            self.categories[PRISTINE] += 1
            return
        chain = tuple(step.preset.group for step in steps)
        self.categories.update(chain)
        self.types.update(name for name, _ in rows)
        if len(steps) == 2:
            self.pairs[chain] += 1
        for step in steps:
            self.severities["one" if len(steps) == 1 else "two"][step.severity - 1] += 1


def _answer(record: Mapping[str, Any]) -> str:
    return record["answer"] if "answer" in record else record["conversations"][1]["value"]


def _length(answers: list[str]) -> Length:
    words = [len(answer.split()) for answer in answers]
    return Length(len(answers), float(np.mean(words)), float(np.mean([len(answer) for answer in answers])))


def _spread(values: list[float]) -> Spread:
    lowest, top = float(min(values)), float(np.percentile(values, 99.5))
    counts, edges = np.histogram(values, BINS, (lowest, max(top, lowest + 1e-9)))
    return Spread(
        mean=float(np.mean(values)),
        deviation=float(np.std(values)),
        lowest=lowest,
        median=float(np.median(values)),
        highest=float(max(values)),
        edges=edges.tolist(),
        counts=counts.tolist(),
    )

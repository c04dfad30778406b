"""All that a study's votes say: scores with intervals, differences, observers, and what to be careful about."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float64

from isptune.errors import StudyError
from isptune.study.findings.judge_agreement import (
    JudgeAgreement,
    PeopleAgreement,
    judge_agreement,
    people_agreement,
)
from isptune.study.plan.folder import Stimulus, Study
from isptune.study.plan.vote_reading import UNKNOWN
from isptune.study.scale.agreement import Behaviour, Concordance, agreement_with_others, behaviour, kendalls_w
from isptune.study.scale.intervals import (
    DRAWS,
    Difference,
    bootstrap,
    differences,
    limits,
    resampled_mean,
)
from isptune.study.scale.pwcmp import is_dense, pwcmp_scale
from isptune.study.scale.resampling import over_observers, over_votes
from isptune.study.scale.scale import DMC_PAIRS, Scale, centred, fit, win_shares
from isptune.study.scale.screening import Screening, screen
from isptune.study.votes.answers import Answers
from isptune.study.votes.comparisons import Comparisons, comparisons
from isptune.study.votes.votes import Observer, VoteRecord

Scores = Float64[np.ndarray, " images"]


@dataclass(frozen=True, eq=False)
class SceneResult:
    """What the votes say of one scene's images; all arrays are in the order of `stimuli`.

    Attributes:
        stimuli: the images, also those that nobody voted on.
        table: the votes.
        scale: Thurstone's Case V with ties, JOD, the mean of each group 0, bias reduced; with a side bias unless votes
            were imported.
        low, high: of its 95 % intervals; NaN for a single observer.
        win_share, win_low, win_high: the share of its pairs that an image won, the mean over observers; NaN for an
            image without votes. It depends on what else was in the scene.
        dmc: whether this share times 9 is the mean opinion score of DMC, since pairs were drawn as there.
        bradley_terry: the most likely scores with logistic differences, JOD.
        pwcmp: the scale that pwcmp gives, JOD; ties are half a win each. NaN where its prior would outweigh the votes.
        without_unlikely: the scale without the observers that the likelihood test flags.
        without_erratic: the scale without those that the test of BT.500 flags.
        differences: all pairs of images.
        concordance: Kendall's W; unknown where votes do not connect the images.
        groups: the images that votes connect, as indices: one group, unless something is wrong. Scores of different
            groups cannot be compared. Images without votes are in none.
    """

    stimuli: tuple[Stimulus, ...]
    table: Comparisons
    scale: Scale
    low: Scores
    high: Scores
    win_share: Scores
    win_low: Scores
    win_high: Scores
    dmc: bool
    bradley_terry: Scores
    pwcmp: Scores
    without_unlikely: Scores
    without_erratic: Scores
    differences: tuple[Difference, ...]
    concordance: Concordance
    groups: tuple[np.ndarray, ...]

    @property
    def scene(self) -> str:
        return self.table.scene

    @property
    def voted(self) -> np.ndarray:
        """Which images have votes; the scores of the others mean nothing."""
        return self.table.counts > 0

    @property
    def group(self) -> np.ndarray:
        """The number of each image's group, from 1; 0 without votes."""
        found = np.zeros(len(self.stimuli), dtype=np.int64)
        for number, members in enumerate(self.groups, 1):
            found[members] = number
        return found


@dataclass(frozen=True)
class ObserverResult:
    """One observer: who, how they voted, and what the screening says."""

    observer: Observer
    behaviour: Behaviour
    screening: Screening


@dataclass(frozen=True, eq=False)
class Analysis:
    """A study's result.

    Attributes:
        scenes: those with votes.
        observers: those with votes that count.
        judges: all judges with votes, beside the observers: compared with the scale of those who are no judges.
        people: what those have in common with each other; None without a judge, or without people.
        undone: how many votes were taken back.
        draws: resamples behind the intervals.
        warnings: sentences for people.
    """

    study: Study
    scenes: tuple[SceneResult, ...]
    observers: tuple[ObserverResult, ...]
    undone: int
    draws: int
    judges: tuple[JudgeAgreement, ...] = ()
    people: PeopleAgreement | None = None
    warnings: tuple[str, ...] = field(default=())

    @property
    def simulated(self) -> int:
        """How many observers are simulations."""
        return sum(result.observer.source == "simulation" for result in self.observers)

    @property
    def judged(self) -> int:
        """How many judges' votes are in the scale."""
        return sum(result.observer.source == "judge" for result in self.observers)

    @property
    def unknown(self) -> bool:
        """Whether nobody says who voted: then intervals are over votes."""
        return _is_unknown(self.observers)

    @property
    def imported(self) -> bool:
        """Whether the votes come from a table: then the plan says nothing of how people were asked."""
        return all(result.observer.source == "import" for result in self.observers)


def analyse(
    study: Study,
    draws: int = DRAWS,
    seed: int = 0,
    tell: Callable[[str], None] = lambda text: None,
    with_judges: bool = False,
) -> Analysis:
    """Fit everything.

    Args:
        study: with its answers on disk.
        draws: resamples of the bootstrap over observers.
        seed: of the resamples.
        tell: takes what is being worked on, for people who wait.
        with_judges: whether judges' votes make up the scale as people's do; else they only stand beside it.

    Raises:
        StudyError: nobody has voted yet, or judges only.
    """
    with Answers(study.answers_path) as answers:
        votes, observers, undone = answers.votes(), answers.observers(), answers.undone_count()
    conditions = {scene: [s.condition for s in study.of_scene(scene)] for scene in study.scenes}
    judges = [observer for observer in observers if observer.source == "judge"]
    counted = votes if with_judges else _without_judges(votes, judges)
    tables = comparisons(counted, conditions)
    if not tables:
        raise StudyError(
            f"{study.folder}: judges only have voted; 'isptune study serve' takes people's votes, and --with-judges"
            " makes a scale of those of judges"
            if judges and votes
            else f"{study.folder}: nobody has voted yet; 'isptune study serve' takes votes"
        )
    tell("screening the observers")
    screened = screen(tables)
    agreements = agreement_with_others(tables)
    known = {(s.scene, s.condition): s.score for s in study.stimuli}
    people = tuple(
        ObserverResult(
            observer,
            behaviour(
                [v for v in votes if v.observer == observer.id],
                known,
                agreements.get(observer.id, math.nan),
            ),
            screened[observer.id],
        )
        for observer in observers
        if observer.id in screened
    )
    # Else A may not have been on the left; a judge's sides are balanced, and tell nothing of people.
    sides = any(person.observer.source not in ("import", "judge") for person in people)
    scenes = []
    for table in tables.values():
        tell(f"{table.scene}: {len(table.share)} votes, {draws} resamples")
        scenes.append(_scene(study, table, screened, draws, seed, sides, _is_unknown(people)))
    warnings = tuple(_warnings(scenes, people))
    analysis = Analysis(study, tuple(scenes), people, undone, draws, warnings=warnings)
    return _with_judges(analysis, votes, judges, conditions, sides, seed) if judges else analysis


def _with_judges(
    analysis: Analysis,
    votes: Sequence[VoteRecord],
    judges: Sequence[Observer],
    conditions: Mapping[str, Sequence[str]],
    sides: bool,
    seed: int,
) -> Analysis:
    """The analysis with what judges have in common with the scale of all others, which is that of people alone."""
    others = {scene.scene: scene.table for scene in analysis.scenes}
    scales = {scene.scene: scene.scale.scores for scene in analysis.scenes}
    if analysis.judged:
        others = comparisons(_without_judges(votes, judges), conditions)
        scales = {s: fit(t, side_bias=sides, reduce_bias=True).scores for s, t in others.items()}
    own = {judge: comparisons([v for v in votes if v.observer == judge.id], conditions) for judge in judges}
    return replace(
        analysis,
        judges=tuple(
            judge_agreement(j, t, others, scales, analysis.draws, seed) for j, t in own.items() if t
        ),
        people=people_agreement(others) if others else None,
    )


def _without_judges(votes: Sequence[VoteRecord], judges: Sequence[Observer]) -> list[VoteRecord]:
    left_out = {judge.id for judge in judges}
    return [vote for vote in votes if vote.observer not in left_out]


def _scene(
    study: Study,
    table: Comparisons,
    screened: dict[int, Screening],
    draws: int,
    seed: int,
    sides: bool,
    unknown: bool,
) -> SceneResult:
    groups = table.groups()
    fitted = fit(table, side_bias=sides, reduce_bias=True)
    scale = replace(fitted, scores=centred(fitted.scores, groups))
    resampling = (over_votes if unknown else over_observers)(table, draws, seed)
    count = resampling.drawn
    drawn = centred(bootstrap(resampling.table, fitted, resampling.weights, side_bias=sides), groups)
    opinions = win_shares(table)
    low, high = limits(scale.scores, drawn, count)
    wins = resampled_mean(opinions, np.ones((1, len(opinions))))[0]
    drawn_wins = resampled_mean(resampling.opinions, resampling.opinion_weights)
    win_low, win_high = (end.clip(0, 1) for end in limits(wins, drawn_wins, count))
    unlikely = [observer for observer in table.observers if screened[observer].unlikely]
    erratic = [observer for observer in table.observers if screened[observer].erratic]
    return SceneResult(
        stimuli=tuple(study.of_scene(table.scene)),
        table=table,
        scale=scale,
        low=low,
        high=high,
        win_share=wins,
        win_low=win_low,
        win_high=win_high,
        dmc=_is_dmc(study, table),
        bradley_terry=centred(fit(table, "bradley-terry", side_bias=sides).scores, groups),
        pwcmp=centred(
            pwcmp_scale(table.wins()) if is_dense(table.wins()) else np.full(table.images, np.nan), groups
        ),
        without_unlikely=_without(table, unlikely, scale, sides),
        without_erratic=_without(table, erratic, scale, sides),
        differences=tuple(differences(table.conditions, scale.scores, drawn, count, groups)),
        concordance=_concordance(opinions, groups),
        groups=tuple(groups),
    )


def _is_unknown(people: Sequence[ObserverResult]) -> bool:
    """Whether the votes come from a table that does not say whose they are."""
    return [(p.observer.source, p.observer.name) for p in people] == [("import", UNKNOWN)]


def _concordance(opinions: np.ndarray, groups: Sequence[np.ndarray]) -> Concordance:
    """Kendall's W over all images; unknown where their ranks over several groups mean nothing."""
    if len(groups) == 1:
        return kendalls_w(opinions)
    return Concordance(math.nan, math.nan, *opinions.shape)


def _is_dmc(study: Study, table: Comparisons) -> bool:
    """Whether every observer was asked each image in nine pairs drawn at random, as in DMC."""
    plan = study.plan
    return (
        plan.schedule == "random"
        and plan.pairs_per_image == DMC_PAIRS
        and not plan.pairs_per_observer
        and table.images > DMC_PAIRS
    )


def _without(table: Comparisons, left_out: Sequence[int], scale: Scale, sides: bool) -> Scores:
    """The scale of the others; the same one where nobody is left out, NaN where nobody is left.

    Each group of theirs has mean 0: without somebody's votes there may be more groups.
    """
    if not left_out:
        return scale.scores
    others = table.without(left_out)
    if not len(others.share):
        return np.full(table.images, np.nan)
    return centred(fit(others, side_bias=sides, start=scale, reduce_bias=True).scores, others.groups())


def _warnings(scenes: Sequence[SceneResult], people: Sequence[ObserverResult]) -> list[str]:
    found = []
    simulated = sum(person.observer.source == "simulation" for person in people)
    if simulated:
        found.append(f"{simulated} of {len(people)} observers are simulations, not people.")
    judges = sum(person.observer.source == "judge" for person in people)
    if judges:
        found.append(
            f"{judges} of {len(people)} observers are judges, not people, and their votes are in the scale."
        )
    if _is_unknown(people):
        found.append(
            "Nobody says who gave the votes: intervals are over votes, as if each came from somebody else. Where few "
            "people gave many they are too narrow."
        )
    elif len(people) < 2:
        found.append("There is a single observer: there are no intervals, and nobody to agree with.")
    elif len(people) < 8:
        found.append(f"There are {len(people)} observers only: intervals from so few are rough.")
    for scene in scenes:
        alone = int((~scene.voted).sum())
        if len(scene.groups) > 1:
            found.append(
                f"{scene.scene}: votes connect {len(scene.groups)} groups of images with no vote between them; scores "
                "of images in different groups cannot be compared. More votes are needed."
            )
        if alone:
            found.append(
                f"{scene.scene}: {alone} of {len(scene.stimuli)} images have no votes, and no score."
            )
    flagged = [person.observer.label for person in people if person.screening.flagged]
    if flagged:
        found.append(
            f"The screening flags {', '.join(flagged)}: look at their answers before you leave anybody out. "
            "Scores are of all observers; those without the flagged ones stand beside them."
        )
    return found

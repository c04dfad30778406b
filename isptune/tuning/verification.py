"""Whether one parameter set is better than another, on scenes that took no part in finding it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isptune.errors import AllFailed
from isptune.facts import Direction
from isptune.runs.answer import HeldOut, Interval, ScorePair, Verdict
from isptune.space import Candidate
from isptune.tuning.crops import with_crops
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.parts import OnPart
from isptune.tuning.recommend import Reevaluated, reevaluate, with_jackknife
from isptune.tuning.together import ENOUGH_SCENES


def compare_on(
    evaluator: Evaluator,
    old: Candidate,
    new: Candidate,
    seeds: Sequence[int],
    on_part: OnPart = lambda done, total: None,
) -> HeldOut:
    """Evaluate two complete candidates on the evaluator's scenes, under the same noise.

    Args:
        evaluator: of the pipeline, the objectives that are asked, and the scenes.
        old, new: what there was, and what is to replace it.
        seeds: of the noise.
        on_part: told of the progress.

    Raises:
        AllFailed: one of them cannot be rendered or scored, with the reason.
    """
    evaluated = reevaluate(evaluator, [old, new], seeds, on_part)
    for entry, which in zip(evaluated, ("old", "new"), strict=True):
        if entry.error is not None:
            raise AllFailed(f"the {which} set cannot be evaluated: {entry.error}")
    before, after = with_crops(evaluator, with_jackknife(evaluator, evaluated), seeds[0])
    names = [scene.name for scene in evaluator.scenes]
    alone = names[0] if len(names) == 1 else None
    scenes = {
        scene: {name: after.against(before, name, None if alone else scene) for name in evaluator.objectives}
        for scene in names
    }
    return HeldOut({name: _overall(scenes, before, after, name) for name in evaluator.objectives}, scenes)


def _overall(
    scenes: Mapping[str, Mapping[str, ScorePair]], before: Reevaluated, after: Reevaluated, name: str
) -> ScorePair:
    """The mean over the scenes, or the score of all together, with an interval over them where they are enough."""
    pairs = [table[name] for table in scenes.values()]
    if len(pairs) < ENOUGH_SCENES or name in after.evidence:
        return after.against(before, name)
    columns = zip(*((p.recommended.mean, p.default.mean, p.difference.mean) for p in pairs), strict=True)
    return ScorePair(*(Interval.of(column) for column in columns))


@dataclass(frozen=True)
class Loss:
    """A scene on which a set is worse, by an objective: by `loss`, 0 or more, in the objective's unit."""

    scene: str
    objective: str
    loss: float


@dataclass(frozen=True)
class Verified:
    """The outcome of a comparison of two sets.

    Attributes:
        old, new: their names.
        measured: scores of both, `default` of the old set and `recommended` of the new one.
        directions: of the objectives.
        max_loss: how much a scene may lose by the first objective; None for as much as it likes.
    """

    old: str
    new: str
    measured: HeldOut
    directions: Mapping[str, Direction]
    max_loss: float | None = None

    @property
    def worse(self) -> list[Loss]:
        """The scenes that get worse beyond their own interval, the largest loss of each objective first."""
        found = []
        for name, direction in self.directions.items():
            losses = [
                Loss(scene, name, abs(table[name].difference.mean))
                for scene, table in self.measured.scenes.items()
                if table[name].difference.as_gain(direction) == "worse"
            ]
            found += sorted(losses, key=lambda one: -one.loss)
        return found

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """By objective what it says of the new set."""
        return {
            name: self.measured.objectives[name].difference.as_gain(direction)
            for name, direction in self.directions.items()
        }

    @property
    def doubt(self) -> str | None:
        """What the verdict of the first objective does not rest on; None where it has an interval."""
        first = next(iter(self.directions))
        if self.measured.objectives[first].difference.n > 1:
            return None
        return (
            "too few pictures for an interval: whether the gain is more than chance is not known; "
            f"verify on {ENOUGH_SCENES} scenes or more"
        )

    @property
    def failures(self) -> dict[tuple[str, str], str]:
        """Why the new set does not pass, by what fails: (`objective` or `scene`, its name).

        It passes if the first objective calls it better, no other one calls it worse, and no scene loses too much.
        """
        (first, own), *others = self.verdicts.items()
        found: dict[tuple[str, str], str] = {}
        if own != "better":
            found["objective", first] = f"{first} does not call {self.new} better than {self.old}"
        for name, verdict in others:
            if verdict == "worse":
                found["objective", name] = f"{name} calls {self.new} worse than {self.old}"
        for one in self.worse:
            if self.max_loss is not None and one.objective == first and one.loss > self.max_loss:
                found["scene", one.scene] = (
                    f"{one.scene} loses {one.loss:.4g} by {first}, more than {self.max_loss:g}"
                )
        return found

    @property
    def passed(self) -> bool:
        """Whether the new set may replace the old one."""
        return not self.failures

"""Scoring pictures one after another, for commands: each failure costs one line on stderr, never the others."""

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, final

import click

from isptune.commands.pictures import told_image

if TYPE_CHECKING:
    import torch

    from isptune.arrays import Images
    from isptune.commands.score_table import ScoreTable
    from isptune.errors import IsptuneError
    from isptune.interfaces import Objective
    from isptune.scenes.picture_lists import NamedPicture, References
    from isptune.scenes.scene import Scene
    from isptune.tuning.win_rate import WinRate

    Row = tuple[str, dict[str, float]]  # a picture and its score by objective; what failed is left out


@final
class Scoring:
    """Scores pictures one after another; each failure costs one line on stderr.

    Attributes:
        rows: what was found, or was in the table already.
        evidence: of the pictures that were scored now, by objective that scores all of them together.
        new, there, problems: scores that were made, were in the table, failed.
    """

    def __init__(
        self, objectives: "dict[str, Objective]", references: "References | None", device: "torch.device"
    ):
        self.objectives, self.references, self.device = objectives, references, device
        self.rows: list[Row] = []
        self.evidence: dict[str, list[tuple[float, ...]]] = {}
        self.new = self.there = self.problems = 0
        self._perfect: dict[str, Scene] = {}  # the last one, which often is that of the next picture, too
        if references is not None and references.single is not None:
            self._reference(references.single)  # what cannot be read is told before any work

    def all(self, pictures: "Iterable[NamedPicture | IsptuneError]", table: "ScoreTable | None") -> None:
        """Score what was named, and write each picture's scores into the table as soon as they are known."""
        from isptune.errors import IsptuneError, in_words
        from isptune.tuning.win_rate import WinRate

        facts = {spec: objective.facts for spec, objective in self.objectives.items()}
        among = {spec: one for spec, one in self.objectives.items() if isinstance(one, WinRate)}
        for picture in pictures:
            try:
                if isinstance(picture, IsptuneError):
                    raise picture
                reference = self._named_reference(picture)
                wanted = self._wanted(picture.path, reference, table, among)
                scores = self._scores(picture.path, reference, wanted) if wanted else {}
            except IsptuneError as error:
                self.problems += 1
                click.echo(f"isptune: {in_words(error)}", err=True)
                continue
            self.new += len(scores)
            self.problems += len(wanted) - len(scores)
            known = {} if table is None else table.known
            there = {s: known[key] for s in self.objectives if (key := (picture.path, s, reference)) in known}
            self.rows.append((picture.path, there | scores))
            if table is not None:
                table.write(picture.path, reference, scores, facts)
        for spec, objective in among.items():
            self._rank(spec, objective, table)

    def _rank(self, spec: str, objective: "WinRate", table: "ScoreTable | None") -> None:
        """Win rates of all pictures among themselves: none of them stands for itself, so that they are made anew."""
        from isptune.errors import IsptuneError, in_words
        from isptune.tuning.ranking import preferences, win_rates

        paths = [path for path, _ in self.rows]
        try:
            images = [told_image(path).to(self.device) for path in paths]
            perfect = None if self.references is None else self.references.single
            scene = self._reference(perfect) if perfect else None
            rates = win_rates(preferences(objective.judge, images, scene))
        except IsptuneError as error:
            self.problems += 1
            click.echo(f"isptune: {spec}: {in_words(error)}", err=True)
            return
        self.new += len(paths)
        for (path, scores), rate in zip(self.rows, rates.tolist(), strict=True):
            scores[spec] = rate
            if table is not None:
                table.write(path, "", {spec: rate}, {spec: objective.facts})

    def _named_reference(self, picture: "NamedPicture") -> str:
        """The path of the picture's reference; empty where it has none. Raises SceneError."""
        if self.references is not None:
            return self.references.of(picture)
        return picture.reference or ""

    def _wanted(
        self, path: str, reference: str, table: "ScoreTable | None", left_out: "Container[str]"
    ) -> "dict[str, Objective]":
        known = {} if table is None else table.known
        asked = {s: o for s, o in self.objectives.items() if s not in left_out}
        wanted = {s: o for s, o in asked.items() if (path, s, reference) not in known}
        self.there += len(asked) - len(wanted)
        return wanted

    def _scores(self, path: str, reference: str, wanted: "dict[str, Objective]") -> dict[str, float]:
        """By objective; those that failed are left out, and told. Raises SceneError for a picture that is none."""
        from isptune.errors import ScoreError, about
        from isptune.scenes.scene import Scene

        image = told_image(path).to(self.device)
        scene = self._reference(reference) if reference else Scene(path, image)
        tell_warnings(wanted, [image], path)
        scores = {}
        for spec, objective in wanted.items():
            try:
                value = self._score(spec, objective, image, scene)
                if value != value:
                    raise ScoreError(f"{spec} is not defined for this picture (NaN)")
                scores[spec] = value
            except Exception as error:  # a plug-in may raise anything, and it costs one score
                click.echo(f"isptune: {about(path, error)}", err=True)
        return scores

    def _score(self, spec: str, objective: "Objective", image: "Images", scene: "Scene") -> float:
        from isptune.interfaces import ScoresTogether
        from isptune.tuning.together import evidence_of

        if not isinstance(objective, ScoresTogether):
            return float(objective.score(image, scene)[0])
        own = evidence_of(objective, image, scene)
        value = float(objective.together(own))
        self.evidence.setdefault(spec, []).extend(own)
        return value

    def together(self) -> dict[str, float]:
        """The scores of all pictures together, of those objectives that have one, where there are several pictures."""
        from isptune.interfaces import ScoresTogether

        found = {}
        for spec, evidence in self.evidence.items():
            objective = self.objectives[spec]
            if isinstance(objective, ScoresTogether) and len(evidence) > 1:
                found[spec] = float(objective.together(evidence))
        return found

    def _reference(self, path: str) -> "Scene":
        from isptune.scenes.scene import photograph

        if path not in self._perfect:
            self._perfect = {path: photograph(path, told_image(path)).to(self.device)}
        return self._perfect[path]


def tell_warnings(
    objectives: "dict[str, Objective]", images: "list[Images]", path: str | None = None
) -> None:
    """On stderr: what objectives find odd in what they were given, or, with a path, in this picture only."""
    from isptune.errors import one_line
    from isptune.interfaces import Warns

    for objective in objectives.values():
        if isinstance(objective, Warns):
            own = objective.warnings([])
            texts = own if path is None else [t for t in objective.warnings(images) if t not in own]
            for text in texts:
                click.echo(f"warning: {one_line(f'{path}: {text}' if path else text)}", err=True)

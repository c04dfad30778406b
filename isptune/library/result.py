"""What a run found, as Python has it: numbers, pictures, tables, and how it shows itself in a notebook."""

import base64
import html
import shutil
import weakref
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np

from isptune.errors import RunFolderError
from isptune.library.pictures import as_array
from isptune.library.short_tracebacks import short_traceback
from isptune.report.comparison import Comparison as Compared
from isptune.report.comparison import compare
from isptune.report.comparison_report import write_comparison
from isptune.report.console import print_comparison, print_run
from isptune.report.digits import number
from isptune.report.pictures import before_after
from isptune.report.run_report import write_report
from isptune.runs.answer import Answer, ScorePair
from isptune.runs.files import image_path
from isptune.runs.record import RunRecord, read_run
from isptune.scenes.images import read_image
from isptune.space import Value


@final
class Result:
    """A run, finished or not.

    Args:
        folder: of the run.
        temporary: whether the folder goes with this object.

    Raises:
        RunFolderError: it is no run folder, or is damaged.
    """

    def __init__(self, folder: Path, temporary: bool = False):
        self.folder = folder
        self.record: RunRecord = read_run(folder)
        if temporary:
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    @property
    def answer(self) -> Answer:
        """What the run recommends, with all that was measured of it. Raises RunFolderError while it is unfinished."""
        if self.record.answer is None:
            raise RunFolderError(f"{self.folder}: the run is not finished; give its command again to go on")
        return self.record.answer

    @property
    def recommended(self) -> dict[str, Value]:
        """The recommended value of every param, also of those that were not tuned."""
        return dict(self.answer.params)

    @property
    def default(self) -> dict[str, Value]:
        """Where the run began."""
        return dict(self.answer.default)

    @property
    def scores(self) -> dict[str, ScorePair]:
        """By objective: scores of `recommended` and `default` on fresh noise, with 95 % intervals, and the `gain`."""
        return dict(self.answer.objectives)

    @property
    def front(self) -> list[dict[str, Any]]:
        """Of several objectives, what no other candidate beats in all: its `params` and its `scores`."""
        return [{"params": dict(one.params), "scores": dict(one.scores)} for one in self.answer.front]

    @property
    def warnings(self) -> list[str]:
        """What to know before the values are believed."""
        return list(self.answer.warnings)

    @cached_property
    def trials(self) -> Any:
        """One row a trial, in order: generation, repeat, params, scores, l1 where it is known, error of a failed one.

        A pandas DataFrame where pandas is installed, else a list of dicts.
        """
        rows = [
            {
                "generation": generation.generation,
                "repeat": trial.repeat,
                **trial.params,
                **trial.scores,
                **({} if trial.l1 is None else {"l1": trial.l1, "l1_normalised": trial.l1_normalised}),
                "error": trial.error,
            }
            for generation in self.record.generations
            for trial in generation.trials
        ]
        return _table(rows)

    def images(self, scene: str | int = 0) -> dict[str, np.ndarray]:
        """The pictures of a scene, `default`, `recommended`, and `reference` where there is one: [H, W, 3], [0, 1]."""
        name = self._scenes[scene] if isinstance(scene, int) else scene
        paths = {
            kind: image_path(self.folder, name, kind) for kind in ("default", "recommended", "reference")
        }
        return {kind: as_array(read_image(path)) for kind, path in paths.items() if path.exists()}

    def report(self) -> Path:
        """Write the plots and report.html into the folder; its path."""
        return write_report(self.folder)

    @property
    def _scenes(self) -> list[str]:
        return [scene.name for scene in self.record.bench.scenes]

    def __repr__(self) -> str:
        return _printed(lambda console: print_run(self.folder, console))

    def _repr_html_(self) -> str:
        if self.record.answer is None:
            return f"<pre>{html.escape(repr(self))}</pre>"
        shown = [_strip(part.scene, part.crops) for part in before_after(self.folder, self._scenes)[0][:2]]
        notes = "".join(f"<p>{html.escape(text)}</p>" for text in self.warnings)
        return "".join([*shown, self._values_as_html(), self._scores_as_html(), notes])

    def _values_as_html(self) -> str:
        rows = [
            (name, _shown(self.default.get(name)), _shown(value))
            for name, value in self.recommended.items()
            if name in {param.name for param in self.record.params}
        ]
        return _html_table(("param", "default", "recommended"), rows)

    def _scores_as_html(self) -> str:
        rows = [
            (name, number(pair.default.mean), number(pair.recommended.mean),
             f"{number(pair.recommended.low)} to {number(pair.recommended.high)}")
            for name, pair in self.scores.items()
        ]  # fmt: skip
        return _html_table(("objective", "default", "recommended", "95 %"), rows)


@final
class Comparison:
    """Runs of several objectives on the same pipeline and scenes, with the same budget.

    Args:
        folder: where the comparison is kept.
        folders: of its runs.
        temporary: whether the folder goes with this object.
    """

    def __init__(self, folder: Path, folders: Sequence[Path], temporary: bool = False):
        self.folder = folder
        self.runs = {path.name: Result(path) for path in folders}
        self.found: Compared = compare(folders)
        self._runs = list(folders)
        if temporary:
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    @property
    def rows(self) -> Any:
        """One row an objective: its best repeat's score, and where known the mean distance from pristine."""
        rows = [
            {
                "objective": row.objective,
                "score": row.best_score.mean,
                **({} if row.l1_normalised is None else {
                    "l1_normalised": row.l1_normalised.mean,
                    "low": row.l1_normalised.low,
                    "high": row.l1_normalised.high,
                }),
            }
            for row in self.found.rows
        ]  # fmt: skip
        return _table(rows)

    def report(self) -> Path:
        """Write tables, plots and report.html into the folder; its path."""
        return write_comparison(self.folder, self.found, self._runs)

    def __repr__(self) -> str:
        return _printed(lambda console: print_comparison(self.found, console))

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


@short_traceback
def load_run(folder: str | Path) -> Result:
    """A run that was kept on disk. Raises RunFolderError if it is none, or is damaged."""
    return Result(Path(folder))


def _table(rows: list[dict[str, Any]]) -> Any:
    try:
        import pandas
    except ImportError:
        return rows
    return pandas.DataFrame(rows)


def _printed(show: Any) -> str:
    import io

    from rich.console import Console

    text = io.StringIO()
    show(
        Console(
            file=text, width=110, markup=False, highlight=False, force_terminal=False, force_jupyter=False
        )
    )
    return text.getvalue().rstrip()


def _shown(value: Value | None) -> str:
    return "" if value is None else value if isinstance(value, str) else number(float(value))


def _html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>"


def _strip(scene: str, crops: Mapping[str, bytes]) -> str:
    pictures = "".join(
        '<figure style="display:inline-block;margin:4px">'
        f'<img src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        f"<figcaption>{html.escape(kind)}</figcaption></figure>"
        for kind, png in crops.items()
    )
    return f"<div><p>{html.escape(scene)}</p>{pictures}</div>"

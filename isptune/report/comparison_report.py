"""A comparison as a page, plots and tables on disk."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isptune.report.comparison import Comparison, Row, normalised
from isptune.report.figures import (
    BLUE,
    INK,
    SKY,
    VERMILLION,
    in_our_style,
    legend_below,
    log_scale,
    panels,
    to_png,
)
from isptune.report.page import render
from isptune.report.pictures import Subject, compared
from isptune.report.resampling import mean_interval
from isptune.report.run_report import flat, write_plots
from isptune.runs.answer import Interval, SecondOpinion
from isptune.runs.facts import read_bench
from isptune.runs.files import COMPARISON, REPORT, image_path, write_record
from isptune.runs.settings import read_settings
from isptune.system.disk import remove_unfinished, write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def write_comparison(folder: Path, comparison: Comparison, runs: Sequence[Path] = ()) -> Path:
    """Write comparison.csv, comparison.json, plots/*.png and report.html; the same comparison gives the same bytes.

    Args:
        folder: to write into.
        comparison: what was compared.
        runs: the folders of the runs, whose pictures the page shows side by side.

    Returns:
        The page.

    Raises:
        DiskError: a file cannot be written.
    """
    remove_unfinished(folder, below=False)  # its runs clean up by themselves
    plots = {"distances": distances(comparison), "levels": levels(comparison)}
    write_plots(folder / "plots", plots)
    write_atomically(folder / "comparison.csv", as_csv(comparison).encode())
    write_record(folder, COMPARISON, asdict(comparison))
    pictures, left_out = compared(_subjects(comparison, runs))
    page = render(
        "comparison.html",
        pictures,
        pictures_left_out=left_out,
        comparison=comparison,
        name=folder.resolve().name,
        plots=plots,
        judges=judges(comparison),
        settings=flat(comparison.settings),
    )
    write_atomically(folder / REPORT, page)
    return folder / REPORT


def _subjects(comparison: Comparison, runs: Sequence[Path]) -> list[Subject]:
    """By scene what each objective led to, in the order of the rows; then what all started from, and the reference."""
    by_objective = {" + ".join(read_settings(run).objectives): run for run in runs}
    led = {
        row.objective: by_objective[row.objective] for row in comparison.rows if row.objective in by_objective
    }
    if not led:
        return []
    first = next(iter(led.values()))
    found = []
    for scene in read_bench(first).scenes:
        files = {f"led by {name}": image_path(run, scene.name, "recommended") for name, run in led.items()}
        files |= {kind: image_path(first, scene.name, kind) for kind in ("default", "reference")}
        files = {kind: path for kind, path in files.items() if path.exists()}
        if len(files) > 1:
            found.append(Subject(scene.name, files))
    return found


def judges(comparison: Comparison) -> dict[str, dict[str, SecondOpinion]]:
    """Second opinions by the objective that gives them, then by the objective that was optimised."""
    found: dict[str, dict[str, SecondOpinion]] = {}
    for row in comparison.rows:
        for opinion in row.opinions:
            found.setdefault(opinion.objective, {})[row.objective] = opinion
    return dict(sorted(found.items()))


def as_csv(comparison: Comparison) -> str:
    """One row an objective: the best repeat's d_1.. and l1, and every mean with its interval."""
    table = io.StringIO()
    rows = [_csv_row(comparison, number) for number in range(len(comparison.rows))]
    writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue()


@in_our_style
def distances(comparison: Comparison) -> bytes | None:
    """Each objective's distance from pristine: every repeat, and the mean with its interval."""
    rows = comparison.rows
    if any(row.l1_normalised is None for row in rows):
        return None
    figure, (panel,) = panels(1, 1, 1.3 + 0.42 * len(rows), 8.2)
    for y, row in enumerate(rows):
        _draw_row(panel, y, row)
    _label_rows(panel, comparison)
    values = [value for row in rows for value in normalised(row.distances)]
    if min(values) > 0 and max(values) > 20 * min(values):
        log_scale(panel, "x")
    else:
        panel.set_xlim(left=0)
    panel.set(xlabel="l1, normalised: distance from pristine, less is better")
    legend_below(figure, panel)
    return to_png(figure)


@in_our_style
def levels(comparison: Comparison) -> bytes | None:
    """The best repeat's levels as a heat map: colour is |level| over its range, the number is the level."""
    rows, facts = comparison.rows, comparison.levels
    if any(row.l1_normalised is None for row in rows):
        return None
    raw = np.array([row.best.levels for row in rows])
    shares = np.abs(raw) / [level.limit for level in facts]
    width = min(10.4, 2.6 + 1.35 * len(facts))
    figure, (panel,) = panels(1, 1, 1.3 + 0.42 * len(rows), width)
    top = max(float(shares.max()), 0.01)
    image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=top, aspect="auto")
    for (y, x), share in np.ndenumerate(shares):
        colour = "white" if share > 0.6 * top else INK
        panel.text(x, y, f"{raw[y, x]:.3g}", ha="center", va="center", color=colour, fontsize=8)
    _label_rows(panel, comparison)
    names = [f"d{number + 1}\n{level.name}\n{level.unit}" for number, level in enumerate(facts)]
    panel.set_xticks(range(len(facts)), names)
    panel.grid(visible=False)
    panel.set(title="levels of the best repeat")
    figure.colorbar(image, ax=panel, label="|level| / range")
    return to_png(figure)


def _draw_row(panel: "Axes", y: int, row: Row) -> None:
    each, mean = normalised(row.distances), row.l1_normalised or mean_interval([])
    names = ["one repeat", "95 % bootstrap interval", "mean", "best by its own score"]
    dots, line, middle, best = names if y == 0 else [None] * 4
    panel.plot(each, _spread_out(y, len(each)), "o", color=SKY, alpha=0.6, markersize=4, label=dots)
    if mean.n > 1:
        panel.plot([mean.low, mean.high], [y, y], color=BLUE, linewidth=2.2, zorder=3, label=line)
    panel.plot([mean.mean], [y], "o", color=BLUE, markersize=8, zorder=4, label=middle)
    chosen = normalised([row.best])
    panel.plot(chosen, [y], "D", color=VERMILLION, markersize=4.5, zorder=5, label=best)


def _label_rows(panel: "Axes", comparison: Comparison) -> None:
    panel.set_yticks(range(len(comparison.rows)), [row.objective for row in comparison.rows])
    panel.set_ylim(len(comparison.rows) - 0.5, -0.5)
    panel.grid(axis="y", visible=False)


def _spread_out(y: int, count: int) -> np.ndarray:
    """Heights around y at which dots do not hide each other: no chance in it."""
    return y + 0.22 * (np.arange(count) % 5 - 2) / 2


def _csv_row(comparison: Comparison, number: int) -> dict[str, Any]:
    row = comparison.rows[number]
    cells: dict[str, Any] = {
        "objective": row.objective,
        "direction": row.direction,
        "repeats": comparison.repeats,
        "best_repeat": row.best_repeat,
        "best_score": row.best_score.mean,
    }
    if row.l1 is None or row.l1_normalised is None:
        return cells
    cells |= {f"d_{i + 1}": level for i, level in enumerate(row.best.levels)}
    cells |= {"l1": row.best.l1, "l1_normalised": row.best.l1_normalised}
    means = {f"mean_abs_d_{i + 1}": mean for i, mean in enumerate(row.level_means)}
    means |= {"mean_l1": row.l1, "mean_l1_normalised": row.l1_normalised}
    return cells | dict(chain.from_iterable(_limits(name, mean).items() for name, mean in means.items()))


def _limits(name: str, mean: Interval) -> Mapping[str, float | None]:
    known = mean.n > 1
    return {
        name: mean.mean,
        f"{name}_low": mean.low if known else None,
        f"{name}_high": mean.high if known else None,
    }

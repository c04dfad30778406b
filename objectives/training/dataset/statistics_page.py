"""The statistics of a data set as a page with a plot, and as lines for a terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isptune.distortions.depictqa_recipes import ANSWERS, CATEGORIES
from isptune.report.figures import BLUE, GREY, in_our_style, panels, to_png
from isptune.report.page import render
from objectives.training.dataset.features import FEATURES
from objectives.training.dataset.plan import PARTS, Plan, write_bytes
from objectives.training.dataset.statistics import PRISTINE, Statistics

PLOT, PAGE = "statistics.png", "statistics.html"

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "identification, reference": ("refA_sd", "refA_md"),
    "identification, none": ("A_sd", "A_md"),
    "rating, reference": ("refAB",),
    "rating, none": ("AB",),
}
"""The lists in the columns of Table II; two stand as single / multi."""

SAMPLES_SHOWN = 6


def write_page(folder: Path, plan: Plan, statistics: Statistics) -> None:
    """Write the plot and the page into a data set's folder. Raises DatasetError."""
    plot = features_plot(statistics)
    write_bytes(folder / PLOT, plot)
    context: dict[str, Any] = {
        "plan": plan,
        "settings": [(name, _text(value)) for name, value in plan.settings().items()],
        "statistics": statistics,
        "columns": columns_of(plan),
        "parts": PARTS,
        "answers": ANSWERS,
        "pairs_drawn": sum(1 for number in statistics.pairs.values() if number),
        "features": FEATURES,
        "plot_png": plot,
        "cell": lambda values: " / ".join(f"{value:,}" for value in values),
        "lengths": lengths,
        "samples": samples,
    }
    write_bytes(folder / PAGE, render("dataset.html", **context))


@in_our_style
def features_plot(statistics: Statistics) -> bytes:
    """As figure 4 b to f; in place of its clusters of contents, how often each category was drawn."""
    figure, axes = panels(1 + len(FEATURES), 3, 2.5)
    names = [*CATEGORIES, PRISTINE]
    bars = axes[0].barh(
        range(len(names)), [statistics.categories[name] for name in names], color=BLUE, height=0.7
    )
    axes[0].bar_label(bars, padding=2, fontsize=6.5, color=GREY)
    axes[0].set_yticks(range(len(names)), [ANSWERS.get(name, name) for name in names], fontsize=6.5)
    axes[0].invert_yaxis()
    axes[0].grid(axis="y", visible=False)
    axes[0].set(
        title="distortions", xlabel="pictures", xlim=(0, 1.15 * max(1, *statistics.categories.values()))
    )
    for panel, (name, meaning) in zip(axes[1:], FEATURES.items(), strict=True):
        spread = statistics.features[name]
        panel.stairs(spread.counts, spread.edges, fill=True, color=BLUE)
        panel.set(title=name.replace("_", " "), xlabel=meaning, ylabel="pictures")
    return to_png(figure)


def columns_of(plan: Plan) -> dict[str, tuple[str, ...]]:
    """The columns of the table that a plan's tasks fill."""
    return {title: lists for title, lists in COLUMNS.items() if title.split(",")[0] in plan.tasks}


def samples(statistics: Statistics, part: str, lists: tuple[str, ...]) -> list[int]:
    """How many records a part has in each of some lists."""
    return [statistics.samples[part].get(name, 0) for name in lists]


def lengths(statistics: Statistics, name: str) -> str:
    """The mean length of a list's answers: words / characters, as in Table II b."""
    length = statistics.lengths.get(name)
    return f"{length.words:.2f} / {length.characters:.2f}" if length else "none"


def table_rows(plan: Plan, statistics: Statistics) -> list[tuple[str, str, str, str]]:
    """For a terminal: what, train, validation, and the answers' mean words / characters, for each list."""
    rows = []
    for title, lists in columns_of(plan).items():
        for name in lists:
            kind = {"sd": ", single", "md": ", multi"}.get(name.rpartition("_")[2], "")
            train, validation = (f"{samples(statistics, part, (name,))[0]:,}" for part in PARTS)
            rows.append((title + kind, train, validation, lengths(statistics, name)))
    return rows


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)

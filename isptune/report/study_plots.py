"""The plots of a study: how evenly shares of wins are spread, the scale with its intervals, who beat whom."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from isptune.report.figures import (
    BLUE,
    FAINT,
    GREY,
    INK,
    SKY,
    VERMILLION,
    WIDTH_IN,
    in_our_style,
    legend_below,
    panels,
    to_png,
)
from isptune.study.findings.analysis import Analysis, SceneResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED = 36
"""Up to so many images are named in plots; more are numbered by rank."""


@in_our_style
def win_histogram(analysis: Analysis) -> bytes:
    """How many images won which share of their pairs; the line is what an even spread would be."""
    from matplotlib.ticker import MaxNLocator

    values = np.concatenate([scene.win_share[scene.voted] for scene in analysis.scenes])
    figure, (panel,) = panels(1, 1, 2.6, 6.4)
    counts, edges = np.histogram(values, bins=9, range=(0, 1))
    panel.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=SKY, edgecolor="white")
    even = len(values) / len(counts)
    panel.axhline(even, color=INK, linestyle=(0, (4, 3)), linewidth=1, label="spread evenly")
    panel.set(
        xlabel="share of its pairs that an image won, the mean over observers", ylabel="images", xlim=(0, 1)
    )
    panel.yaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set_ylim(0, 1.25 * max(counts.max(), even))
    panel.legend(loc="upper right")
    return to_png(figure)


@in_our_style
def scale(scene: SceneResult) -> bytes:
    """The scale with its intervals, and beside it the share of votes that each image won against each other."""
    order = [k for group in rankings(scene) for k in group]
    named = len(order) <= NAMED
    height = max(3.4, 1.2 + 0.21 * len(order)) if named else 4.6
    figure, (left, right) = panels(2, 2, height, WIDTH_IN)
    (_draw_named if named else _draw_ranked)(left, scene, order)
    left.set_title(f"{scene.scene}: scale, JOD")
    _draw_wins(right, scene, order, named)
    legend_below(figure, left)
    return to_png(figure)


def rankings(scene: SceneResult) -> list[list[int]]:
    """The images of each group that votes connect, the best first."""
    scores = scene.scale.scores
    return [[int(k) for k in m[np.argsort(-scores[m], kind="stable")]] for m in scene.groups]


def _draw_named(panel: "Axes", scene: SceneResult, order: Sequence[int]) -> None:
    places = np.arange(len(order))
    scores, low, high = (values[order] for values in (scene.scale.scores, scene.low, scene.high))
    panel.hlines(places, low, high, color=BLUE, linewidth=2, label="95 % interval")
    panel.plot(scores, places, "o", color=BLUE, markersize=5, label="all observers")
    _mark_screened(panel, scene, order, places, upright=False)
    panel.set_yticks(places, [scene.table.conditions[k] for k in order])
    panel.set_ylim(len(order) - 0.5, -0.5)
    for end in np.cumsum([len(members) for members in scene.groups])[:-1]:
        panel.axhline(end - 0.5, color=INK, linewidth=1.2)  # what lies on both sides cannot be compared
    panel.set_xlabel("better →" if len(scene.groups) == 1 else "better, within a group →")


def _draw_ranked(panel: "Axes", scene: SceneResult, order: Sequence[int]) -> None:
    places = np.arange(1, len(order) + 1)
    scores, low, high = (values[order] for values in (scene.scale.scores, scene.low, scene.high))
    panel.vlines(places, low, high, color=SKY, linewidth=1.6, label="95 % interval")
    panel.plot(places, scores, "o", color=BLUE, markersize=2.6, label="all observers")
    _mark_screened(panel, scene, order, places, upright=True)
    for end in np.cumsum([len(members) for members in scene.groups])[:-1]:
        panel.axvline(end + 0.5, color=INK, linewidth=1.2)
    within = "" if len(scene.groups) == 1 else ", group by group"
    panel.set(xlabel=f"rank, the best first{within}", ylabel="JOD")


def _mark_screened(
    panel: "Axes", scene: SceneResult, order: Sequence[int], places: np.ndarray, upright: bool
) -> None:
    """Where the images stand without the observers that a test flags, if it flags any."""
    tests = {
        "without unlikely observers": scene.without_unlikely,
        "without erratic observers": scene.without_erratic,
    }
    for (label, values), (marker, colour) in zip(
        tests.items(), (("x", VERMILLION), ("+", GREY)), strict=True
    ):
        if values is not scene.scale.scores:
            points = (places, values[order]) if upright else (values[order], places)
            panel.plot(*points, marker, color=colour, markersize=2 if upright else 5, label=label)


def _draw_wins(panel: "Axes", scene: SceneResult, order: Sequence[int], named: bool) -> None:
    wins = scene.table.wins()[np.ix_(order, order)]
    total = wins + wins.T
    share = np.divide(wins, total, out=np.full_like(wins, np.nan), where=total > 0)
    image = panel.imshow(share, cmap="RdBu", vmin=0, vmax=1, interpolation="nearest")
    panel.grid(visible=False)
    panel.set_facecolor(FAINT)  # pairs without votes
    panel.set_title("share of votes won by the row")
    if named:
        names = [scene.table.conditions[k] for k in order]
        panel.set_yticks(range(len(order)), names)
        panel.set_xticks(range(len(order)), names, rotation=90)
    else:
        panel.set(xlabel="rank", ylabel="rank")
    panel.figure.colorbar(image, ax=panel, shrink=0.8)

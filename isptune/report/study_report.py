"""The report of a study: plots/*.png and report.html, made of the votes and the pictures."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isptune.errors import StudyError
from isptune.report.page import render
from isptune.report.run_report import flat, write_plots
from isptune.report.study_plots import rankings, scale, win_histogram
from isptune.runs.files import CONFIG, REPORT
from isptune.study.findings.analysis import Analysis, SceneResult
from isptune.study.findings.results import all_warnings, scale_rows
from isptune.study.scale.intervals import holm
from isptune.system.disk import write_atomically

SAMPLES, SAMPLE_PX = 6, 168
"""So many images along the scale of each scene, so wide on the page."""

SCENES_WITH_PICTURES, TABLE_ROWS = 6, 25

SCENES_INSIDE, FEWER_ROWS = 12, 8
"""So many scenes have their plots inside the page, and all their rows: of hundreds it would be tens of megabytes. The
plots of the others are read from the folder beside it."""
ALPHA = 0.05


@dataclass(frozen=True)
class Sample:
    """An image along the scale: the whole of it made smaller, and its centre at 1:1, as PNG bytes."""

    condition: str
    score: float
    win_share: float
    whole: bytes
    centre: bytes


def write_study_report(analysis: Analysis) -> Path:
    """Write plots and page into the study's folder; the same votes give the same bytes. Raises RunFolderError."""
    folder = analysis.study.folder
    plots: dict[str, bytes | None] = {"wins": win_histogram(analysis)}
    plots |= {f"scale_{scene.scene}": scale(scene) for scene in analysis.scenes}
    write_plots(folder / "plots", plots)
    rows = scale_rows(analysis)
    page = render(
        "study.html",
        name=folder.resolve().name,
        analysis=analysis,
        warnings=all_warnings(analysis),
        study=analysis.study,
        plots=plots,
        inside=SCENES_INSIDE,
        votes=sum(len(scene.table.share) for scene in analysis.scenes),
        images=sum(len(scene.stimuli) for scene in analysis.scenes),
        no_difference=_share_of_ties(analysis),
        concordance=_mean_concordance(analysis),
        scenes=[_scene_context(analysis, scene, rows, k) for k, scene in enumerate(analysis.scenes)],
        settings=flat(
            {name: getattr(analysis.study.plan, name) for name in analysis.study.plan.__dataclass_fields__}
        ),
    )
    # A search by eye is a run, too, whose report is another one.
    path = folder / ("study_report.html" if (folder / CONFIG).exists() else REPORT)
    write_atomically(path, page)
    return path


def samples_of(analysis: Analysis, scene: SceneResult, ranking: Sequence[int]) -> list[Sample]:
    """Images along the scale of a group: the best, the worst, and even steps between. Empty without pictures."""
    order = [k for k in ranking if scene.stimuli[k].file]
    if not order:
        return []
    scores = scene.scale.scores
    steps = np.linspace(scores[order[0]], scores[order[-1]], min(SAMPLES, len(order)))
    chosen = dict.fromkeys(min(order, key=lambda k: abs(scores[k] - step)) for step in steps)
    found = []
    for k in chosen:
        whole, centre = _shrunk(analysis.study.folder / scene.stimuli[k].file)
        share = float(scene.win_share[k])
        found.append(Sample(scene.table.conditions[k], float(scores[k]), share, whole, centre))
    return found


def _scene_context(
    analysis: Analysis, scene: SceneResult, rows: Sequence[dict[str, Any]], number: int
) -> dict[str, Any]:
    pairs = scene.differences
    own = [row for row in rows if row["scene"] == scene.scene]
    with_pictures = number < SCENES_WITH_PICTURES
    shown = TABLE_ROWS if number < SCENES_INSIDE else FEWER_ROWS
    return {
        "result": scene,
        "groups": [_group_context(analysis, scene, n, with_pictures) for n in range(len(scene.groups))],
        "rows": own[:shown],
        "mos": any(row.get("mos") is not None for row in own),
        "left_out": max(0, len(own) - shown),
        "significant": sum(pair.p < ALPHA for pair in pairs),
        "significant_holm": sum(pair.p_holm < ALPHA for pair in pairs),
        "dense": any(row["pwcmp"] is not None for row in own),
        "screened": scene.without_unlikely is not scene.scale.scores
        or scene.without_erratic is not scene.scale.scores,
    }


def _group_context(
    analysis: Analysis, scene: SceneResult, number: int, with_pictures: bool
) -> dict[str, Any]:
    """The best image of a group, those that it may not be better than, and pictures along its scale."""
    order = rankings(scene)[number]
    best = scene.table.conditions[order[0]]
    against = sorted((pair for pair in scene.differences if pair.better == best), key=lambda pair: pair.mean)
    corrected = holm(np.array([pair.p for pair in against]))
    return {
        "number": number + 1,
        "best": best,
        "rivals": [pair.worse for pair, p in zip(against, corrected, strict=True) if p >= ALPHA],
        "samples": samples_of(analysis, scene, order) if with_pictures else [],
    }


def _share_of_ties(analysis: Analysis) -> float:
    shares = np.concatenate([scene.table.share for scene in analysis.scenes])
    return float((shares == 0.5).mean())


def _mean_concordance(analysis: Analysis) -> float:
    known = [scene.concordance.w for scene in analysis.scenes if np.isfinite(scene.concordance.w)]
    return float(np.mean(known)) if known else float("nan")


def _shrunk(path: Path) -> tuple[bytes, bytes]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise StudyError(f"{path}: cannot be read: {error}") from error
    height = max(1, round(picture.height * SAMPLE_PX / picture.width))
    whole = picture.resize((SAMPLE_PX, height), Image.Resampling.LANCZOS)
    side = min(SAMPLE_PX, picture.width, picture.height)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return _png(whole), _png(picture.crop((left, top, left + side, top + side)))


def _png(picture: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()

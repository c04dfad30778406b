"""What `isptune study fit` writes into a study's folder.

::

    STUDY/scale.csv          an image a row: score (JOD) with its interval, share of wins, other scales, screened both
                             ways; group: of the images that votes connect, scores of different ones do not compare
    STUDY/differences.csv    a pair of a group a row: how far apart, with interval and significance
    STUDY/observers.csv      an observer a row: how they voted, and what the screening says
    STUDY/judges.csv         only where judges voted: a judge a row, and one a scene: how far it agrees with people
    STUDY/prompt.csv         image, score: what `--prompt` takes; only where all scores can be compared
    STUDY/prompt_SCENE.csv   in its place, one for each scene (prompt_SCENE_2.csv: for its second group), where not
    STUDY/result.json        all of it but the differences
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from isptune.study.findings.analysis import Analysis, SceneResult
from isptune.study.findings.common_scale import common_scores, parts_of
from isptune.study.scale.pwcmp import PRIOR
from isptune.study.scale.scale import DMC_PAIRS
from isptune.study.votes.viewing import read_viewing, viewing_warnings
from isptune.system.disk import write_atomically
from isptune.system.records import to_json

SCALE, DIFFERENCES, OBSERVERS, JUDGES = "scale.csv", "differences.csv", "observers.csv", "judges.csv"
PROMPT, RESULT = "prompt.csv", "result.json"


def write_results(analysis: Analysis) -> list[Path]:
    """Write all files; the same votes give the same bytes. Returns what was written. Raises RunFolderError."""
    folder = analysis.study.folder
    images = scale_rows(analysis)
    people = observer_rows(analysis)
    tables = {SCALE: images, OBSERVERS: people, DIFFERENCES: _difference_rows(analysis)}
    judges = _judge_rows(analysis)
    if judges:
        tables[JUDGES] = judges
    else:
        (folder / JUDGES).unlink(missing_ok=True)
    prompts = _prompts(analysis)
    for earlier in [folder / PROMPT, *folder.glob("prompt_*.csv")]:
        if earlier.name not in prompts:
            earlier.unlink(missing_ok=True)
    tables |= prompts
    for name, rows in tables.items():
        write_atomically(folder / name, _csv(rows).encode())
    write_atomically(folder / RESULT, to_json(_result(analysis, images, people)))
    return [folder / name for name in (*tables, RESULT)]


def scale_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """One row an image, scene by scene and group by group, the best first; those without votes last."""
    dmc = any(scene.dmc for scene in analysis.scenes) and not analysis.imported
    rows = [row for scene in analysis.scenes for row in _scale_rows(scene, dmc)]
    parts, common = parts_of(analysis), common_scores(analysis)
    if len(parts) > 1 and common is not None:
        known = {
            (part.scene.scene, part.scene.stimuli[image].condition): score
            for part, scores in zip(parts, common, strict=True)
            for image, score in zip(part.members, scores, strict=True)
        }
        for row in rows:
            row["over_scenes"] = _number(known.get((row["scene"], row["condition"]), math.nan))
    return rows


def without_common_scale(analysis: Analysis) -> str | None:
    """What to tell where scores of several scenes, or groups, cannot be put on one scale; None where they can."""
    if common_scores(analysis) is not None:
        return None
    names = [part.name for part in parts_of(analysis)]
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    files = list(_prompts(analysis))
    instead = (
        f" There is no {PROMPT}, but {', '.join(files[:3])}{', ...' if len(files) > 3 else ''}."
        if files
        else ""
    )
    return (
        f"No condition that stands in several scenes connects {shown}: their scores cannot be put on one scale."
        + instead
    )


def _prompts(analysis: Analysis) -> dict[str, list[dict[str, Any]]]:
    """Pictures with scores that can be compared: one table, or one for each part."""
    parts, common = parts_of(analysis), common_scores(analysis)
    own = [part.scene.scale.scores[part.members] for part in parts]
    found: dict[str, list[dict[str, Any]]] = {}
    for part, scores in zip(parts, own if common is None else common, strict=True):
        rows = [
            {"image": part.scene.stimuli[image].file, "score": _number(score)}
            for image, score in zip(part.members, scores, strict=True)
            if part.scene.stimuli[image].file
        ]
        if rows:
            name = f"prompt_{part.name}.csv" if common is None else PROMPT
            found.setdefault(name, []).extend(rows)
    return found


def _scale_rows(scene: SceneResult, dmc: bool) -> list[dict[str, Any]]:
    wins = {"": scene.win_share, "_low": scene.win_low, "_high": scene.win_high}
    columns = {
        "score": scene.scale.scores,
        "low": scene.low,
        "high": scene.high,
        **{f"win_share{end}": values for end, values in wins.items()},
        **({f"mos{end}": DMC_PAIRS * values for end, values in wins.items()} if dmc else {}),
        "bradley_terry": scene.bradley_terry,
        "pwcmp": scene.pwcmp,
        "without_unlikely": scene.without_unlikely,
        "without_erratic": scene.without_erratic,
    }
    rows = []
    for k, stimulus in enumerate(scene.stimuli):
        voted = bool(scene.voted[k])
        row: dict[str, Any] = {
            "image": stimulus.file,
            "scene": stimulus.scene,
            "condition": stimulus.condition,
            "group": int(scene.group[k]) or None,
        }
        row |= {name: _number(values[k]) if voted else None for name, values in columns.items()}
        rows.append({**row, "votes": int(scene.table.counts[k]), "known_score": _number(stimulus.score)})
        if dmc and not scene.dmc:
            rows[-1] |= dict.fromkeys(("mos", "mos_low", "mos_high"))
    return sorted(rows, key=_rank)


def _rank(row: dict[str, Any]) -> tuple[float, float]:
    return (math.inf, 0.0) if row["group"] is None else (row["group"], -row["score"])


def observer_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """One row an observer, in the order in which they joined."""
    rows = []
    for result in analysis.observers:
        screening = result.screening
        row: dict[str, Any] = {"observer": result.observer.label, "source": result.observer.source}
        row |= {
            name: _number(value) if isinstance(value, float) else value
            for name, value in asdict(result.behaviour).items()
        }
        row |= {
            "log_likelihood": _number(screening.log_likelihood),
            "likelihood_distance": _number(screening.distance),
            "too_high": screening.too_high,
            "too_low": screening.too_low,
            "unlikely": screening.unlikely,
            "erratic": screening.erratic,
        }
        rows.append(row)
    return rows


def _difference_rows(analysis: Analysis) -> list[dict[str, Any]]:
    rows = [
        {"scene": scene.scene, **{k: _number(v) if isinstance(v, float) else v for k, v in asdict(d).items()}}
        for scene in analysis.scenes
        for d in scene.differences
    ]
    columns = ("scene", "group", "better", "worse", "mean", "low", "high", "p", "p_holm")
    return rows or [dict.fromkeys(columns)]


def all_warnings(analysis: Analysis) -> list[str]:
    """What to be careful about, in the votes and in what is handed on."""
    apart = without_common_scale(analysis)
    viewing = read_viewing(analysis.study.folder)
    voted = [viewing[one.observer.id] for one in analysis.observers if one.observer.id in viewing]
    return [*analysis.warnings, *viewing_warnings(voted), *([apart] if apart else [])]


def _result(
    analysis: Analysis, images: Sequence[dict[str, Any]], people: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "title": analysis.study.plan.title,
        "unit": "JOD",
        "simulated_observers": analysis.simulated,
        "judges_in_the_scale": analysis.judged,
        "votes": sum(len(scene.table.share) for scene in analysis.scenes),
        "undone_votes": analysis.undone,
        "resamples": analysis.draws,
        "pwcmp_prior": PRIOR,
        "warnings": all_warnings(analysis),
        "scenes": {scene.scene: _facts(scene) for scene in analysis.scenes},
        "images": list(images),
        "observers": list(people),
        **_judges(analysis),
    }


def _judges(analysis: Analysis) -> dict[str, Any]:
    """The judges beside the observers; nothing where there are none."""
    if not analysis.judges:
        return {}
    among = analysis.people
    numbers = (
        {}
        if among is None
        else {name: _number(value) for name, value in asdict(among).items() if name != "each"}
    )
    return {"judges": _judge_rows(analysis), "observers_among_themselves": numbers}


def _judge_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """For each judge one row of all scenes, whose scene is empty, and one of each scene."""
    rows = []
    for judge in analysis.judges:
        of_all = {"judge": judge.observer.label, "scene": "", "votes": judge.votes}
        for name in ("agreement", "srocc"):
            value = getattr(judge, name)
            ends = {f"{name}_low": _number(value.low), f"{name}_high": _number(value.high)}
            of_all |= {name: _number(value.value), **ends}
        single = ("same_answer", "no_difference", "left")
        rows.append(of_all | {name: _number(getattr(judge, name)) for name in single})
        for scene in judge.scenes:
            values = {"agreement": _number(scene.agreement), "srocc": _number(scene.srocc)}
            rows.append(dict.fromkeys(rows[0]) | {"judge": judge.observer.label, **asdict(scene), **values})
    return rows


def _facts(scene: SceneResult) -> dict[str, Any]:
    pairs = scene.differences
    return {
        "images": len(scene.stimuli),
        "votes": len(scene.table.share),
        "observers": len(scene.table.observers),
        "tie_threshold_jod": _number(scene.scale.tie_threshold),
        "side_bias_jod": _number(scene.scale.side_bias),
        "log_likelihood": _number(scene.scale.log_likelihood),
        "kendalls_w": _number(scene.concordance.w),
        "kendalls_w_p": _number(scene.concordance.p),
        "connected_groups": len(scene.groups),
        "pairs": len(pairs),
        "significant_pairs": sum(pair.p < 0.05 for pair in pairs),
        "significant_pairs_holm": sum(pair.p_holm < 0.05 for pair in pairs),
    }


def _number(value: float) -> float | None:
    """Rounded far below what votes can tell, so that files do not differ in noise; None for NaN."""
    return None if not math.isfinite(value) else round(float(value), 6)


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for row in rows if any(value is not None for value in row.values()))
    return table.getvalue()

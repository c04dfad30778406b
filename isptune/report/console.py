"""Runs and comparisons on the console: tables on a terminal, aligned plain text elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING

from isptune.report import series
from isptune.report.aggregate_words import ALL_TOGETHER, optimised
from isptune.report.changes import bounds_reached, changes
from isptune.report.digits import limits_of, mean_of, number, over, percent
from isptune.report.distance_words import distances_disagree
from isptune.report.next_steps import link, next_steps, step_lines, what_it_starts
from isptune.report.tables import print_line, print_table
from isptune.runs.answer import Answer, Interval
from isptune.runs.files import REPORT
from isptune.runs.record import RunRecord, read_run
from isptune.trust import OPTION

if TYPE_CHECKING:
    from rich.console import Console

    from isptune.report.comparison import Comparison
    from isptune.report.leaderboard import Leaderboard

KNOBS = 24
"""Rows of the table of knobs at most; those that changed most."""


def print_run(folder: Path, console: "Console") -> None:
    """Print what `isptune show` shows: settings, progress, the answer, opinions, warnings, the report's place.

    Raises:
        RunFolderError: the folder is no run folder, or is damaged.
    """
    record = read_run(Path(folder))
    _print_progress(record, console)
    if record.answer:
        _print_answer(record, record.answer, console)
    report = record.folder / REPORT
    print_line(
        console,
        f"report: {link(report)}" if report.exists() else f"report: none yet; isptune report {record.folder}",
    )


def print_next(record: RunRecord, console: "Console") -> None:
    """Print what to do with a run now."""
    print_line(console, "next:")
    steps = next_steps(record)
    for line in step_lines(steps):
        print_line(console, line)
    if any(OPTION in step for step in steps):
        print_line(console, f"  ({OPTION} lets what this folder names {'; '.join(what_it_starts(record))})")


def print_leaderboard(board: "Leaderboard", console: "Console") -> None:
    """Print a table a group, and what was left out."""
    for group in board.groups:
        rows = []
        for rank, one in enumerate(group.runs, 1):
            note = "the start stays" if one.kept_start else "" if one.state == "finished" else one.state
            opinions = "" if one.better is None else f"{one.better} better, {one.worse} worse"
            scores = map(number, (one.start, one.score, one.gain, one.held_out, one.l1_normalised))
            place = rank if one.state == "finished" else "-"
            row = [place, one.run, one.by, one.optimizer, one.seed, f"{one.trials} of {one.budget}", *scores]
            rows.append([str(value) for value in (*row, opinions, note)])
        order = "gain on scenes not seen" if group.by_held_out else "score"
        scenes = "1 scene" if len(group.scenes) == 1 else f"{len(group.scenes)} scenes"
        title = f"{' + '.join(group.objectives)} on {group.pipeline}, {scenes}, by {order}"
        head = ["", "run", "by", "optimizer", "seed", "trials", "start", "score", "better by", "not seen", "l1",
                "second opinions", ""]  # fmt: skip
        filled = [
            i for i, name in enumerate(head) if not name or any(row[i] not in ("", "-") for row in rows)
        ]
        print_table(console, title, [head[i] for i in filled], [[row[i] for i in filled] for row in rows])
    for line in board.left_out:
        print_line(console, f"left out: {line}")


def print_comparison(comparison: "Comparison", console: "Console") -> None:
    """Print where each objective led, and which differences are larger than chance."""
    known = comparison.rows[0].l1_normalised is not None
    levels = [f"d_{i + 1} {level.name}" for i, level in enumerate(comparison.levels)] if known else []
    tail = ["l1", "l1 normalised"] if known else []
    rows = []
    for row in comparison.rows:
        best = [*row.best.levels, row.best.l1, row.best.l1_normalised] if known else []
        means = [*row.level_means, row.l1, row.l1_normalised] if known else []
        rows.append(
            [row.objective, f"best ({row.best_repeat + 1})", mean_of(row.best_score), *map(number, best)]
        )
        if means:
            rows.append(["", "mean", "", *(mean_of(mean) if mean else "" for mean in means)])
        if means and comparison.repeats > 1:
            rows.append(["", "95 %", "", *(limits_of(mean) if mean else "" for mean in means)])
    print_table(
        console, "where each objective led", ["objective", "repeat", "own score", *levels, *tail], rows
    )
    if comparison.differences:
        head = [
            "first",
            "second",
            "difference in l1 normalised",
            "95 % interval",
            "p (Holm)",
            "larger than chance",
        ]
        pairs = [
            [
                d.first,
                d.second,
                mean_of(d.mean),
                limits_of(d.mean),
                number(d.p_holm),
                "yes" if d.real else "no",
            ]
            for d in comparison.differences
        ]
        print_table(console, "differences", head, pairs)
    for row in comparison.rows:
        says = ", ".join(f"{o.objective} {o.says or 'could not score'}" for o in row.opinions)
        print_line(console, f"second opinions on {row.objective}: {says or 'none'}")
    for note in comparison.notes:
        print_line(console, f"note: {note}", "yellow")


def _print_progress(record: RunRecord, console: "Console") -> None:
    config, trials = record.config, list(record.trials())
    failed = sum(trial.error is not None for trial in trials)
    optimizer = record.bench.optimizer or config.optimizer
    scenes = ", ".join(scene.name for scene in record.bench.scenes)
    objectives = " and ".join(o.name for o in record.objectives)
    print_line(
        console,
        f"{record.folder}: {config.pipeline} for {objectives} by {optimizer} on {scenes}",
        "bold",
    )
    repeats = f" in {len(record.repeats)} repeats" if len(record.repeats) > 1 else ""
    state = "finished" if record.answer else "not finished"
    failures = f", {failed} failed" if failed else ""
    done = len(record.generations)
    print_line(
        console,
        f"{state}: {done} of {config.generations} generations, {len(trials)} trials{repeats}{failures}",
    )
    for message, where in list(series.failures(record).items())[:3]:
        print_line(console, f"  {len(where)} x {message}")
    for objective in record.objectives:
        best = record.best_trial(objective)
        if best is not None:
            level = "" if best.l1_normalised is None else f", its normalised l1 {number(best.l1_normalised)}"
            print_line(
                console,
                f"best {objective.name} {objective.best_is}: {number(best.scores[objective.name])}{level}",
            )


def _print_answer(record: RunRecord, answer: Answer, console: "Console") -> None:
    print_line(console, f"stopped: {answer.stop_reason}")
    rows = []
    for objective in record.objectives:
        if objective.name in answer.objectives:
            pair = answer.objectives[objective.name]
            rows.append(
                [
                    f"{objective.label} {ALL_TOGETHER}"
                    if objective.together and answer.scenes
                    else objective.label,
                    _with_limits(pair.default),
                    _with_limits(pair.recommended),
                    objective.direction,
                ]
            )
    before, after = answer.default_distance, answer.recommended_distance
    if after.levels:
        defaults = before.levels or (None,) * len(after.levels)
        for i, level in enumerate(record.levels):
            rows.append([f"d_{i + 1} {level.label}", number(defaults[i]), number(after.levels[i]), "to 0"])
        rows.append(["l1", number(before.l1), number(after.l1), "to 0"])
        rows.append(["l1 normalised", number(before.l1_normalised), number(after.l1_normalised), "to 0"])
    _print_held_out(record, answer, console)
    for one in answer.constraints:
        state = "kept" if one.kept else "broken"
        scores = f"{mean_of(one.scores.default)} -> {mean_of(one.scores.recommended)}"
        print_line(console, f"limit {one.constraint}: {state} ({scores})", "" if one.kept else "yellow")
    print_table(console, f"evaluated again{over(answer)}", ["", "default", "recommended", "aim"], rows)
    if disagree := distances_disagree(before, after):
        print_line(console, disagree)
    _print_scenes(record, answer, console)
    if answer.cost:
        print_line(
            console,
            f"kept near the default: {percent(answer.distance or 0.0)} of the ranges away on average, which cost "
            f"{number(answer.cost)} in the search; the scores here are without that cost",
        )
    if answer.rejected is not None:
        print_line(console, "the recommended set is the start: nothing that was found is better", "yellow")
    knobs = changes(record, answer) if answer.rejected is None else []
    cells = [
        [
            k.param.name,
            number(k.default),
            number(k.recommended),
            percent(k.share) if k.places else "",
            k.param.unit,
            k.note,
        ]
        for k in knobs[:KNOBS]
    ]
    print_table(
        console,
        "the recommended set",
        ["knob", "default", "recommended", "change of range", "unit", ""],
        cells,
    )
    if len(knobs) > KNOBS:
        print_line(console, f"and {len(knobs) - KNOBS} more, which changed less, in the report")
    opinions = [
        [o.objective, number(o.default), number(o.recommended), o.says or f"could not score: {o.error}"]
        for o in answer.second_opinions
    ]
    print_table(console, "second opinions", ["objective", "default", "recommended", "says"], opinions)
    for row in answer.diagnoses:
        print_line(console, f"{row.judge} on {row.scene}, default: {row.default.words}")
        print_line(console, f"{row.judge} on {row.scene}, recommended: {row.recommended.words}")
    for file in answer.exported:
        print_line(console, file.words)
    _print_warnings(answer, bounds_reached(knobs), console)


def _print_held_out(record: RunRecord, answer: Answer, console: "Console") -> None:
    """What the set is worth on scenes that the search never saw: the first thing to know, where it is known."""
    if answer.held_out is None:
        return
    count = len(answer.held_out.scenes)
    for objective in record.objectives:
        pair = answer.held_out.objectives[objective.name]
        gain = pair.difference
        print_line(
            console,
            f"on {count} scene{'s' if count > 1 else ''} that the search never saw: {objective.name} "
            f"{mean_of(pair.default)} -> {mean_of(pair.recommended)}, changed by {_with_limits(gain)}: "
            f"{gain.as_gain(objective.direction)}",
            "bold",
        )


def _print_scenes(record: RunRecord, answer: Answer, console: "Console") -> None:
    """By scene what became of each score; nothing where there is one scene only."""
    rows = []
    for scene, table in answer.scenes.items():
        cells = [
            text
            for o in record.objectives
            if o.name in table
            for text in (number(table[o.name].default.mean), number(table[o.name].recommended.mean))
        ]
        rows.append([scene, *cells])
    heads = [text for o in record.objectives for text in (f"{o.name} default", "recommended")]
    print_table(console, f"scene by scene (optimised: {optimised(record)})", ["scene", *heads], rows)


def _print_warnings(answer: Answer, bounds: list[str], console: "Console") -> None:
    for text in answer.warnings:
        print_line(console, f"warning: {text}", "yellow")
    if bounds:
        print_line(
            console, f"on a bound of its range: {', '.join(bounds)}; the best value may lie outside", "yellow"
        )


def _with_limits(interval: Interval) -> str:
    limits = limits_of(interval)
    return f"{mean_of(interval)} ({limits})" if interval.n > 1 else mean_of(interval)

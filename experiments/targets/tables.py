"""The tables of this folder, from its CSV files alone; nothing in them is typed by hand.

    python -m experiments.targets.tables [--folder DIR]

It reads ends.csv and correlates.csv, and writes leaderboard.md and pairs.csv beside them. A test asks that the files
that are committed are what it writes.
"""

import argparse
import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from experiments.targets.comparing import Pair, Standing, by_photograph, pairs, relations, standings
from experiments.targets.correlates import CORRELATES, Correlates, read_correlates
from experiments.targets.ends import STAGES, End, read_ends
from experiments.targets.protocol import CHAINS, MAPS, MARKS
from experiments.targets.run import ENDS, HERE
from isptune.report.resampling import LEVEL, smallest_p
from isptune.runs.answer import Interval
from isptune.system.disk import write_atomically

BOARD, PAIRS = "leaderboard.md", "pairs.csv"


def written(folder: Path) -> dict[str, str]:
    """What the tables say, by file. Raises ConfigError for a table that is none of ends."""
    ends = read_ends(folder / ENDS)
    compared = pairs(ends)
    stood, known = standings(ends, compared), read_correlates(folder / CORRELATES)
    parts = [
        "<!-- written by experiments.targets.tables; do not edit -->\n",
        what_ran(ends),
        "## Where they lead\n",
        board(stood, len(compared)),
        "## Level by level\n",
        levels(stood),
        "## Over evaluations\n",
        curves(stood),
        "## Does a better correlation make a better target?\n",
        correlations(stood, known),
    ]
    return {BOARD: "\n".join(parts), PAIRS: _pairs(compared)}


def what_ran(ends: Sequence[End]) -> str:
    """How much of the protocol the figures are of."""
    photographs = len({end.scene for end in ends})
    seeds = sorted({end.seed for end in ends})
    most = max(end.evaluations for end in ends)
    chains = [chain for chain in CHAINS if any(end.chain == chain for end in ends)]
    maps = [family for family in MAPS if any(end.family == family for end in ends)]
    searches = len(ends)
    lines = [
        f"{searches} searches of up to {most} evaluations: {len({end.objective for end in ends})} objectives, chains "
        f"{', '.join(chains)}, maps {', '.join(maps)}, {photographs} photographs, {len(seeds)} "
        f"seed{'s' if len(seeds) > 1 else ''}. Intervals are 95 % bootstrap intervals over photographs.",
    ]
    lines += [f"* {line}" for line in _less(ends)]
    return "\n".join(lines) + "\n"


def _less(ends: Sequence[End]) -> list[str]:
    """Who led less than the others, which a reader must know."""
    places = {(*end.place, end.seed) for end in ends}
    lines = []
    for name in sorted({end.objective for end in ends}):
        own = [end for end in ends if end.objective == name]
        missing = len(places - {(*end.place, end.seed) for end in own})
        if missing:
            lines.append(f"`{name}` led {len(own)} of {len(places)} searches.")
    return lines


def board(stood: Sequence[Standing], compared: int) -> str:
    """Nearest first."""
    chains = [chain for chain in CHAINS if any(end.chain == chain for one in stood for end in one.ends)]
    several = any(one.best is not None for one in stood)
    head = ["", "objective", "group", "l1, all", *(f"l1, {chain}" for chain in chains)]
    head += ["best of a run's seeds"] if several else []
    head += ["PSNR, dB", "gaming, spreads", "ends above pristine", "ends nearer than", "score, ms"]
    lines = [_row(head), _row(["---"] * len(head))]
    for rank, one in enumerate(stood, start=1):
        cells = [str(rank), f"`{one.objective}`", one.group, _interval(one.l1, 3)]
        cells += [_mean([end for end in one.ends if end.chain == chain]) for chain in chains]
        cells += [_interval(one.best, 3) if one.best else ""] if several else []
        cells += [f"{one.psnr.mean:.1f}", _interval(one.gaming, 2, sign=True)]
        cells += ["" if math.isnan(one.above) else f"{one.above:.0%}", str(one.beats), f"{one.score_ms:.1f}"]
        lines.append(_row(cells))
    every = [end for one in stood for end in one.ends]
    starts = [_mean(every, lambda end: end.start)]
    starts += [_mean([end for end in every if end.chain == chain], lambda end: end.start) for chain in chains]
    lines.append(_row(["", "(the start)", "", *starts, *[""] * (len(head) - 3 - len(starts))]))
    lines += [
        "",
        "*l1*: the mean of the five levels as shares of their ranges where a search ended; 0 is pristine. *Gaming*: "
        "how far the end lies above the pristine picture by the score that led, in deviations of that score over the "
        "first generation, which all objectives share; below 0 the search fell short of what its objective likes "
        "best (of psnr that is its cap of 100 dB). *Ends nearer than*: so many others, by more than chance (paired "
        "sign-flip tests over photographs, Holm "
        f"over all {compared} pairs; `pairs.csv` has them). *Score*: of one trial by one thread of a busy machine.",
        "",
    ]
    photographs = max(one.l1.n for one in stood)
    if compared and smallest_p(photographs, compared) > LEVEL:
        lines += [
            f"{photographs} photographs cannot show any of {compared} differences to be larger than chance, however "
            f"clear: the smallest corrected p that they can give is {smallest_p(photographs, compared):.2f}.",
            "",
        ]
    return "\n".join(lines)


def _mean(ends: Sequence[End], value: Callable[[End], float] = lambda end: end.l1) -> str:
    values = list(by_photograph(ends, value).values())
    return f"{np.mean(values):.3f}" if values else ""


def levels(stood: Sequence[Standing]) -> str:
    """A table a chain: mean magnitude of each level, as a share of its range."""
    parts = []
    for chain, text in CHAINS.items():
        own = [(one, [end for end in one.ends if end.chain == chain]) for one in stood]
        own = [(one, ends) for one, ends in own if ends]
        if not own:
            continue
        names = [stage.partition(":")[0] for stage in text.split(",")]
        lines = [f"**{chain}**\n", _row(["objective", *names]), _row(["---"] * (STAGES + 1))]
        for one, ends in own:
            means = np.abs([end.levels for end in ends]).mean(0)
            lines.append(_row([f"`{one.objective}`", *(f"{value:.3f}" for value in means)]))
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def curves(stood: Sequence[Standing]) -> str:
    """The l1 of the best trial so far, by the score that leads."""
    used = [
        i for i in range(len(MARKS)) if any(not math.isnan(e.curve[i]) for one in stood for e in one.ends)
    ]
    lines = [_row(["objective", *(str(MARKS[i]) for i in used), "handed over"])]
    lines.append(_row(["---"] * (len(used) + 2)))
    for one in stood:
        cells = [_at(one.ends, i) for i in used]
        lines.append(_row([f"`{one.objective}`", *cells, f"{one.l1.mean:.3f}"]))
    lines += [
        "",
        "l1 of the best trial so far by the score that leads, after so many evaluations; a search that has stopped "
        "stays where it is. What is handed over is chosen among the centre of the search and its best trials, under "
        "noise of its own.",
        "",
    ]
    return "\n".join(lines)


def _at(ends: Sequence[End], place: int) -> str:
    def reached(end: End) -> float:
        known = [value for value in end.curve[: place + 1] if not math.isnan(value)]
        return known[-1] if known else math.nan

    mean = float(np.mean(list(by_photograph(ends, reached).values())))
    return "" if math.isnan(mean) else f"{mean:.3f}"


def correlations(stood: Sequence[Standing], known: Mapping[str, Correlates]) -> str:
    """What is asked of metrics beside where they lead, and whether one foretells the other."""
    lines = [_row(["objective", "l1", "people", "severity", "all photographs together", "pristine first"])]
    lines.append(_row(["---"] * 6))
    for one in stood:
        own = known.get(one.objective)
        if own is None:
            continue
        people = (
            ""
            if math.isnan(own.people)
            else f"{own.people:.3f} ({own.people_low:.3f} to {own.people_high:.3f})"
        )
        more = [f"{own.severity:.3f}", f"{own.severity_together:.3f}", f"{own.pristine_first:.0%}"]
        lines.append(_row([f"`{one.objective}`", f"{one.l1.mean:.3f}", people, *more]))
    lines += ["", "Rank correlation over objectives of nearness (minus l1) with what is asked of them:", ""]
    lines += [_row(["with", "among", "objectives", "Spearman, 95 % over objectives"]), _row(["---"] * 4)]
    for one in relations(stood, known):
        value = f"{one.value.value:+.2f} ({one.value.low:+.2f} to {one.value.high:+.2f})"
        lines.append(_row([one.what, one.among, str(one.objectives), value]))
    return "\n".join(lines) + "\n"


def _pairs(compared: Sequence[Pair]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["first", "second", "photographs", "first_minus_second", "low", "high", "p", "p_holm"])
    for one in compared:
        found = one.difference
        numbers = [f"{value:.4f}" for value in (found.mean, found.low, found.high, one.p, one.p_holm)]
        writer.writerow([one.first, one.second, found.n, *numbers])
    return text.getvalue()


def _interval(found: Interval, digits: int, sign: bool = False) -> str:
    if math.isnan(found.mean):
        return ""
    kind = f"{'+' if sign else ''}.{digits}f"
    mean, low, high = (format(value, kind) for value in (found.mean, found.low, found.high))
    return mean if math.isnan(found.low) else f"{mean} ({low} to {high})"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the tables and print the first."""
    parser = argparse.ArgumentParser(description="Tables of objectives as targets.")
    parser.add_argument("--folder", type=Path, default=HERE, help="with ends.csv; the tables go there, too")
    options = parser.parse_args(arguments)
    for name, text in written(options.folder).items():
        write_atomically(options.folder / name, text.encode())
    print((options.folder / BOARD).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

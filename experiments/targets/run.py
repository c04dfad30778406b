"""Lead the same optimizer by every objective in turn, and write where each search ended.

    python -m experiments.targets.run --data DIR --runs DIR [--only NAME ...] [--photographs N] [--seeds N]
        [--chains NAME ...] [--maps NAME ...] [--one-each] [--generations N]

DIR of the data has `photos/kodak` and `photos/cid22`. Every search is a run of its own in --runs, whose seeds go in
lockstep; finished ones are not done again, one that was cut off goes on, and more --generations go on from where a
search with fewer ended. Photographs are the outermost loop, so that whatever is there compares all objectives on equal
terms. All runs that --runs holds go into --out: ends.csv, a row a search; `experiments.targets.tables` makes tables
of it.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
import torch

from experiments.targets.ends import End, ends_of, read_ends, write_ends
from experiments.targets.prompt import spec_of
from experiments.targets.protocol import CHAINS, GROUPS, MAPS, PHOTOGRAPHS, Budget, Case, in_turn
from isptune.errors import IsptuneError, one_line
from isptune.interfaces import Objective
from isptune.registry import build
from isptune.runs.files import CONFIG
from isptune.runs.settings import read_settings
from isptune.system.disk import make_folder
from isptune.tuning.bench import AtHand, Bench
from isptune.tuning.run import run

HERE = Path(__file__).parent
ENDS = "ends.csv"


@dataclass(frozen=True)
class Leading:
    """Leads searches and remembers the objectives that it has built.

    Attributes:
        data: the folder with `photos/`; None where all photographs are specs.
        runs: the folder of the runs.
        budget: of each.
    """

    data: Path | None
    runs: Path
    budget: Budget
    _built: dict[str, Objective] = field(default_factory=dict)

    def ends(self, case: Case) -> list[End]:
        """Where a case ended, searched for unless it is known. Raises IsptuneError."""
        folder = case.folder(self.runs, self.budget)
        table = folder.with_name(f"{folder.name}.csv")
        generations = read_settings(folder).generations if (folder / CONFIG).exists() else None
        if generations == self.budget.generations and table.exists():
            return read_ends(table)
        spec = spec_of(case.objective, case.chain, case.family, self.budget, self.runs)
        if spec not in self._built:
            self._built[spec] = build("objective", spec)
        settings = case.settings(spec, self.data, self.budget)
        bench = Bench(settings, at_hand=AtHand(objectives={spec: self._built[spec]}))
        run(bench, folder, extend=generations is not None)
        ends = ends_of(case, bench, folder)
        write_ends(table, ends)
        return ends


def cases(options: argparse.Namespace) -> list[Case]:
    """What is asked for, photograph by photograph."""
    photographs = options.photograph or in_turn(PHOTOGRAPHS)[: options.photographs]
    scenes = [tuple(photographs)] if options.together else [(one,) for one in photographs]
    objectives = options.only or [name for names in GROUPS.values() for name in names]
    # A chain changes with every photograph, a map once all chains were there, so that each goes with each.
    ways = [(chain, family) for family, chain in product(options.maps, options.chains)]
    return [
        Case(objective, *way, own)
        for number, own in enumerate(scenes)
        for way in ([ways[number % len(ways)]] if options.one_each else ways)
        for objective in objectives
    ]


def led(leading: Leading, asked: Sequence[Case]) -> Iterator[str]:
    """Lead every case, telling a line each; yields why the others failed."""
    began = time.monotonic()
    for number, case in enumerate(asked, start=1):
        what = f"{case.objective} {case.chain} {case.family} {case.scene}"
        try:
            ends = leading.ends(case)
        except IsptuneError as error:
            print(f"{number}/{len(asked)} {what}: {one_line(str(error))}", flush=True)
            yield f"{what}: {one_line(str(error))}"
            continue
        left_min = (time.monotonic() - began) / number * (len(asked) - number) / 60
        mean = np.mean([end.l1 for end in ends])
        print(f"{number}/{len(asked)} {what}: l1 {mean:.3f}; {left_min:.0f} min left", flush=True)


def collected(runs: Path) -> list[End]:
    """All ends that a folder of runs holds, in a fixed order."""
    ends = [end for table in sorted(runs.glob("*/*_seeds*.csv")) for end in read_ends(table)]
    return sorted(ends, key=lambda end: (end.objective, *end.place, end.seed))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, then write ends.csv."""
    parser = argparse.ArgumentParser(description="Objectives as targets on the synthetic ISP.")
    parser.add_argument("--data", type=Path, help="folder with photos/kodak and photos/cid22")
    parser.add_argument("--runs", type=Path, default=Path("runs/targets"), help="folder of the runs")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for ends.csv")
    parser.add_argument("--only", nargs="+", metavar="OBJECTIVE", help="specs [all that are ours]")
    parser.add_argument("--chains", nargs="+", choices=list(CHAINS), default=list(CHAINS))
    parser.add_argument("--maps", nargs="+", choices=MAPS, default=list(MAPS))
    parser.add_argument("--photographs", type=int, default=len(PHOTOGRAPHS), help="so many of the 18")
    parser.add_argument("--photograph", nargs="+", metavar="SPEC", help="others: bundled:NAME, or files")
    parser.add_argument(
        "--one-each", action="store_true", help="one chain and map a photograph, in turn: a part of the whole"
    )
    parser.add_argument("--together", action="store_true", help="one search for all, as one tunes a camera")
    plain = Budget()
    parser.add_argument("--seeds", type=int, default=plain.seeds)
    parser.add_argument("--first-seed", type=int, default=plain.first_seed)
    parser.add_argument("--population", type=int, default=plain.population)
    parser.add_argument("--generations", type=int, default=plain.generations)
    parser.add_argument("--crop", default=plain.crop, help="WxH from the centre, before resizing; or none")
    parser.add_argument("--resize", default=plain.resize, help="longer side, pixels")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.data is None and not options.photograph:
        parser.error("--data names the folder with photos/, or --photograph other photographs")
    torch.set_num_threads(options.threads)
    crop = None if options.crop == "none" else options.crop
    budget = Budget(
        options.population, options.generations, options.first_seed, options.seeds, crop, options.resize
    )
    failed = list(led(Leading(options.data, options.runs, budget), cases(options)))
    make_folder(options.out)
    write_ends(options.out / ENDS, collected(options.runs))
    if failed:
        raise SystemExit("\n".join([f"{len(failed)} searches failed:", *failed]))


if __name__ == "__main__":
    main()

"""What a long run costs beside its pictures: memory as it goes on, going on with it, and its report.

    python benchmarks/long_run.py [--trials 10000] [--optimizer cma]

The synthetic ISP on 32x32 pixels, so that pictures cost next to nothing, in generations of 20. Memory is what the
process holds (resident set), looked at ten times; the share is between a fifth of the run and its end. "Going on" is
the same run, extended by one generation in a process of its own: all trials are read and told to the optimizer again.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from isptune.report.run_report import write_report
from isptune.runs.settings import RunSettings
from isptune.tuning.bench import Bench
from isptune.tuning.run import run
from isptune.tuning.status import Status

POPULATION = 20


def resident_mb() -> float:
    """What this process holds in memory; Linux only."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def settings_for(generations: int, optimizer: str) -> RunSettings:
    """A run of so many generations that is as cheap as one can be."""
    return RunSettings(
        objectives=("psnr",),
        optimizer=optimizer,
        resize="32",
        population=POPULATION,
        generations=generations,
        second_opinions=("none",),
        confirm=2,
        device="cpu",
    )


def go_on(folder: Path, generations: int, optimizer: str) -> None:
    """Extend the run by a generation and say how long it took."""
    began = time.perf_counter()
    run(Bench(settings_for(generations + 1, optimizer)), folder, extend=True)
    print(f"going on        {time.perf_counter() - began:8.1f} s, with building the bench and one generation")


def main() -> None:
    """Print megabytes and seconds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--optimizer", default="cma")
    parser.add_argument("--extend", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    generations = max(10, options.trials // POPULATION)
    if options.extend is not None:
        go_on(options.extend, generations, options.optimizer)
        return
    held: list[float] = []

    def look(status: Status) -> None:
        if (status.generation + 1) % (generations // 10) == 0:
            held.append(resident_mb())

    with tempfile.TemporaryDirectory() as parent:
        folder, began = Path(parent) / "run", time.perf_counter()
        run(Bench(settings_for(generations, options.optimizer)), folder, look)
        print(f"{generations * POPULATION} trials, {options.optimizer}: {time.perf_counter() - began:.1f} s")
        print(f"memory          {' '.join(f'{one:.0f}' for one in held)} MB: {held[-1] / held[1] - 1:+.1%}")
        again = [*sys.argv, "--extend", str(folder)]
        subprocess.run([sys.executable, *again], check=True)
        began = time.perf_counter()
        page = write_report(folder)
        print(f"report          {time.perf_counter() - began:8.1f} s, {page.stat().st_size / 2**20:.1f} MB")


if __name__ == "__main__":
    main()

"""What it saves to keep votes that come at the same instant in one go: a ratio, measured in one process.

Usage: python benchmarks/study_batches.py [--observers 50] [--rounds 20]

Two servers' worth of the same parts take the same votes in turn, burst by burst: one gives each vote its own change of
threads and its own transaction, the other (what `isptune study serve` does) those of a burst together. Both share
their synchronisations of the disk, and both are done when all votes are on it. No network, no pictures.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from isptune.study.plan.folder import Plan, Stimulus, write_study
from isptune.study.plan.schedule import schedule_of
from isptune.study.site.work import SharedSync, Together, Work
from isptune.study.votes.answers import Answers


class Side:
    """A study with observers, and one way of keeping their votes."""

    def __init__(self, folder: Path, observers: int, together: bool):
        folder.mkdir()
        study = write_study(folder, Plan(anchors=0), [Stimulus("s", f"c{k:03d}") for k in range(100)])
        self.answers = Answers(study.answers_path, schedule_of(study), sync_each=False)
        self.tokens = [self.answers.add_observer().token for _ in range(observers)]
        self.work = Together(self.answers.transaction) if together else Work(2)
        self.synced = SharedSync(self.answers.sync)

    def close(self) -> None:
        for each in (self.work, self.synced):
            each.stop()
        self.answers.close_file()

    async def burst(self, number: int) -> tuple[float, float]:
        """One vote of everybody: time on the clock and of the processor, ms."""
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(self._vote(token, number) for token in self.tokens))
        return 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - cpu)

    async def _vote(self, token: str, number: int) -> None:
        kept: Callable[..., bool] = self.answers.vote
        await self.work(kept, token, number, f"vote-{number:04d}", "first")
        await self.work(self.answers.open_pairs, token, 2, False)
        await self.synced()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--observers", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=20, help="at most 400")
    parser.add_argument(
        "--disk", type=Path, default=None, help="where the votes lie; default: temporary files"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.disk) as folder, ExitStack() as stack:
        sides = [
            Side(Path(folder) / name, arguments.observers, name == "together")
            for name in ("each", "together")
        ]
        for side in sides:
            stack.callback(side.close)

        async def measured() -> list[list[tuple[float, float]]]:
            times: list[list[tuple[float, float]]] = [[], []]
            for number in range(1, arguments.rounds + 1):
                for place, side in enumerate(sides):
                    times[place].append(await side.burst(number))
            return times

        each, together = asyncio.run(measured())
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; bursts of {arguments.observers} votes, medians"
    )
    for name, place in (("time on the clock", 0), ("processor", 1)):
        a, b = (statistics.median(burst[place] for burst in way) for way in (each, together))
        print(f"{name}: each by itself {a:.1f} ms, together {b:.1f} ms, ratio {b / a:.2f}")


if __name__ == "__main__":
    main()

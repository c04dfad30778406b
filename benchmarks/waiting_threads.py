"""What waiting threads cost: the same ScoreNet run with threads that spin and with threads that sleep.

    python benchmarks/waiting_threads.py [--trials 90] [--pairs 3]

Each pair runs both ways one after the other, first on the machine as it is and then beside a process for each core that
computes, as any other work would. The numbers are seconds of the search, from timing.json; the ratio is what counts.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isptune.system.cores import usable_cores

BUSY = "while True: sum(range(100_000))"


def search_s(policy: str, trials: int) -> float:
    """Seconds of a search whose waiting threads follow an OMP_WAIT_POLICY."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [
            sys.executable,
            "-m",
            "isptune",
            "run",
            "--objective",
            "scorenet",
            "--second-opinion",
            "none",
        ]
        command += ["--population", "30", "--generations", str(max(1, trials // 30)), "--out", str(run)]
        environment = {**os.environ, "OMP_WAIT_POLICY": policy}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        return json.loads((run / "timing.json").read_text())["search_s"]


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Other work, for as long as the context is open."""
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def main() -> None:
    """Print seconds and ratios, idle and busy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=90)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    cores = usable_cores()
    print(f"{cores} cores, {options.trials} trials, {options.pairs} pairs")
    for label, others in (("idle", 0), (f"beside {cores} busy processes", cores)):
        ratios = []
        for _ in range(options.pairs):
            with busy(others):
                spinning, sleeping = (search_s(policy, options.trials) for policy in ("ACTIVE", "PASSIVE"))
            ratios.append(spinning / sleeping)
            print(f"{label}: spinning {spinning:.1f} s, sleeping {sleeping:.1f} s, ratio {ratios[-1]:.2f}")
        print(f"{label}: median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()

"""Where the time of a run goes: rendering, scoring, and everything else.

Usage: python benchmarks/loop.py [--trials 1500] [--objective ssim] [--optimizer cma] [--threads 2]

Runs the default pipeline on the bundled astronaut at 512x384 into a temporary folder and prints the split that
the run itself measures (timing.json). "Other" is the optimizer, the log with its sync a generation, and Python.
"""

import argparse
import platform
import tempfile
import time
from pathlib import Path

import torch

from isptune.runs.files import TIMING, read_record
from isptune.runs.settings import RunSettings
from isptune.runs.timing import Timing
from isptune.tuning.bench import Bench
from isptune.tuning.run import run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=1500)
    parser.add_argument("--objective", default="ssim")
    parser.add_argument("--optimizer", default="cma")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    settings = RunSettings(
        objectives=(arguments.objective,),
        optimizer=arguments.optimizer,
        crop="512x384",
        generations=max(1, arguments.trials // 30),
        device="cpu",
    )
    print(
        f"{platform.processor() or platform.machine()}, {arguments.threads} threads, torch {torch.__version__}"
    )
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run(Bench(settings), Path(folder) / "run")
        whole_s = time.perf_counter() - start
        timing = read_record(Path(folder) / "run", TIMING, Timing)
    print(f"{timing.trials} trials at 512x384, {arguments.objective}, {arguments.optimizer}")
    for part in ("render", "score", "other"):
        seconds = getattr(timing, f"{part}_s")
        share = seconds / timing.search_s
        print(f"{part:8} {seconds:8.2f} s  {share:6.1%}  {1000 * seconds / timing.trials:7.2f} ms a trial")
    print(f"{'search':8} {timing.search_s:8.2f} s")
    print(f"{'whole':8} {whole_s:8.2f} s, with building the bench and confirming the result")


if __name__ == "__main__":
    main()

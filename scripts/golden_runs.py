"""Proof that a change of structure changed no result: runs of different kinds, before and after, byte by byte.

    python scripts/golden_runs.py make FOLDER       with the isptune of this Python, in a new folder
    python scripts/golden_runs.py compare OLD NEW   what two such folders have that is not the same; exit status 1 if
    any

Make one folder by a checkout of the old commit, one by the new one, on one machine and with nothing else at work on it.
Compared are the log of trials as bytes without its `format`, tables, pictures and votes as bytes, and JSON without what
a version may add: its `format`, its provenance, how it names papers and the seconds that it took. About three minutes.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ISPTUNE = [sys.executable, "-c", "from isptune.cli import main; main()"]

SHORT = "--population 6 --generations 4 --confirm 2 --threads 2 --device cpu"
BLACK_BOX = Path(__file__).resolve().parent.parent / "experiments" / "black_box" / "small_isp.toml"

RUNS = {
    "scorenet": f"run --objective scorenet --scene cat --scene coffee --resize 160 --repeats 2 {SHORT}",
    "front": f"run --objective ssim --objective tv --scene cat --resize 128 --second-opinion none {SHORT}",
    "judge": f"run --objective judge:depictqa --scene rocket --resize 160 --second-opinion niqe {SHORT}",
    "weighted": f"run --objective weighted:0.7*ssim+0.3*niqe -P map=coupled --optimizer es --resize 200 {SHORT}",
    "raw": "run --pipeline raw --scene unprocessed:bundled:cat?iso=3200 --crop 192x128 --objective psnr "
    f"--stay-near 0.1 --optimizer nevergrad --tune raw_denoise.*,denoise.*,demosaic.* {SHORT}",
    "program": f"run --pipeline command:{BLACK_BOX} --scene unprocessed:bundled:cat --crop 96x64 --objective ssim "
    f"--optimizer optuna --second-opinion psnr --workers 2 {SHORT}",
}
AFTERWARDS = [
    "export scorenet --out set.toml",
    "compare --objective ssim --objective tv --scene cat --resize 96 --repeats 2 --population 4 --generations 3 "
    "--second-opinion none --out compared",
    "study new study --from-run scorenet --finalists 5 --seed 3",
    "study simulate study --observers 4 --seed 3",
    "study fit study",
    "distort scorenet/images/cat_default.png spoilt.png --set kadid10k --distortion 10_jpeg --severity 4",
    "score scorenet/images/cat_default.png scorenet/images/cat_recommended.png --objective brisque-refit --csv",
]
SUFFIXES = {".jsonl", ".csv", ".json", ".png", ".toml"}
MAY_DIFFER = {"provenance.json", "timing.json", "clock.json"}
ADDED = {"format", "isptune", "seconds", "made", "created", "source"}


def make(folder: Path) -> None:
    """All runs, one after another, in a new folder; what a command prints goes into a file of its name."""
    folder.mkdir(parents=True)
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONHASHSEED": "0"}
    commands = [f"{command} --out {name}" for name, command in RUNS.items()] + AFTERWARDS
    for number, command in enumerate(commands):
        print(f"isptune {command}", flush=True)
        done = subprocess.run(
            [*ISPTUNE, *command.split()], cwd=folder, env=environment, capture_output=True, text=True
        )
        (folder / f"said_{number}.txt").write_text(done.stdout + done.stderr)
        if done.returncode:
            sys.exit(f"exit status {done.returncode}: {done.stderr.strip()[-1000:]}")
        if command.startswith("score"):
            (folder / "scores.csv").write_text(done.stdout)


def differences(old: Path, new: Path) -> list[str]:
    """The files that are not the same, and those that only one of the folders has."""
    files = {
        path.relative_to(root)
        for root in (old, new)
        for path in root.rglob("*")
        if path.suffix in SUFFIXES and path.name not in MAY_DIFFER
    }
    found = []
    for file in sorted(files):
        if not (old / file).exists() or not (new / file).exists():
            found.append(f"{file}: only in {old if (old / file).exists() else new}")
        elif _content(old / file) != _content(new / file):
            found.append(f"{file}: differs")
    return found


def _content(path: Path) -> Any:
    """What must be equal: of JSON all but what may be added, of a log each line as bytes but for its format."""
    if path.suffix == ".json":
        return _plain(json.loads(path.read_text()))
    data = path.read_bytes()
    return re.sub(rb'(?m)^\{"format": ?\d+, ?', b"{", data) if path.suffix == ".jsonl" else data


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key not in ADDED}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["make", "compare"])
    parser.add_argument("folders", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.what == "make":
        make(arguments.folders[0])
        return
    found = differences(*arguments.folders)
    print("\n".join(found) or "the same")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()

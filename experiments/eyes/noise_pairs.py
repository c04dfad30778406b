"""How often an objective prefers the mean of many shots to one shot of high ISO, as cameras' JPEG files show both.

Usage: python -m experiments.eyes.noise_pairs --data DIR [--objectives scorenet,niqe] [--out FILE.csv]

DIR holds pairs of files, NAME_mean.EXT and NAME_real.EXT, of which NAME begins with the camera's (PolyU: Xu, Li,
Liang, Zhang and Zhang 2018). Shares have Wilson's 95 % intervals. The encoder of `scorenet` was trained on pairs of
the two cameras in ../shared; on pairs of a camera that it never saw see objectives/weights/lite_encoder.md.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import torch
from scipy.stats import binomtest

from isptune.registry import build
from isptune.scenes.images import read_image
from isptune.scenes.scene import photograph


def main() -> None:
    """Score and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--objectives", default="scorenet,scorenet-clip,people,niqe,brisque-refit,clipiqa,depictqa"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "noise_pairs.csv")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    shots = sorted(options.data.rglob("*_real.*"))
    rows = [row for name in options.objectives.split(",") for row in shares(name, shots)]
    with open(options.out, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def shares(name: str, shots: Sequence[Path]) -> list[dict[str, object]]:
    """A row for each camera, and one for all of them."""
    objective = build("objective", name)
    sign = 1 if objective.facts.direction == "maximize" else -1
    right: dict[str, list[bool]] = {}
    for shot in shots:
        noisy, clean = (
            read_image(file) for file in (shot, shot.with_name(shot.name.replace("_real.", "_mean.")))
        )
        scores = [sign * float(objective.score(image, photograph("", image))[0]) for image in (clean, noisy)]
        right.setdefault(shot.name.split("_")[0], []).append(scores[0] > scores[1])
    right["all"] = [one for own in right.values() for one in own]
    rows = []
    for camera, own in right.items():
        low, high = binomtest(sum(own), len(own)).proportion_ci(method="wilson")
        rows.append(
            {
                "objective": name,
                "camera": camera,
                "pairs": len(own),
                "prefers_the_mean": sum(own),
                "share": f"{sum(own) / len(own):.3f}",
                "low": f"{low:.3f}",
                "high": f"{high:.3f}",
            }
        )
        print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    main()

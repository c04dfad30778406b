"""Fits NIQE's model of pristine photographs.

    python -m objectives.training.statistics.pristine_model --photos DIR [DIR...] --out FILE.safetensors [--compare
    FILE]

Every fifth photograph (seeded) is held out; its distorted versions show what the model is worth. The figures
are printed and written beside the model as FILE.json.

Source: Mittal, Soundararajan and Bovik 2013, Making a completely blind image quality analyzer.
"""

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from scipy.stats import rankdata

from isptune.arrays import Images
from isptune.scenes.images import read_image, to_uint8
from isptune.scenes.scene import Scene
from isptune.system.disk import write_atomically
from objectives.no_reference.niqe import Niqe, mean_and_covariance, niqe, niqe_features
from objectives.no_reference.published_parameters import PristineModel

SHARPNESS_THRESHOLD = 0.75
"""A block is used if it is sharper than this part of the sharpest of its photograph (the paper's T)."""

HELD_OUT_EVERY = 5


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, judge and write."""
    parser = argparse.ArgumentParser(description="Fit NIQE's model of pristine photographs.")
    parser.add_argument(
        "--photos", nargs="+", type=Path, required=True, help="folders of pristine photographs"
    )
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument("--compare", type=Path, help="other parameters of NIQE to correlate with")
    parser.add_argument("--longest", type=int, default=1280, help="larger photographs are reduced, pixels")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    files = sorted(
        file
        for folder in options.photos
        for file in folder.iterdir()
        if file.suffix.lower() in (".png", ".jpg", ".jpeg", ".tif")
    )
    random.Random(options.seed).shuffle(files)
    held_out, used = files[::HELD_OUT_EVERY], [f for i, f in enumerate(files) if i % HELD_OUT_EVERY]
    model, blocks = fit(used, options.longest)
    save_file({"mean": model.mean, "covariance": model.covariance}, options.out)
    figures: dict[str, Any] = {"photographs": len(used), "blocks": blocks, "held_out": len(held_out)}
    figures |= judge(held_out, options.longest, Niqe(model), options.compare, options.seed)
    write_atomically(options.out.with_suffix(".json"), (json.dumps(figures, indent=2) + "\n").encode())
    print(json.dumps(figures, indent=2))


def fit(files: Sequence[Path], longest: int) -> tuple[PristineModel, int]:
    """The Gaussian of the sharp blocks of these photographs, and how many blocks there were."""
    chosen = []
    for number, file in enumerate(files, 1):
        features, defined, sharpness = niqe_features(read_reduced(file, longest))
        sharp = defined & (sharpness > SHARPNESS_THRESHOLD * sharpness.max())
        chosen.append(features[sharp])
        print(f"{number}/{len(files)} {file.name}: {len(chosen[-1])} of {sharp.shape[1]} blocks", flush=True)
    rows = torch.cat(chosen).unsqueeze(0)
    mean, covariance = mean_and_covariance(rows, torch.ones(rows.shape[:2], dtype=torch.bool))
    return PristineModel(mean[0], covariance[0]), rows.shape[1]


def read_reduced(file: Path, longest: int) -> Images:
    """A photograph, made smaller by an antialiased cubic if a side is longer than this many pixels."""
    image = read_image(file)
    scale = longest / max(image.shape[-2:])
    if scale >= 1:
        return image
    size = [round(side * scale) for side in image.shape[-2:]]
    return torch.nn.functional.interpolate(image, size, mode="bicubic", antialias=True).clamp(0, 1)


def judge(files: Sequence[Path], longest: int, ours: Niqe, compare: Path | None, seed: int) -> dict[str, Any]:
    """Scores of held-out photographs and of their distorted versions, and the agreement with other parameters."""
    theirs = None if compare is None else niqe(str(compare))
    our_scores, their_scores = [], []
    for file in files:
        versions = torch.cat(distorted(read_reduced(file, longest), seed))
        scene = Scene(file.stem, versions[:1])
        our_scores.append(ours.score(versions, scene).numpy())
        if theirs is not None:
            their_scores.append(theirs.score(versions, scene).numpy())
    table = np.stack(our_scores)
    figures: dict[str, Any] = {
        "mean_score": dict(zip(DISTORTIONS, table.mean(0).astype(float).round(2).tolist(), strict=True)),
        "pristine_better": round(float((table[:, :1] < table[:, 1:]).mean()), 4),
    }
    if their_scores:
        others = np.stack(their_scores)
        figures["other_mean_score"] = dict(
            zip(DISTORTIONS, others.mean(0).astype(float).round(2).tolist(), strict=True)
        )
        figures["other_pristine_better"] = round(float((others[:, :1] < others[:, 1:]).mean()), 4)
        figures["srocc_with_other"] = _correlation(rankdata(table), rankdata(others))
        figures["plcc_with_other"] = _correlation(table.ravel(), others.ravel())
    return figures


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    return round(float(np.corrcoef(first, second)[0, 1]), 4)


DISTORTIONS = (
    "pristine", "blur 0.8", "blur 1.5", "blur 3", "noise 3", "noise 8", "noise 20", "jpeg 50", "jpeg 20", "jpeg 8",
)  # fmt: skip


def distorted(image: Images, seed: int) -> list[Images]:
    """One image for each of DISTORTIONS: blur by sigma in pixels, noise in levels, JPEG by quality."""
    pixels = to_uint8(image)[0]
    generator = np.random.default_rng(seed)
    versions = []
    for name in DISTORTIONS:
        kind, _, amount = name.partition(" ")
        if kind == "blur":
            spoilt = cv2.GaussianBlur(pixels, (0, 0), float(amount))
        elif kind == "noise":
            noise = generator.normal(0, float(amount), pixels.shape)
            spoilt = np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)
        elif kind == "jpeg":
            coded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(amount)])[1]
            decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))
            spoilt = decoded[..., ::-1]
        else:
            spoilt = pixels
        planes = np.ascontiguousarray(spoilt.transpose(2, 0, 1))
        versions.append(torch.from_numpy(planes).unsqueeze(0).float() / 255)
    return versions


if __name__ == "__main__":
    main()

"""Small photographs, and the data sets made of them."""

import hashlib
from pathlib import Path

import torch

from isptune.scenes.images import write_image
from objectives.training.dataset.plan import Plan, find_photographs

NAMES = ("apple", "bridge", "cliff", "dune")
"""By their hashes, the first two are for validation at a share of 0.4."""


def photographs(folder, names=NAMES, height=72, width=96):
    """Colourful smooth pictures with some texture, each its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        generator = torch.Generator().manual_seed(seed)
        coarse = torch.rand(1, 3, 6, 8, generator=generator)
        image = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
        texture = 0.08 * (torch.rand(1, 1, height, width, generator=generator) - 0.5)
        write_image(folder / f"{name}.png", (0.15 + 0.7 * image + texture).clamp(0, 1))
    return folder


def plan_of(
    photos, tasks=("identification", "rating"), size=20, seed=0, side=64, validation=0.4, raters=("ssim",)
):
    return Plan(tasks, size, seed, side, validation, raters, find_photographs(photos, validation))


def tree(folder):
    """A hash of every file below a folder, but of the lock."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

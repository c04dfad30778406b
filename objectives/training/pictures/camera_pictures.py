"""Pictures as cameras make them, and how much worse than the photograph each of them is.

A pristine photograph becomes a raw capture (scenes `unprocessed:`: noise of ISO 100 to 25600, often a lens), which the
raw ISP renders with settings from its whole space. Costs come from full-reference metrics: nobody has rated these.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Float32

from isptune.arrays import Images
from isptune.interfaces import Pipeline
from isptune.registry import build
from isptune.scenes.color import rgb_to_lab
from isptune.scenes.scene import Scene, load_scenes
from isptune.space import Candidate
from isptune.tuning.batches import to_params
from objectives.charts.colour import ciede2000
from objectives.full_reference.gmsd import gmsd
from objectives.full_reference.objective import OneImage
from objectives.full_reference.psnr import psnr
from objectives.full_reference.ssim import ssim
from objectives.training.pictures.photographs import Photograph
from objectives.training.pictures.spoilings import SIDE

VERSIONS = 8
"""Renderings of a capture, beside the photograph itself."""

ISO = (100.0, 25600.0)
PSF = (0.3, 0.8)
LENSES = 0.7
"""The share of captures that were taken through a lens with such a blur, pixels."""

DETAIL = (
    "defects.threshold", "raw_denoise.*", "demosaic.median_passes", "denoise.*", "sharpen.*", "local.detail",
)  # fmt: skip
"""The knobs that act on noise and detail."""

METHODS = ("menon2007", "menon2007", "malvar2004", "bilinear")


@final
@dataclass(frozen=True)
class Captures:
    """Draws captures of photographs, and settings of the raw ISP, and renders them.

    Attributes:
        photographs: of which those with a file that are pristine can be captured.
        among: numbers of the only ones to take; None for all.
    """

    photographs: Sequence[Photograph]
    among: Sequence[int] | None = None
    isp: Pipeline = field(default_factory=lambda: build("pipeline", "raw"))

    @property
    def pristine(self) -> list[int]:
        """Which photographs can be captured."""
        numbers = range(len(self.photographs)) if self.among is None else self.among
        return [i for i in numbers if self.photographs[i].pristine and self.photographs[i].file is not None]

    def draw(self, random: np.random.Generator) -> tuple[int, Scene]:
        """A capture of `SIDE` pixels a side, and of which photograph it is."""
        number = int(random.choice(self.pristine))
        iso = float(np.exp(random.uniform(*np.log(ISO))))
        psf = float(random.uniform(*PSF)) if random.random() < LENSES else 0.0
        return number, capture(self.photographs[number], iso, psf, random)

    def settings(self, random: np.random.Generator) -> list[Candidate]:
        """The defaults, and settings about them or anywhere; in most of them only knobs of noise and detail move."""
        space = self.isp.space
        start = space.to_unit(space.default)
        fine = np.isin([param.name for param in space.numeric], space.select(DETAIL).names)
        chosen = {**space.default, "demosaic.method": str(random.choice(METHODS))}
        found = [chosen]
        for _ in range(VERSIONS - 1):
            kind, unit = random.random(), start.copy()
            anywhere, near = random.random(len(unit)), start + 0.15 * random.standard_normal(len(unit))
            moved = random.random(len(unit))
            if kind < 0.4:
                unit = np.where(fine & (moved < 0.5), anywhere, unit)
            elif kind < 0.7:
                unit = np.where(fine, near, unit)
            else:
                unit = np.where(moved < 0.25, start + 4 / 3 * (near - start), unit)
                unit = np.where(fine & (moved > 0.8), anywhere, unit)
            found.append({**chosen, **space.from_unit(unit.clip(0, 1))})
        return found

    def render(self, scene: Scene, settings: Sequence[Candidate]) -> Images:
        """What the raw ISP makes of a capture."""
        with torch.inference_mode():
            return self.isp.render(scene, to_params(settings, torch.device("cpu")), 0)


def capture(photograph: Photograph, iso: float, psf: float, random: np.random.Generator) -> Scene:
    """A part of a photograph, at a drawn size, as a camera that was drawn too records it."""
    height, width = photograph.pixels.shape[:2]
    low = SIDE / min(height, width)
    scale = float(np.exp(random.uniform(np.log(low), np.log(max(low, photograph.largest_scale)))))
    wide, high = max(SIDE, round(width * scale)), max(SIDE, round(height * scale))
    left, top = int(random.integers(wide - SIDE + 1)), int(random.integers(high - SIDE + 1))
    place = f"resize={wide}x{high}&crop={SIDE}x{SIDE}+{left}+{top}"
    drawn = f"iso={iso:.1f}&psf={psf:.3f}&seed={int(random.integers(2**31))}"
    [scene] = load_scenes([f"unprocessed:{photograph.file}?{place}&{drawn}"])
    return scene


def costs(images: Images, reference: OneImage) -> Float32[np.ndarray, " batch"]:
    """How much worse than the reference pictures are, on the scale of the spoilings' costs; 0 is no worse.

    Half of it is what describes the known costs of distortions best, a sum of roots of GMSD and of CIEDE2000 (found by
    non-negative least squares, correlation 0.74); the rest is PSNR, at 42 dB nothing and at 20 dB 0.4, and SSIM.
    """
    scene = Scene("", reference, reference=reference)
    similar, far, decibels = (metric().score(images, scene).numpy() for metric in (ssim, gmsd, psnr))
    both = (rgb_to_lab(x.double()).movedim(1, -1) for x in (images, reference.expand_as(images)))
    colour = ciede2000(*both).mean((1, 2)).numpy()
    seen = 1.5 * np.sqrt(far) + 0.12 * np.sqrt(colour)
    lost: Float[np.ndarray, " batch"] = 0.4 * np.maximum((42 - decibels) / 22, 0) + 0.3 * (1 - similar)
    return (0.5 * seen + lost).astype(np.float32)

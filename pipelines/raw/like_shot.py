"""What a twin takes from one shot of the camera: how it is read, its colours, its brightness, its noise."""

from dataclasses import dataclass
from pathlib import Path

from isptune.errors import SceneError
from isptune.scenes.noise_estimate import measured_noise
from isptune.scenes.noise_structure import Structure, measured_structure
from isptune.scenes.raw_by_libraw import baseline_exposure
from isptune.scenes.raw_capture import NoiseModel, RawCapture, centre_of_about, with_measured_brightness
from isptune.scenes.raw_files import FILE_OPTIONS, read_raw
from isptune.spec import refuse_unknown, split_options

MEASURED_PIXELS = 1 << 20
"""Noise is measured in the middle of a shot: a megapixel shows it."""

FIRST_RED = {(0, 0): "RGGB", (1, 0): "GRBG", (0, 1): "GBRG", (1, 1): "BGGR"}
"""The order of the filters by where (x, y) the first red sample lies."""


@dataclass(frozen=True, eq=False)
class Shot:
    """A shot of the camera.

    Attributes:
        name: of its file.
        middle: its middle, where noise was measured.
        size: of its frame, width and height.
        cfa: the order of the filters in the upright frame.
        iso: None where it does not say.
        noise: its NoiseProfile, or what was measured.
        structure: of its noise and its numbers.
        baseline_ev: its BaselineExposure, or what was measured.
        warnings: what is odd in its tags.
    """

    name: str
    middle: RawCapture
    size: tuple[int, int]
    cfa: str
    iso: float | None
    noise: NoiseModel
    structure: Structure
    baseline_ev: float
    warnings: tuple[str, ...]


def read_like(text: str) -> Shot:
    """A shot of the camera: a raw file, or FILE?KEY=VALUE as `raw:` takes it. Raises SceneError."""
    path, said = (text, {}) if Path(text).exists() else split_options(text.removeprefix("raw:"))
    refuse_unknown("like", said, FILE_OPTIONS)
    if not path:
        raise SceneError("like= needs a raw file")
    try:
        capture, facts = read_raw(path, said)
    except SceneError as error:
        raise SceneError(f"like={error}") from error
    middle = capture.cropped(*centre_of_about(capture.size, MEASURED_PIXELS))
    noise = capture.noise or measured_noise(middle)
    exposure = baseline_exposure(Path(path)) if not said.keys() & {"size", "format"} else None
    return Shot(
        Path(path).stem,
        middle,
        capture.size,
        "RGGB" if capture.mono else FIRST_RED[facts["origin"]],
        facts.get("iso"),
        noise,
        measured_structure(middle, noise),
        exposure if exposure is not None else with_measured_brightness(middle).baseline_ev,
        tuple(facts["warnings"]),
    )

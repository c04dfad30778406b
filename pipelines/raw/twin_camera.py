"""A camera to make a twin of: what one of its shots says, and what is said of its noise."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from isptune.errors import SceneError
from isptune.scenes.camera_profile import CameraProfile, NoiseAtISO
from pipelines.raw.like_shot import Shot, read_like
from pipelines.raw.sensor_noise import Readout
from pipelines.raw.twin_noise import said_noise
from pipelines.raw.unprocessing import BLACK, WHITE, Camera, random_camera


@dataclass(frozen=True)
class TwinCamera:
    """A camera that photographs pictures.

    Attributes:
        name: of the shot, or of what else it is made of.
        colours: from light to what falls on its samples, and how a neutral rendering brightens.
        readout: from light to numbers.
        noise: at the ISO that is asked for.
        cfa: the order of the filters in its files.
        size: of its frames; None where it is not known.
        mono: whether it has no filters.
        profile: what a calibration measured of it.
        warnings: a line each.
    """

    name: str
    colours: Camera
    readout: Readout
    noise: NoiseAtISO
    cfa: str = "RGGB"
    size: tuple[int, int] | None = None
    mono: bool = False
    profile: CameraProfile | None = None
    warnings: tuple[str, ...] = ()


def twin_camera(options: Mapping[str, str]) -> TwinCamera:
    """The camera that the options of `twin:` say.

    Args:
        options: like, noise, profile, camera, noiseprofiles, iso, scale, row, column, hot, greens, quantise, below.

    Raises:
        SceneError: nothing says what its noise is, more than one thing does, or one cannot be used.
    """
    shot = read_like(options["like"]) if "like" in options else None
    noise, profile, warnings = said_noise(options, shot)
    readout = _readout(options, shot)
    if shot is None:
        name = options.get("camera", "camera")
        colours = random_camera(zlib.crc32(name.casefold().encode()), 100)  # one name is one camera
        return TwinCamera(name, colours, readout, noise, profile=profile, warnings=warnings)
    middle = shot.middle
    # Below 1 a multiplier would let white clip before white is reached.
    gain = max(2**shot.baseline_ev, 1 / min(middle.white_balance))
    colours = Camera(middle.matrix, middle.white_balance, gain, noise.model)
    warnings = (*shot.warnings, *warnings)
    return TwinCamera(shot.name, colours, readout, noise, shot.cfa, shot.size, middle.mono, profile, warnings)


def _readout(options: Mapping[str, str], shot: Shot | None) -> Readout:
    """Levels and step of the shot, or of a sensor of 14 bits."""
    quantise, below = options.get("quantise", "on"), options.get("below", "auto")
    if quantise not in ("on", "off"):
        raise SceneError(f"quantise = {quantise!r} is neither on nor off")
    if below not in ("auto", "kept", "cut"):
        raise SceneError(f"below = {below!r} is none of auto, kept, cut")
    black, white, step, cut = (BLACK, BLACK, BLACK, BLACK), WHITE, 1.0, False
    if shot is not None:
        black, white = shot.middle.black, shot.middle.white
        step, cut = shot.structure.step, shot.structure.cut
    return Readout(
        black, white, step if quantise == "on" else None, cut if below == "auto" else below == "cut"
    )

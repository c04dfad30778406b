"""A camera as a calibration measured it: its noise by ISO and its point spread, in a TOML file."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

from isptune.errors import SceneError
from isptune.scenes.raw_capture import NoiseModel
from isptune.system.disk import write_atomically
from isptune.system.records import convert, optional, parse_toml, read_bytes
from isptune.system.toml_text import inline

LARGEST = 1 << 20
"""Bytes of a profile."""


@dataclass(frozen=True)
class NoiseAtISO:
    """The noise of a sensor at one ISO; amounts in shares of the range from black to white.

    Attributes:
        iso: what the camera calls this gain.
        shot: the variance of a sample x in [0, 1] is shot * x + read.
        read: see there; of samples that are independent of each other.
        row: standard deviation of an offset that a row of samples has in common.
        column: the same of a column.
        hot: the share of samples that are hot pixels.
        greens: by which share greens beside blue are brighter than greens beside red.
        fit: how well shot and read describe what was measured: R squared, 1 where they do wholly.
    """

    iso: float
    shot: float
    read: float
    row: float = optional(0.0)
    column: float = optional(0.0)
    hot: float = optional(0.0)
    greens: float = optional(0.0)
    fit: float | None = optional(None)

    @property
    def model(self) -> NoiseModel:
        """What `raw_denoise` works with: of a sample, offsets of its row and its column are noise, too."""
        return NoiseModel(self.shot, self.read + self.row**2 + self.column**2)


@dataclass(frozen=True)
class CameraProfile:
    """What `twin:PHOTO?profile=FILE` and `raw:FILE?noise=FILE` take.

    Attributes:
        noise: by ISO, rising.
        psf: standard deviation of the point spread of lens and pixel, a Gaussian, pixels.
        note: for people: where it comes from.
    """

    noise: tuple[NoiseAtISO, ...] = optional(())
    psf: float | None = optional(None)
    note: str = optional("")


def read_camera_profile(path: Path) -> CameraProfile:
    """A profile from its file, ISOs sorted. Raises SceneError."""
    said = parse_toml(read_bytes(path, SceneError, LARGEST), str(path), SceneError)
    profile = convert(said, CameraProfile, str(path), SceneError)
    for one in profile.noise:
        if not (one.iso > 0 and min(one.shot, one.read, one.row, one.column, one.hot) >= 0):
            raise SceneError(f"{path}: at ISO {one.iso:g}: the ISO must be above 0, and no noise below 0")
        if max(one.shot, one.read, one.hot, abs(one.greens)) >= 1:
            raise SceneError(f"{path}: at ISO {one.iso:g}: noise is given in shares of the range, below 1")
    if len({one.iso for one in profile.noise}) < len(profile.noise):
        raise SceneError(f"{path}: an ISO stands there twice")
    if profile.psf is not None and not 0 <= profile.psf <= 20:
        raise SceneError(f"{path}: psf = {profile.psf:g} is not a number of pixels from 0 to 20")
    return replace(profile, noise=tuple(sorted(profile.noise, key=lambda one: one.iso)))


def write_camera_profile(path: Path, profile: CameraProfile) -> None:
    """Write a profile. Raises DiskError."""
    lines = [f"note = {inline(profile.note)}"] if profile.note else []
    if profile.psf is not None:
        lines += [
            "# Of lens and pixel, the standard deviation of a Gaussian, pixels.",
            f"psf = {profile.psf:.4f}",
        ]
    if profile.noise:
        lines.append("# The variance of a sample x in [0, 1] is shot x + read.")
    for one in sorted(profile.noise, key=lambda one: one.iso):
        lines += ["", "[[noise]]", f"iso = {inline(float(one.iso))}"]
        named = {"shot": one.shot, "read": one.read, "row": one.row, "column": one.column, "hot": one.hot}
        lines += [f"{key} = {inline(float(f'{value:.6g}'))}" for key, value in named.items()]
        lines.append(f"greens = {inline(float(f'{one.greens:.6g}'))}")
        if one.fit is not None:
            lines.append(f"fit = {inline(round(one.fit, 4))}")
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def noise_at_iso(noise: tuple[NoiseAtISO, ...], iso: float, whose: str) -> NoiseAtISO:
    """Noise between the ISOs that are known, by straight lines over the logarithm of ISO of logarithms.

    Beyond them, shot noise goes on in proportion to ISO and what is added after the gain's input (read, row and column
    noise) in proportion to it, too, as a standard deviation: the law of a gain. `beyond` says so in words.

    Raises:
        SceneError: no noise is known.
    """
    if not noise:
        raise SceneError(f"{whose}: holds no noise; isptune calibrate noise measures it")
    below = [one for one in noise if one.iso <= iso]
    above = [one for one in noise if one.iso >= iso]
    if not below or not above:
        nearest = below[-1] if below else above[0]
        gain = iso / nearest.iso
        return replace(
            nearest,
            iso=iso,
            shot=min(nearest.shot * gain, 0.5),
            read=min(nearest.read * gain**2, 0.5),
            row=nearest.row * gain,
            column=nearest.column * gain,
            fit=None,
        )
    low, high = below[-1], above[0]
    share = 0.0 if low.iso == high.iso else math.log(iso / low.iso) / math.log(high.iso / low.iso)
    if share == 0:
        return low

    def between(name: str) -> float:
        first, second = getattr(low, name), getattr(high, name)
        if min(first, second) > 0 and name != "greens":
            return math.exp((1 - share) * math.log(first) + share * math.log(second))
        return (1 - share) * first + share * second

    return NoiseAtISO(iso, *(between(name) for name in ("shot", "read", "row", "column", "hot", "greens")))


def beyond(noise: tuple[NoiseAtISO, ...], iso: float, whose: str) -> list[str]:
    """A line where an ISO lies outside of the known ones."""
    known = [one.iso for one in noise]
    if not known or min(known) <= iso <= max(known):
        return []
    span = f"{min(known):g} to {max(known):g}" if len(known) > 1 else f"{known[0]:g} alone"
    return [f"{whose}: knows ISO {span}; its noise at ISO {iso:g} is extrapolated"]

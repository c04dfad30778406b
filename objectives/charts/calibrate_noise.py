"""`isptune calibrate noise`: the noise of a camera by ISO, from its raw files."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from isptune.scenes.camera_profile import CameraProfile
    from isptune.scenes.raw_capture import RawCapture
    from objectives.charts.photon_transfer import Transfer

OFF = 0.5
"""Relative deviation of variances from the line above which it is not one noise; texture in single shots made 0.26."""


@click.command()
@click.argument("shots", metavar="SHOTS...", nargs=-1, required=True)
@click.option(
    "--out",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path),
    help="The profile (TOML) to write. ISOs that it holds already, and that are not in the shots, stay in it.",
)
@click.option("--iso", type=click.FloatRange(1, 1e7), help="Of the shots whose tags know none.")
@click.option(
    "--plot",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where to draw the photon transfer curves (PNG); by default beside the profile.",
)
def noise(shots: tuple[str, ...], out: Path, iso: float | None, plot: Path | None) -> None:
    """Measure shot and read noise, rows, columns, hot pixels and greens, by ISO.

    SHOTS are raw files: pairs of equal shots of a flat field, a grey chart or anything that does not move (best), or
    single shots of anything. Several brightnesses at each ISO tell shot and read noise apart.

    \b
    Examples:
      isptune calibrate noise flats/*.dng --out camera.toml
      isptune calibrate noise 'raw:shot.raw?size=640x480&format=SRGGB10&iso=400' --out camera.toml
      isptune run --pipeline raw --scene 'twin:photo.png?like=shot.dng&profile=camera.toml&iso=3200' --objective ssim
    """
    from isptune.scenes.camera_profile import write_camera_profile
    from isptune.system.disk import write_atomically
    from objectives.charts.transfer_plot import transfer_plot

    known = known_profile(out)
    found = _measured(shots, iso)
    write_camera_profile(out, _merged(known, found))
    plot = plot or out.with_suffix(".png")
    write_atomically(plot, transfer_plot(found))
    for one in found:
        click.echo(_told(one))
    click.echo(
        f"written: {out} and {plot}; use it as 'twin:PHOTO?like=SHOT&profile={out}', 'raw:FILE?noise={out}'"
    )


def known_profile(out: Path) -> "CameraProfile":
    """What a profile holds already; an empty one where there is no file. Raises SceneError for another file."""
    from isptune.scenes.camera_profile import CameraProfile, read_camera_profile

    return read_camera_profile(out) if out.exists() else CameraProfile()


def _measured(shots: tuple[str, ...], iso: float | None) -> list["Transfer"]:
    from isptune.errors import SceneError
    from objectives.charts.photon_transfer import transfer
    from objectives.charts.shots import raw_of, told_shot

    by_iso: dict[float, list[RawCapture]] = {}
    for shot in shots:
        scene = told_shot(shot, "noise is measured in")
        own = scene.metadata.get("iso", iso)
        if own is None:
            raise SceneError(f"{shot}: its tags know no ISO; give it: --iso N")
        by_iso.setdefault(float(own), []).append(raw_of(scene))
    found = []
    for own, captures in sorted(by_iso.items()):
        one = transfer(own, captures)
        if one is None:
            raise SceneError(
                f"ISO {own:g}: nothing in its shots shows noise: they are too small, too dark or clipped"
            )
        found.append(one)
    return found


def _merged(known: "CameraProfile", found: list["Transfer"]) -> "CameraProfile":
    from dataclasses import replace

    fresh = {one.iso: one.noise for one in found}
    kept = tuple(one for one in known.noise if one.iso not in fresh)
    return replace(known, noise=tuple(sorted((*kept, *fresh.values()), key=lambda one: one.iso)))


def _told(one: "Transfer") -> str:
    """One ISO in a line."""
    from_what = [
        f"{count} {word}{'s' if count > 1 else ''}"
        for count, word in ((one.pairs, "pair"), (one.singles, "single shot"))
        if count
    ]
    noise = one.noise
    fit = "" if noise.fit is None else f", R2 {noise.fit:.3f}"
    extras = [
        f"{key} {value:.2g}" for key in ("row", "column", "hot", "greens") if (value := getattr(noise, key))
    ]
    text = (
        f"ISO {one.iso:g}: shot {noise.shot:.3g}, read {noise.read:.3g}{fit}, variances off by {one.off_by:.1%} "
        f"({' and '.join(from_what)}){'; ' + ', '.join(extras) if extras else ''}"
    )
    if one.off_by > OFF:
        text += (
            "; warning: the variances do not follow the line: are all shots of one camera, and of this ISO?"
        )
    if one.narrow:
        text += "; warning: all of one brightness, which cannot tell shot and read noise apart: add other exposures"
    return text

"""`isptune calibrate`: what shots say of a camera."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from objectives.charts.calibrate_noise import noise
from objectives.charts.calibrate_optics import optics

if TYPE_CHECKING:
    from isptune.scenes.scene import Scene
    from objectives.charts.colour_matrix import Fitted
    from objectives.charts.regions import Quad

FAR_OFF = 10.0
"""Mean CIEDE2000 after the fit above which a chart was not found but something else; real charts had 2 to 7."""


@click.group()
def calibrate() -> None:
    """Calibrate a camera from its raw files: colours, noise by ISO, the lens.

    \b
    isptune calibrate colour chart.dng --out profile.toml
    isptune calibrate noise flats/*.dng --out camera.toml
    isptune calibrate optics chart.dng --out camera.toml
    isptune run --pipeline raw --scene 'raw:shot.dng?matrix=profile.toml'
    """


@calibrate.command()
@click.argument("shot", metavar="SHOT")
@click.option(
    "--out",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path),
    help="The profile (TOML) to write; raw:FILE?matrix=FILE&white_balance=FILE reads it.",
)
@click.option(
    "--corners",
    metavar="x/y/x/y/x/y/x/y",
    default="",
    help="Where the field of patches is: its corners from that of dark skin on, clockwise, in pixels of the upright "
    "picture. Without it the chart is looked for.",
)
def colour(shot: str, out: Path, corners: str) -> None:
    """Fit a colour matrix and a white balance to a ColorChecker (24 patches).

    SHOT is a raw file, or a spec that says what its tags do not: 'raw:shot.dng?cfa=BGGR&black=64'.

    \b
    Example:
      isptune calibrate colour chart.dng --out profile.toml
    """
    from isptune.scenes.colour_profile import ColourProfile, write_profile
    from objectives.charts.regions import parse_corners
    from objectives.charts.shots import told_shot

    scene = told_shot(shot, "a colour matrix is fitted to")
    fitted = _fitted(scene, parse_corners("--corners", corners))
    note = f"fitted to a ColorChecker in {scene.metadata.get('file', scene.name)}"
    write_profile(out, ColourProfile(fitted.matrix, fitted.white_balance, note))
    _tell(fitted, scene, out)


def _fitted(scene: "Scene", corners: "Quad | None") -> "Fitted":
    import numpy as np

    from isptune.errors import SceneError
    from objectives.charts.colour_matrix import fit
    from objectives.charts.find_colorchecker import find_colorcheckers
    from objectives.charts.shots import in_capture

    assert scene.raw is not None
    if corners is not None:
        return fit(scene.raw, in_capture(corners, scene), turned=False)
    found = find_colorcheckers(scene.image)
    if not found:
        raise SceneError(
            f"{scene.name}: no ColorChecker was found; say where it is: --corners x/y/x/y/x/y/x/y"
        )
    best = min((fit(scene.raw, quad) for quad in found), key=lambda one: float(np.nanmean(one.after)))
    left_over = np.nanmean(best.after)
    if left_over > FAR_OFF:
        raise SceneError(
            f"{scene.name}: what looks like a ColorChecker has other colours (CIEDE2000 {left_over:.0f} after "
            "the fit); say where it is: --corners x/y/x/y/x/y/x/y"
        )
    return best


def _tell(fitted: "Fitted", scene: "Scene", out: Path) -> None:
    import numpy as np

    from objectives.charts.shots import origin_of

    left, top = origin_of(scene)
    places = "/".join(f"{x + left:.0f}/{y + top:.0f}" for x, y in fitted.quad)
    click.echo(f"ColorChecker at --corners {places}")
    clipped = int(np.isnan(fitted.after).sum())
    if clipped:
        click.echo(f"{clipped} of its 24 patches clip and are left out")
    for name, values in (("before", fitted.before), ("after", fitted.after)):
        click.echo(f"CIEDE2000 {name}: mean {np.nanmean(values):.2f}, largest {np.nanmax(values):.2f}")
    click.echo(
        f"written: {out}; use it as 'raw:FILE?matrix={out}' (&white_balance={out} under the same light)"
    )


calibrate.add_command(noise)
calibrate.add_command(optics)

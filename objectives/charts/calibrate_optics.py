"""`isptune calibrate optics`: the point spread of a camera's lens, from a slanted edge in a raw file."""

from pathlib import Path

import click


@click.command()
@click.argument("shot", metavar="CHART")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The profile (TOML) to write it into, that of isptune calibrate noise or a new one.",
)
@click.option(
    "--box",
    metavar="WxH+X+Y",
    default="",
    help="Where an edge is that divides the box into two halves, in pixels of the upright picture. Without it, edges "
    "are looked for.",
)
def optics(shot: str, out: Path | None, box: str) -> None:
    """Measure how far a lens spreads a point, on slanted edges.

    CHART is a raw file that shows dark and light sides of a straight edge, tilted by 2 to 20 degrees.

    \b
    Example:
      isptune calibrate optics chart.dng --out camera.toml
      isptune run --pipeline raw --scene 'twin:photo.png?like=shot.dng&profile=camera.toml' --objective ssim
    """
    from dataclasses import replace

    from isptune.scenes.camera_profile import write_camera_profile
    from objectives.charts.calibrate_noise import known_profile
    from objectives.charts.point_spread import measured_optics
    from objectives.charts.regions import parse_box
    from objectives.charts.shots import in_capture, origin_of, raw_of, told_shot

    known = known_profile(out) if out is not None else None
    scene = told_shot(shot, "a lens is measured in")
    given = parse_box("--box", box)
    found = measured_optics(raw_of(scene), given and in_capture(given, scene), scene.name)
    left, top = origin_of(scene)
    x, y, width, height = found.box
    click.echo(f"edge at --box {width}x{height}+{x + left}+{y + top}")
    if found.edges > 1:
        click.echo(f"{found.edges} edges; the middle half of them differ by {2 * found.spread:.2f} px")
    click.echo(f"MTF50 {found.mtf50:.3f} cycles/pixel; psf {found.psf:.3f} px beside the pixel's aperture")
    if known is not None and out is not None:
        write_camera_profile(out, replace(known, psf=found.psf))
        click.echo(f"written: {out}; use it as 'twin:PHOTO?like=SHOT&profile={out}', or psf={found.psf:.3f}")
    else:
        click.echo(f"use it as 'twin:PHOTO?like=SHOT&psf={found.psf:.3f}'")

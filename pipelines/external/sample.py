"""`isptune sample`: a scene as a file, so that everyone has a raw capture to begin with."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from isptune.scenes.scene import Scene

SCENE = "unprocessed:astronaut?iso=3200"
"""A bundled photograph as a noisy raw capture."""


@click.command()
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--scene", "spec", metavar="SPEC", default=SCENE, show_default=True, help="See `isptune list scenes`."
)
@click.option("--crop", metavar="WxH[+X+Y]", help="Cut it, by default from the middle.")
@click.option(
    "--reference",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the scene's perfect picture, too, as a PNG of 16 bits.",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
def sample(out: Path, spec: str, crop: str | None, reference: Path | None, force: bool) -> None:
    """Write a scene as the file OUT: a raw capture as a DNG, a photograph as a PNG of 16 bits.

    For a first try without a camera: code makes captures and charts, and the bundled photographs need no download.

    \b
    Examples:
      isptune sample shot.dng                                          a photograph as a raw capture of ISO 3200
      isptune sample shot.dng --scene 'unprocessed:cat?iso=800' --reference truth.png
      isptune sample photo.png --scene coffee
      isptune sample chart.png --scene chart:
    """
    from isptune.errors import ConfigError
    from isptune.scenes.scene import load_scenes, photograph

    scenes = load_scenes([spec], crop)
    if len(scenes) != 1:
        raise ConfigError(f"--scene {spec}: these are {len(scenes)} scenes; a sample is one")
    scene = scenes[0]
    suffix = ".png" if scene.raw is None else ".dng"
    if reference is not None and scene.reference is None:
        raise ConfigError(f"--reference {reference}: the scene {scene.name} has none")
    for path, wanted in ((out, suffix), (reference, ".png")):
        if path is not None:
            _check(path, wanted, force)
    _write(out, scene)
    if reference is not None and scene.reference is not None:
        _write(reference, photograph(scene.name, scene.reference))


def _check(path: Path, suffix: str, force: bool) -> None:
    """Raises ConfigError: its name ends otherwise than what would be in it, or it is there and is to stay."""
    from isptune.errors import ConfigError

    if path.suffix.lower() != suffix:
        raise ConfigError(f"{path}: this would be a {suffix[1:].upper()}; let the name end in {suffix}")
    if path.exists() and not force:
        raise ConfigError(f"{path}: is there already; --force replaces it")


def _write(path: Path, scene: "Scene") -> None:
    """Write the file as a whole and say so."""
    from isptune.errors import DiskError
    from isptune.system.disk import replacing
    from pipelines.external.scene_files import write_scene

    if not path.parent.is_dir():
        raise DiskError(f"{path}: there is no folder {path.parent}")
    with replacing(path) as temporary:
        write_scene(temporary, scene)
    size = path.stat().st_size
    height, width = scene.image.shape[-2:]
    click.echo(f"{path}: {scene.name}, {width}x{height}, {size / 1e6:.1f} MB")

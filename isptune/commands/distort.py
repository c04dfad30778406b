"""`isptune distort`: spoil a picture as a published set does, or by a catalogue function."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.commands.early import check_writable, require_files
from isptune.commands.pictures import told_image
from isptune.errors import ConfigError, SceneError

if TYPE_CHECKING:
    from torch import Generator

    from isptune.arrays import Images
    from isptune.distortions import Preset

PIXELS_AT_ONCE = 20_000_000
"""The five severities of a type are one batch up to this many pixels in all: 0.25 GB a copy."""


@click.command("distort")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option("--set", "set_name", metavar="NAME", help="arniqa, kadid10k, depictqa or imagenet_c.")
@click.option(
    "--distortion", "name", metavar="NAME", help="A type of the set; without --set, a catalogue function."
)
@click.option("--severity", type=click.IntRange(1, 5), metavar="1..5", help="A published level of the set.")
@click.option(
    "--level",
    type=float,
    metavar="X",
    help="Any level: in the unit of the set's numbers, or without --set in the function's.",
)
@click.option("--seed", type=int, default=0, metavar="N", help="Of what is random. [0]")
@click.option("--all", "everything", is_flag=True, help="Every severity of every type, into the folder OUT.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
def distort(
    source: str,
    target: str,
    set_name: str | None,
    name: str | None,
    severity: int | None,
    level: float | None,
    seed: int,
    everything: bool,
    force: bool,
) -> None:
    """Distort the picture IN and write it as OUT, an 8-bit PNG.

    \b
    Examples:
      isptune distort photo.png blurred.png --set arniqa --distortion gaublur --severity 3
      isptune distort photo.png noisy.png --set depictqa --distortion noise_poisson --level 30 --seed 7
      isptune distort photo.png pale.png --distortion saturation --level -0.4
      isptune distort photo.png folder/ --set kadid10k --all
    The last writes NAME_SEVERITY.png for each type; with --distortion, of that type only.
    `isptune list distortions` shows the functions, with --set NAME the types and levels of a set.
    The same seed gives the same picture, and all severities of a type share their random numbers.
    """
    _check_choice(set_name, name, severity, level, everything)
    require_files([source], refusal=SceneError)
    check_writable(target)
    if everything:
        assert set_name is not None
        _write_all(source, Path(target), set_name, name, seed, force)
    else:
        assert name is not None
        _write_one(source, Path(target), set_name, name, severity, level, seed, force)


def _check_choice(
    set_name: str | None, name: str | None, severity: int | None, level: float | None, everything: bool
) -> None:
    if everything:
        if set_name is None:
            raise ConfigError("--all writes the types of a set: give --set arniqa, for example")
        if severity is not None or level is not None:
            raise ConfigError("--all writes every severity: leave --severity and --level out")
    elif name is None:
        raise ConfigError("give --distortion NAME, or --set NAME --all; see `isptune list distortions`")
    elif set_name is None and severity is not None:
        raise ConfigError("severities belong to a set: give --set NAME, or --level instead of --severity")
    elif (severity is None) == (level is None):
        what = "--level X" if set_name is None else "--severity 1..5 or --level X, one of the two"
        raise ConfigError(f"how much? give {what}; see `isptune list distortions`")


def _write_one(
    source: str,
    target: Path,
    set_name: str | None,
    name: str,
    severity: int | None,
    level: float | None,
    seed: int,
    force: bool,
) -> None:
    from isptune.distortions import get, preset
    from isptune.scenes.images import write_image

    function: Any = get(name) if set_name is None else preset(set_name, name)
    _check_target(target, force)
    image = told_image(source)
    stream = [_stream(seed)]
    if set_name is None:
        distorted = function(image, level, generator=stream)
        done = f"{name}, {level:g} {function.unit}"
    else:
        distorted = function.apply(image, severity, level=level, generator=stream)
        done = f"{set_name} {name}, " + (
            f"severity {severity}" if severity is not None else f"{function.parameter} {level:g}"
        )
    write_image(target, distorted)
    click.echo(f"{target}: {done}")


def _write_all(source: str, folder: Path, set_name: str, name: str | None, seed: int, force: bool) -> None:
    from isptune.distortions import preset, presets_of
    from isptune.distortions.presets import SEVERITIES
    from isptune.scenes.images import write_image

    if name is not None:
        chosen = [preset(set_name, name)]
    else:
        chosen = [one for one in presets_of(set_name).values() if one.part != "unused"]
    files = [folder / f"{one.name}_{severity}.png" for one in chosen for severity in SEVERITIES]
    _check_folder(folder, files, force)
    image = told_image(source)
    folder.mkdir(parents=True, exist_ok=True)
    for one in _with_progress(chosen):
        for severity, distorted in _severities(one, image, seed):
            write_image(folder / f"{one.name}_{severity}.png", distorted)
    click.echo(f"{folder}: {len(files)} pictures, {len(chosen)} types of {set_name} at 5 severities")


def _severities(one: "Preset", image: "Images", seed: int) -> Iterator[tuple[int, "Images"]]:
    """Each severity with its picture, [1, 3, H, W]; all see the same random numbers."""
    from isptune.distortions.presets import SEVERITIES

    pixels = image.shape[-2] * image.shape[-1]
    at_once = 5 if 5 * pixels <= PIXELS_AT_ONCE else 1
    for start in range(0, 5, at_once):
        some = SEVERITIES[start : start + at_once]
        streams = [_stream(seed) for _ in some]
        distorted = one.apply(image.expand(len(some), -1, -1, -1), some, generator=streams)
        yield from zip(some, distorted.split(1), strict=True)


def _stream(seed: int) -> "Generator":
    import torch

    try:
        return torch.Generator().manual_seed(seed)
    except (RuntimeError, ValueError) as error:
        raise ConfigError(f"--seed {seed} does not fit into 64 bits") from error


def _check_target(target: Path, force: bool) -> None:
    if target.suffix.lower() != ".png":
        raise ConfigError(f"{target}: pictures are written as PNG; give a name that ends in .png")
    if target.is_dir():
        raise ConfigError(f"{target}: is a folder; --all writes into a folder")
    if target.exists() and not force:
        raise ConfigError(f"{target}: exists; --force overwrites it")


def _check_folder(folder: Path, files: list[Path], force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; --all writes into a folder")
    there = [file for file in files if file.exists()]
    if there and not force:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ConfigError(f"{there[0]}{more} exist already; --force overwrites them")


def _with_progress(chosen: "list[Preset]") -> "Iterator[Preset]":
    """Yield the types under a bar on a terminal, else with a plain line for each."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        for count, one in enumerate(chosen, 1):
            yield one
            console.print(f"{count}/{len(chosen)} {one.name}", highlight=False, soft_wrap=True)
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=len(chosen))
        for one in chosen:
            progress.update(task, description=one.name)
            yield one
            progress.advance(task)

"""`isptune describe`: what is wrong with a picture, how much, and where."""

import json
from typing import TYPE_CHECKING, Any

import click

from isptune.commands.early import check_plug_ins, check_writable, require_files, tell_missing
from isptune.commands.judging import judge_and_scene, judge_options, require_unused
from isptune.commands.pictures import told_image
from isptune.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from isptune.arrays import Images
    from isptune.diagnosis.finding import Diagnosis


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@judge_options
@click.option("--heat-map", metavar="PNG", help="Write the picture beside a map of where it is bad.")
@click.option("--force", is_flag=True, help="Overwrite the map if it exists.")
def describe(
    images: tuple[str, ...],
    spec: str,
    reference: str | None,
    as_json: bool,
    device: str,
    heat_map: str | None,
    force: bool,
) -> None:
    """Say what is wrong with pictures: kinds of distortion, severity 1 to 5, how sure, and where.

    The text is put together from what the judge finds. Pictures that cannot be read or judged are named on stderr,
    and the exit status is 1; the others are described.

    \b
    Examples:
      isptune describe render.png
      isptune describe render.png --reference perfect.png --heat-map where.png
      isptune describe *.jpg --json > findings.jsonl
      isptune describe render.png --judge endpoint:http://localhost:8000/v1
    """
    check_plug_ins("judge", [spec])
    require_files([reference])
    check_writable(heat_map)
    tell_missing(images)
    from isptune.errors import about
    from isptune.interfaces import Diagnoses
    from isptune.scenes.scene import Scene
    from isptune.system.device import choose_device

    if heat_map and len(images) > 1:
        raise ConfigError(f"--heat-map takes one picture; there are {len(images)}")
    require_unused(heat_map, force)
    target = choose_device(device)
    judge, perfect = judge_and_scene(spec, reference, target)
    if not isinstance(judge, Diagnoses):
        raise ConfigError(f"the judge {spec!r} compares pictures and does not say what is wrong with one")
    problems = 0
    for path in images:
        try:
            image = told_image(path).to(target)
            (diagnosis,) = judge.describe(image, perfect or Scene(path, image))
        except Exception as error:  # a plug-in may raise anything, and it costs one picture
            click.echo(f"isptune: {about(path, error)}", err=True)
            problems += 1
            continue
        _print(path, diagnosis, as_json)
        if heat_map:
            write_heat_map(heat_map, path, image, diagnosis)
    if problems:
        click.get_current_context().exit(1)


def _print(path: str, diagnosis: "Diagnosis", as_json: bool) -> None:
    from isptune.diagnosis.in_words import as_dict, in_words

    if as_json:
        click.echo(json.dumps({"image": path, **as_dict(diagnosis)}))
        return
    click.echo(f"{path}: {in_words(diagnosis)}")
    for finding in diagnosis.findings:
        severity = "" if finding.severity is None else f"severity {finding.severity} of 5"
        click.echo(f"  {finding.category:20} {severity:16} {finding.confidence:.2f}")


def write_heat_map(target: str, name: str, image: "Images", diagnosis: "Diagnosis") -> None:
    """Write the picture beside its heat map. Raises ConfigError for a judge that gave none, DiskError."""
    import io
    from pathlib import Path

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from isptune.diagnosis.in_words import in_words
    from isptune.system.disk import write_atomically

    if diagnosis.heat_map is None:
        raise ConfigError("this judge does not say where a picture is bad: there is no heat map")
    picture: np.ndarray[Any, Any] = image[0].permute(1, 2, 0).cpu().numpy()
    height, width = picture.shape[:2]
    figure = Figure(figsize=(11, 1.2 + 5 * height / width), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    left.imshow(picture)
    right.imshow(picture.mean(2), cmap="gray", vmin=0, vmax=1)
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    shown = right.imshow(diagnosis.heat_map, extent=extent, cmap="inferno", vmin=0, vmax=1, alpha=0.6)
    figure.colorbar(shown, ax=right, label="how bad, 0 to 1", shrink=0.8)
    for axes in (left, right):
        axes.set_axis_off()
    figure.suptitle(f"{Path(name).name}\n{in_words(diagnosis)}", fontsize=10, wrap=True, parse_math=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    write_atomically(Path(target), buffer.getvalue())

"""`isptune score`: what objectives say of pictures."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from isptune.commands.prompted import PROMPT_HELP, with_prompt

if TYPE_CHECKING:
    import torch

    from isptune.arrays import Images
    from isptune.interfaces import Objective
    from isptune.scenes.scene import Scene

    Row = tuple[str, dict[str, float]]  # a picture and its score by objective; what failed is left out


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--objective",
    "objectives",
    metavar="SPEC",
    multiple=True,
    required=True,
    help="NAME or NAME:ARGUMENT, see `isptune list objectives`; may be repeated.",
)
@click.option("--prompt", metavar="FILE", help=PROMPT_HELP)
@click.option(
    "--reference", metavar="FILE", help="The perfect picture, for objectives that compare with one."
)
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, one line a score.")
@click.option("--device", metavar="NAME", default="cpu", show_default=True, help="cpu, cuda, cuda:1 or auto.")
def score(
    images: tuple[str, ...],
    objectives: tuple[str, ...],
    prompt: str | None,
    reference: str | None,
    as_csv: bool,
    device: str,
) -> None:
    """Score pictures, of any sizes, with one objective or several.

    Pictures that cannot be read or scored are named on stderr and the exit status is 1; the others are scored.
    `iqa_pytorch:NAME` needs the extra isptune[pyiqa], which is licensed for non-commercial use only.

    \b
    Examples:
      isptune score a.png b.png --objective niqe --objective sharpness
      isptune score render.png --objective ssim --objective gmsd --reference perfect.png
      isptune score *.jpg --objective brisque-refit --csv > scores.csv
      isptune score *.jpg --objective promptiqa --prompt mine.csv
    """
    from isptune.functions.own_files import objective_of
    from isptune.functions.stand_ins import own_names
    from isptune.scenes.images import read_image
    from isptune.scenes.scene import photograph
    from isptune.system.device import choose_device

    objectives = own_names(objectives if prompt is None else with_prompt(objectives, prompt))
    built: dict[str, Objective] = {spec: objective_of(spec) for spec in objectives}
    _tell_warnings(built, [])
    target = choose_device(device)
    perfect = None if reference is None else photograph(reference, read_image(reference)).to(target)
    rows, problems = [], 0
    for path in images:
        row, failed = _score_file(path, built, perfect, target)
        rows.append(row)
        problems += failed
    rows = [row for row in rows if row[1]]
    if as_csv:
        _print_csv(rows, built)
    elif rows:
        _print_table(rows, built)
    if problems:
        click.get_current_context().exit(1)


def _score_file(
    path: str, objectives: "dict[str, Objective]", perfect: "Scene | None", device: "torch.device"
) -> "tuple[Row, int]":
    """The scores of one file, and how many of them failed; each failure is told on stderr."""
    from isptune.errors import SceneError, in_words, one_line
    from isptune.scenes.images import read_image
    from isptune.scenes.scene import Scene

    try:
        image = read_image(path).to(device)
    except SceneError as error:
        click.echo(f"isptune: {one_line(str(error))}", err=True)
        return (path, {}), 1
    scene = perfect or Scene(path, image)
    _tell_warnings(objectives, [image], path)
    scores = {}
    for spec, objective in objectives.items():
        try:
            scores[spec] = float(objective.score(image, scene)[0])
        except Exception as error:  # a plug-in may raise anything, and it costs one score
            click.echo(f"isptune: {one_line(path)}: {in_words(error)}", err=True)
    return (path, scores), len(objectives) - len(scores)


def _tell_warnings(
    objectives: "dict[str, Objective]", images: "list[Images]", path: str | None = None
) -> None:
    """On stderr: what objectives find odd in what they were given, or, with a path, in this picture only."""
    from isptune.errors import one_line
    from isptune.interfaces import Warns

    for objective in objectives.values():
        if isinstance(objective, Warns):
            own = objective.warnings([])
            texts = own if path is None else [t for t in objective.warnings(images) if t not in own]
            for text in texts:
                click.echo(f"warning: {one_line(f'{path}: {text}' if path else text)}", err=True)


def _print_csv(rows: "Sequence[Row]", objectives: "dict[str, Objective]") -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("image", "objective", "score", "direction", "unit"))
    for path, scores in rows:
        for spec, value in scores.items():
            facts = objectives[spec].facts
            writer.writerow((path, spec, f"{value:.7g}", facts.direction, facts.unit))


def _print_table(rows: "Sequence[Row]", objectives: "dict[str, Objective]") -> None:
    wishes = {"maximize": "higher is better", "minimize": "lower is better"}
    heads = [("image", "", "")]
    heads += [(spec, wishes[o.facts.direction], o.facts.unit) for spec, o in objectives.items()]
    cells = [
        [path, *(f"{scores[spec]:.4f}" if spec in scores else "failed" for spec in objectives)]
        for path, scores in rows
    ]
    if sys.stdout.isatty():
        _print_rich(heads, cells)
    else:
        _print_plain(heads, cells)


def _print_rich(heads: list[tuple[str, str, str]], cells: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for index, head in enumerate(heads):
        table.add_column("\n".join(line for line in head if line), justify="right" if index else "left")
    for row in cells:
        table.add_row(*row)
    Console().print(table, markup=False)


def _print_plain(heads: list[tuple[str, str, str]], cells: list[list[str]]) -> None:
    lines = [list(line) for line in zip(*heads, strict=True) if any(line)] + cells
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for first, *others in lines:
        columns = [first.ljust(widths[0])]
        columns += [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        click.echo("  ".join(columns).rstrip())

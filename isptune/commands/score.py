"""`isptune score`: what objectives say of pictures."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isptune.commands import completing
from isptune.commands.early import check_plug_ins, check_writable, require_files, tell_missing
from isptune.commands.limits import broken, fail_below, fail_if, parse_limits
from isptune.commands.prompted import PROMPT_HELP, with_prompt

if TYPE_CHECKING:
    from isptune.commands.scoring import Row
    from isptune.interfaces import Objective


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--objective",
    "objectives",
    shell_complete=completing.names_of("objective"),
    metavar="SPEC",
    multiple=True,
    required=True,
    help="NAME or NAME:ARGUMENT, see `isptune list objectives`; may be repeated.",
)
@click.option("--prompt", metavar="FILE", help=PROMPT_HELP)
@click.option(
    "--reference",
    "references",
    metavar="FILE|FOLDER|CSV",
    multiple=True,
    help="The perfect picture; a folder with one of the same name for each; or a table with columns image, reference.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, one line a score.")
@click.option(
    "--out", metavar="CSV", help="Write these into a file; the same command again goes on where it was."
)
@click.option(
    "--distribution",
    metavar="FILE.png",
    help="Draw how scores are distributed for each IMAGE argument, such as a folder, and say how far these lie apart.",
)
@click.option("--device", metavar="NAME", default="cpu", show_default=True, help="cpu, cuda, cuda:1 or auto.")
@fail_below
def score(
    images: tuple[str, ...],
    objectives: tuple[str, ...],
    prompt: str | None,
    references: tuple[str, ...],
    as_csv: bool,
    out: str | None,
    distribution: str | None,
    device: str,
    limits: tuple[str, ...],
) -> None:
    """Score pictures, of any sizes, with one objective or several.

    IMAGE is a file, a folder with all pictures below it, a pattern such as 'shots/**/*.png', or @LIST: a text file with
    a path a line, or a table with the columns image and reference. Pictures that cannot be read or scored are named on
    stderr and the exit status is 1; the others are scored. A line of --csv and --out is written as soon as it is known.
    `judge:NAME` gives win rates among the pictures, see `isptune rank`.
    `iqa_pytorch:NAME` needs the extra isptune[pyiqa], which is licensed for non-commercial use only.

    \b
    Examples:
      isptune score a.png b.png --objective niqe --objective sharpness
      isptune score render.png --objective ssim --objective gmsd --reference perfect.png
      isptune score spoilt --reference pristine --objective ssim --out scores.csv
      isptune score *.jpg --objective brisque-refit --csv > scores.csv
      isptune score render.png --objective ssim --reference perfect.png --fail-below 0.95
      isptune score @list.txt --objective promptiqa --prompt mine.csv
      isptune score clean noisy --objective niqe --out scores.csv --distribution niqe.png
    """
    check_plug_ins("objective", objectives)
    require_files([*references, None if prompt and ":" in prompt else prompt])
    check_writable(out)
    check_writable(distribution)
    tell_missing(images)
    from isptune.commands.score_table import in_file, on_stdout
    from isptune.commands.scoring import Scoring, tell_warnings
    from isptune.errors import ConfigError
    from isptune.functions.own_files import objective_of
    from isptune.functions.stand_ins import own_names
    from isptune.scenes.picture_lists import named_pictures, read_references
    from isptune.system.device import choose_device
    from isptune.tuning.win_rate import WinRate

    if len(references) > 1:
        raise ConfigError(
            f"--reference is given {len(references)} times; one picture for all, a folder, or a table says which "
            "picture has which"
        )
    objectives = own_names(objectives if prompt is None else with_prompt(objectives, prompt))
    wanted = parse_limits(limits, objectives)
    built: dict[str, Objective] = {spec: objective_of(spec) for spec in objectives}
    tell_warnings(built, [])
    among = [spec for spec, objective in built.items() if isinstance(objective, WinRate)]
    if out is not None and among:
        raise ConfigError(
            f"{among[0]}: win rates hold among the pictures that are given, so that --out could not go on with them; "
            "--csv prints them"
        )
    known = read_references(references[0]) if references else None
    pictures = list(named_pictures(images))
    scoring = Scoring(built, known, choose_device(device))
    paired = known is not None or any(getattr(picture, "reference", None) for picture in pictures)
    if out is not None:
        with in_file(Path(out), paired) as table:
            scoring.all(pictures, table)
        there = f", {scoring.there} were there" if scoring.there else ""
        click.echo(f"{out}: {scoring.new} new scores{there}")
    elif as_csv:
        scoring.all(pictures, on_stdout(paired))
    else:
        try:
            scoring.all(pictures, None)
        finally:  # after Ctrl-C, too
            rows = [row for row in scoring.rows if row[1]]
            if rows:
                _print_table(rows, built)
                for spec, value in scoring.together().items():
                    click.echo(f"{spec}, all pictures together: {value:.4f}")
    directions = {spec: objective.facts.direction for spec, objective in built.items()}
    fail_if(
        [f"{path}: {line}" for path, scores in scoring.rows for line in broken(wanted, directions, scores)]
    )
    if distribution is not None:
        _show_distribution(Path(distribution), images, scoring.rows, built)
    if scoring.problems:
        click.get_current_context().exit(1)


def _show_distribution(
    path: Path, arguments: Sequence[str], rows: "Sequence[Row]", objectives: "dict[str, Objective]"
) -> None:
    """Draw and tell it; pictures that are named one by one, as a shell's pattern does, are one set."""
    from isptune.errors import ConfigError
    from isptune.report.digits import limits_of, mean_of, number
    from isptune.report.distribution import Summary, apart, plotted
    from isptune.scenes.picture_lists import NamedPicture, named_pictures
    from isptune.system.disk import write_atomically

    whose: dict[str, str] = {}
    for argument in arguments:
        for picture in named_pictures([argument]):
            if isinstance(picture, NamedPicture):
                whose.setdefault(picture.path, "files" if argument == picture.path else argument)
    found: dict[str, dict[str, list[float]]] = {spec: {} for spec in objectives}
    for picture_path, scores in rows:
        for spec, value in scores.items():
            found[spec].setdefault(whose[picture_path], []).append(value)
    known = {spec: groups for spec, groups in found.items() if groups}
    if not known:
        raise ConfigError(f"{path}: no picture was scored: there is no distribution")
    facts = {spec: objective.facts for spec, objective in objectives.items()}
    write_atomically(path, plotted(known, facts))
    for spec, groups in known.items():
        for group, values in groups.items():
            told = Summary.of(values)
            quantiles = ", ".join(map(number, told.quantiles))
            click.echo(
                f"{spec}, {group}: {told.count} pictures, mean {mean_of(told.mean)} ({limits_of(told.mean)}), "
                f"quantiles {quantiles}",
                err=True,
            )
        for pair in apart(groups, facts[spec]):
            click.echo(
                f"{spec}: {pair.first} beside {pair.second}: distance {number(pair.wasserstein)} (Wasserstein), better "
                f"with {100 * pair.better:.0f} %, largest difference of shares {pair.largest:.2f}, p = {pair.p:.2g}",
                err=True,
            )
    click.echo(f"plot: {path}", err=True)


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

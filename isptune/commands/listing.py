"""`isptune list`: what is installed, with one line for each."""

import click

KINDS = ("pipelines", "objectives", "judges", "optimizers", "scenes", "distortions")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.option(
    "--set",
    "chosen_set",
    metavar="NAME",
    help="Distortions of one published set: arniqa, kadid10k, depictqa, imagenet_c.",
)
def listing(kind: str | None, chosen_set: str | None) -> None:
    """List pipelines, objectives, judges, optimizers, scenes or distortions.

    \b
    Examples:
      isptune list                 the names of everything
      isptune list objectives      with direction, range and source
      isptune list distortions --set arniqa
    """
    from rich.console import Console

    console = Console()
    if kind == "distortions":
        from isptune.commands.distortion_table import print_distortions

        print_distortions(chosen_set, console)
    elif kind == "objectives":
        _print_objectives(console)
    else:
        _print_names(console, (kind,) if kind else KINDS)


def _print_names(console, kinds) -> None:
    from isptune.registry import installed

    for kind in kinds:
        console.print(f"[bold]{kind}[/bold]")
        if kind == "distortions":
            console.print("  see `isptune list distortions`")
            continue
        for name, point in installed(kind.removesuffix("s")).items():
            console.print(f"  {name:16} {_first_line(point)}", markup=False, highlight=False, soft_wrap=True)


def _first_line(point) -> str:
    try:
        return (point.load().__doc__ or "").strip().split("\n")[0]
    except (ImportError, AttributeError) as error:
        return f"cannot be imported: {error}"


def _print_objectives(console) -> None:
    from isptune.errors import ConfigError, IsptuneError
    from isptune.functions.stand_ins import stand_in
    from isptune.registry import build, installed
    from isptune.spec import split_name

    rows = [("name", "direction", "range", "unit", "uses reference", "source")]
    for name, point in installed("objective").items():
        try:
            found = stand_in(name)
            shown = name if found is None else found[0]
            if split_name(shown)[0] != name:  # which has a line of its own
                raise ConfigError(f"{name} needs an argument")
            objective = build("objective", shown)
        except IsptuneError:
            rows.append((f"{name}:...", "", "", "", "", _first_line(point)))
            continue
        facts = objective.facts
        limits = f"{facts.range[0]:g} .. {facts.range[1]:g}"
        reference = "yes" if facts.uses_reference else "no"
        rows.append((shown, facts.direction, limits, facts.unit, reference, facts.source))
    _print_table(console, rows)


def _print_table(console, rows) -> None:
    """A table on a terminal; tabs between the columns for other programs."""
    if not console.is_terminal:
        for row in rows:
            print("\t".join(row))
        return
    from rich.table import Table

    table = Table(*rows[0], box=None)
    for row in rows[1:]:
        table.add_row(*row)
    console.print(table)

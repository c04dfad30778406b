"""`isptune init`: a commented file to start from, with a schema by which editors complete and check it."""

from pathlib import Path

import click

from isptune.commands import completing
from isptune.errors import ConfigError


def _kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from isptune.registry import installed

    return [name for name in installed("starter") if name.startswith(incomplete)]


@click.command()
@click.argument("kind", metavar="[KIND]", required=False, shell_complete=_kinds)
@click.option(
    "--out",
    metavar="FILE",
    help="What to call it. [isp.toml, ...]",
    shell_complete=completing.words(files=True),
)
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
def init(kind: str | None, out: str | None, force: bool) -> None:
    """Write a commented TOML file to start from, and beside it the schema that editors check it by.

    KIND is command (any program as an ISP), remote (a board behind HTTP), metric (a program that scores), raw or run
    (what `isptune run --config` takes) or study (what `isptune study new --config` takes). Without one they are listed.

    \b
    Examples:
      isptune init command                     isp.toml, and a small ISP in Python that it works with
      isptune init raw --out night.toml
    """  # fmt: skip
    from isptune.errors import UnknownName
    from isptune.registry import factory, installed
    from isptune.starters import SCHEMA_LINE
    from isptune.system.disk import write_atomically
    from isptune.system.schema import to_text

    known = installed("starter")
    if kind is None:
        for name in known:
            click.echo(f"  isptune init {name:8} {factory('starter', name)().says}")
        return
    if kind not in known:
        raise UnknownName("file to start from", kind, list(known))
    starter = factory("starter", kind)()
    path = Path(out or starter.file)
    schema = path.with_suffix(".schema.json")
    files = {path: f"{SCHEMA_LINE.format(name=schema.name)}\n{starter.text}", schema: to_text(starter.schema)}
    files |= {path.with_name(name): text for name, text in starter.beside.items()}
    there = [str(file) for file in files if file.exists()]
    if there and not force:
        raise ConfigError(f"{', '.join(there)}: exists; choose another --out, or overwrite with --force")
    path.parent.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        write_atomically(file, text.encode())
        click.echo(f"wrote {file}", err=True)
    if starter.steps:
        click.echo("next:")
    for step in starter.steps:
        click.echo(f"  {step.format(file=path)}")

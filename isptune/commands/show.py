"""`isptune show`: a run in a few lines."""

import click

from isptune.commands.completing import runs


@click.command()
@click.argument("run", metavar="RUN", shell_complete=runs)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(run: str, as_json: bool) -> None:
    """Show a run's progress, what it recommends, second opinions and warnings.

    \b
    Examples:
      isptune show runs/mine
      isptune show runs/mine --json | jq .answer.params
    """
    from pathlib import Path

    from isptune.runs.record import read_run

    if as_json:
        from isptune.report.as_data import run_as_data
        from isptune.system.records import to_json

        click.echo(to_json(run_as_data(read_run(Path(run)))), nl=False)
        return
    from rich.console import Console

    from isptune.report.console import print_next, print_run

    console = Console(markup=False)
    print_run(Path(run), console)
    print_next(read_run(Path(run)), console)

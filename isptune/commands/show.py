"""`isptune show`: a run in a few lines."""

import click


@click.command()
@click.argument("run", metavar="RUN")
def show(run: str) -> None:
    """Show a run's progress, what it recommends, second opinions and warnings.

    \b
    Example:
      isptune show runs/mine
    """
    from pathlib import Path

    from rich.console import Console

    from isptune.report.console import print_run

    print_run(Path(run), Console())

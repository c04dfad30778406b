"""`isptune report`: write a run's report again."""

import click


@click.command()
@click.argument("run", metavar="RUN")
def report(run: str) -> None:
    """Write plots and report.html of a run, finished or not, from its folder alone.

    \b
    Example:
      isptune report runs/mine
    """
    from pathlib import Path

    from isptune.report.run_report import write_report

    click.echo(f"report: {write_report(Path(run))}")

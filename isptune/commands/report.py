"""`isptune report`: write a run's report again."""

import click

from isptune.commands import completing


@click.command()
@click.argument("run", metavar="RUN", shell_complete=completing.runs)
def report(run: str) -> None:
    """Write plots and report.html of a run, finished or not, from its folder alone.

    \b
    Example:
      isptune report runs/mine
    """
    from pathlib import Path

    from isptune.report.next_steps import link
    from isptune.report.run_report import write_report

    click.echo(f"report: {link(write_report(Path(run)))}")

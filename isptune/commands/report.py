"""`isptune report`: write a run's report again."""

import click

from isptune.commands import completing
from isptune.commands.options import TRUST


@click.command()
@click.argument("run", metavar="RUN", shell_complete=completing.runs)
@click.option(
    "--trial",
    "trials",
    type=click.IntRange(0, 10**9),
    metavar="N",
    multiple=True,
    help="Render this trial, too, and show it among the pictures; may be repeated. As in trials.csv.",
)
@TRUST
def report(run: str, trials: tuple[int, ...], trust: bool) -> None:
    """Write plots and report.html of a run, finished or not, from its folder alone.

    With --trial the run's pipeline is built to render those trials.

    \b
    Examples:
      isptune report runs/mine
      isptune report runs/mine --trial 117 --trial 203
    """
    from pathlib import Path

    from isptune.report.next_steps import link
    from isptune.report.run_report import write_report

    if trials:
        from isptune.tuning.further_pictures import show_trials

        show_trials(Path(run), trials, trust)
    click.echo(f"report: {link(write_report(Path(run)))}")

"""`isptune dashboard`: a run in Optuna's dashboard."""

import click

from isptune.commands import completing


@click.command()
@click.argument("run", metavar="RUN", shell_complete=completing.runs)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on."
)
@click.option("--no-serve", is_flag=True, help="Only write the journal, and say how to show it.")
def dashboard(run: str, host: str, port: int, no_serve: bool) -> None:
    """Write a run into an Optuna journal and show it in optuna-dashboard (extra: isptune[dashboard]).

    A run that goes on is followed. Each trial has its time; the pictures are artifacts.

    \b
    Examples:
      isptune dashboard runs/mine
      isptune dashboard runs/mine --no-serve
    """
    import shlex
    from pathlib import Path

    from isptune.report.dashboard import LOOPBACK, command, serve, write_journal

    journal = write_journal(Path(run))
    click.echo(f"journal: {journal}")
    if no_serve:
        click.echo(shlex.join(command(journal, host, port)))
        return
    if host not in LOOPBACK:
        click.echo(
            f"warning: {host} can be reached by others, and the dashboard asks for no password", err=True
        )
    serve(journal, host, port)

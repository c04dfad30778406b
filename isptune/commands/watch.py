"""`isptune watch`: a page that shows runs while they go on."""

import click


@click.command()
@click.argument("folder", metavar="RUN|FOLDER")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8010, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
def watch(folder: str, host: str, port: int) -> None:
    """Show a run, or all runs in a folder, on a page that follows them: pictures, convergence, knobs, time left.

    The page looks at the folders alone: runs and the server may stop and start again in any order, and its link stays.

    \b
    Examples:
      isptune watch runs/mine
      isptune watch runs
    """
    from pathlib import Path

    from isptune.report.live import server

    server.watch(Path(folder), host, port, click.echo)

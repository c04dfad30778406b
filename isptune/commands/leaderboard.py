"""`isptune leaderboard`: many runs in one table."""

import click

from isptune.commands.early import check_writable


@click.command()
@click.argument("place", metavar="FOLDER|URL")
@click.option("--out", metavar="FILE.html", help="Write the table as a page, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
def leaderboard(place: str, out: str | None, as_json: bool, as_csv: bool) -> None:
    """Compare runs of many people, cameras and objectives: those in a folder, or in an Optuna storage.

    Runs that share pipeline, scenes and objectives stand in one group, the best first: by their gain on scenes that no
    search saw where all have some (isptune run --holdout), else by the score of what they recommend.

    \b
    Examples:
      isptune leaderboard runs
      isptune leaderboard runs --out leaderboard.html
      isptune leaderboard sqlite:///team.db                 of isptune run --storage sqlite:///team.db
      isptune leaderboard runs --json | jq '.groups[0].runs[0]'
    """
    from pathlib import Path

    from isptune.errors import ConfigError, without_passwords
    from isptune.report import leaderboard as boards

    if as_json and as_csv:
        raise ConfigError("--json and --csv both print: give one of them")
    check_writable(out)
    board = boards.read_leaderboard(place)
    if as_json:
        click.echo(boards.as_json(board), nl=False)
    elif as_csv:
        click.echo(boards.as_csv(board), nl=False)
    else:
        from rich.console import Console

        from isptune.report.console import print_leaderboard

        print_leaderboard(board, Console(markup=False))
    if out is not None:
        from isptune.report.next_steps import link

        boards.write_page(Path(out), board, without_passwords(place))
        click.echo(f"page: {link(Path(out))}", err=as_json or as_csv)

"""`isptune study mos`: mean opinion scores of ratings that a laboratory collected."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("ratings", metavar="RATINGS")
@click.option("--out", metavar="CSV", help="Where to write; nothing is overwritten. [standard output]")
@click.option(
    "--hidden-reference",
    type=float,
    metavar="BEST",
    help="Take each rating relative to the same observer's of the reference, plus the best category (5).",
)
@click.option(
    "--without-erratic", is_flag=True, help="Leave out the observers whom the test of ITU-R BT.500 flags."
)
@click.option("--skip-bad", is_flag=True, help="Leave out and count ratings that cannot be used.")
def mos(
    ratings: str, out: str | None, hidden_reference: float | None, without_erratic: bool, skip_bad: bool
) -> None:
    """Mean opinion scores of ratings (ACR, DSIS and the like), each with its 95 % interval over observers.

    RATINGS is a table: a row a rating (observer, image, rating, and reference for --hidden-reference), or a row a
    picture and a column an observer. Ratings are numbers, or the words of the five-grade scales. What is written
    (image, mos, low, high, deviation, ratings) is read by `isptune agree --scores` and `train scorenet --scores`.

    \b
    Examples:
      isptune study mos acr.csv --out mos.csv
      isptune study mos dsis.csv --without-erratic --out mos.csv
      isptune study mos acr_hr.csv --hidden-reference 5 --out dmos.csv
    """
    from isptune.errors import ConfigError
    from isptune.study.opinions.ratings import (
        differential,
        erratic,
        mean_opinions,
        read_ratings,
        refuse_faults,
        to_csv,
    )
    from isptune.system.disk import write_atomically
    from isptune.system.tables import listed

    if out is not None and Path(out).exists():
        raise ConfigError(f"{out}: exists; choose another --out")
    found, faults = read_ratings(Path(ratings))
    if not skip_bad:
        refuse_faults(ratings, faults)
    if faults:
        click.echo(f"skipped {len(faults)} ratings that cannot be used: {listed(faults)}", err=True)
    flagged = erratic(found)
    if flagged:
        what = "are left out" if without_erratic else "are in the scores; --without-erratic leaves them out"
        click.echo(f"the test of BT.500 flags {', '.join(flagged)}, who {what}", err=True)
    if without_erratic:
        found = [one for one in found if one.observer not in flagged]
    if hidden_reference is not None:
        found = differential(found, hidden_reference)
    if not found:
        raise ConfigError(f"{ratings}: has no ratings that can be used")
    text = to_csv(mean_opinions(found))
    if out is None:
        sys.stdout.write(text)
        return
    write_atomically(Path(out), text.encode())
    people = len({one.observer for one in found})
    click.echo(f"{out}: {len(found)} ratings of {people} observers on {text.count(chr(10)) - 1} pictures")

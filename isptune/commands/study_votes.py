"""Votes without the page: simulated observers, files, and tables in the columns of pwcmp."""

import sys
from collections.abc import Callable, Sized
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from isptune.study.observers.simulation import SimulatedObserver
    from isptune.study.plan.folder import Study
    from isptune.study.plan.vote_matrices import Winner
    from isptune.study.plan.vote_reading import VoteTable


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--observers", type=click.IntRange(1, 1000), default=15, show_default=True)
@click.option(
    "--span",
    type=float,
    default=6.0,
    show_default=True,
    metavar="JOD",
    help="How far the worst and the best known score lie apart for them.",
)
@click.option(
    "--lapse", type=float, default=0.02, show_default=True, help="Share of answers given at random."
)
@click.option(
    "--side-bias",
    type=float,
    default=0.0,
    show_default=True,
    metavar="JOD",
    help="What the left picture has for free.",
)
@click.option(
    "--ties",
    type=float,
    default=0.3,
    show_default=True,
    metavar="JOD",
    help="Differences felt to be smaller than this are answered 'no difference'.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option("--http", is_flag=True, help="Vote through a server on a free port of this machine.")
@click.option(
    "--url",
    metavar="LINK",
    help="Vote through the server that is running: its owner's link, as it prints it.",
)
def simulate(
    folder: str,
    observers: int,
    span: float,
    lapse: float,
    side_bias: float,
    ties: float,
    seed: int,
    http: bool,
    url: str | None,
) -> None:
    """Let SIMULATED observers vote, to try a study before people see it. They are named so wherever they appear.

    They know the scores in stimuli.csv (of a run's objective, or of the metric that spread the qualities), and answer
    by Thurstone's Case V. A study in which people have voted takes none: copy it first. Votes go straight into the
    file of answers, or with --http or --url the way that people's votes go: each observer fetches the pictures,
    recognises them, and sends its votes; how long those took is told. The same seed gives the same votes either way.

    \b
    Examples:
      isptune study simulate studies/dmc --observers 15
      isptune study simulate studies/dmc --observers 15 --http
      isptune study simulate studies/dmc --url http://127.0.0.1:8000/owner/...
      isptune study simulate studies/dmc --observers 5 --lapse 0.1 --side-bias 0.5
    """  # fmt: skip
    from isptune.errors import ConfigError
    from isptune.study.observers.simulation import Habits, SimulatedObserver, scale_of_scores
    from isptune.study.plan.folder import read_study

    if http and url:
        raise ConfigError("--http starts a server and --url names one that is running: give one of them")
    study = read_study(Path(folder))
    scale = scale_of_scores(study, span)
    habits = Habits(lapse, side_bias, ties)

    def observer(number: int) -> SimulatedObserver:
        return SimulatedObserver(scale, habits, 1000 * seed + number)

    if url:
        _vote_by_link(study, url, observers, observer)
    elif http:
        from isptune.study.site.server import on_loopback

        with on_loopback(study) as (root, owner):
            _vote_by_link(study, f"{root}/owner/{owner}", observers, observer)
    else:
        _vote_by_store(study, observers, observer)


def _vote_by_store(study: "Study", count: int, observer: "Callable[[int], SimulatedObserver]") -> None:
    from isptune.study.observers.simulation import refuse_beside_people, vote_all
    from isptune.study.plan.schedule import schedule_of
    from isptune.study.votes.answers import Answers

    with Answers(study.answers_path, schedule_of(study)) as answers:
        there = [each for each in answers.observers() if each.source != "judge"]
        refuse_beside_people(each.source for each in there)
        for number in range(len(there), len(there) + count):
            votes = list(vote_all(answers, observer(number)))
            label = [each.label for each in answers.observers() if each.source == "simulation"][-1]
            click.echo(f"{label}: {len(votes)} answers")


def _vote_by_link(
    study: "Study", link: str, count: int, observer: "Callable[[int], SimulatedObserver]"
) -> None:
    import time

    from isptune.errors import StudyError
    from isptune.study.observers.over_http import percentile_95, vote_over_http

    started = time.monotonic()
    tallies = vote_over_http(
        study, link, count, observer, lambda tally: click.echo(f"{tally.label}: {tally.given} answers")
    )
    given, kept = sum(tally.given for tally in tallies), sum(tally.kept for tally in tallies)
    click.echo(
        f"over HTTP: {given} votes in {time.monotonic() - started:.0f} s, 95 % of them acknowledged within"
        f" {percentile_95(tallies):.1f} ms; the server keeps {kept} of them"
    )
    if kept != given:
        raise StudyError(f"the server acknowledged {given} votes and keeps {kept}")


@click.command("hand-out")
@click.argument("folder", metavar="DIR")
@click.argument("out", metavar="OUT")
@click.option("--name", metavar="NAME", help="What the report calls the observer. [observer_NN]")
def hand_out(folder: str, out: str, name: str | None) -> None:
    """Write one observer's pairs as files into the new folder OUT, for people without a browser.

    The pairs are 001_A.png and 001_B.png, 002_A.png and so on. The observer deletes the worse one of each pair, or
    keeps both where there is no difference; then `isptune study collect` reads what is left.

    \b
    Example:
      isptune study hand-out studies/mine pairs_for_ada --name Ada
    """
    from isptune.study.plan.file_workflow import hand_out as write_pairs
    from isptune.study.plan.folder import read_study

    count = sum(1 for _ in write_pairs(read_study(Path(folder)), Path(out), name))
    click.echo(
        f"{out}: {count} pairs; delete the worse one of each, then: isptune study collect {folder} {out}"
    )


@click.command()
@click.argument("folder", metavar="DIR")
@click.argument("out", metavar="OUT")
def collect(folder: str, out: str) -> None:
    """Read a folder that was handed out, once the observer is through: the file that is left is the better one.

    Pairs of which both files are left count as no difference. To collect again adds nothing.

    \b
    Example:
      isptune study collect studies/mine pairs_for_ada
    """
    from isptune.study.plan.file_workflow import collect as read_pairs
    from isptune.study.plan.folder import read_study

    new, total = read_pairs(read_study(Path(folder)), Path(out))
    click.echo(f"{out}: {total} answers, {new} of them new")


@click.command("import")
@click.argument("folder", metavar="DIR")
@click.argument("table", metavar="VOTES")
@click.option(
    "--column",
    "columns",
    metavar="NAME=COLUMN[+COLUMN]",
    multiple=True,
    help="What the file calls a column, such as condition_A=type1+level1; may be repeated.",
)
@click.option(
    "--answers",
    metavar="VALUE=WORD,...|names|sides|round",
    help="What answers mean: a WORD is A, B, tie or skip; names or sides of the better pictures; round: shares of A.",
)
@click.option(
    "--matrix",
    "winner",
    type=click.Choice(["rows", "columns"]),
    default="rows",
    show_default=True,
    help="Of a matrix of counts: which of the two won.",
)
@click.option(
    "--skip-bad",
    is_flag=True,
    help="Leave out and count rows that cannot be used, and with --images, unknown pictures.",
)
@click.option("--images", metavar="FOLDER", help="Pictures, as far as there are any: scene/condition.png.")
@click.option("--title", metavar="TEXT", help="Of the study. [the file's name]")
def import_votes(
    folder: str,
    table: str,
    columns: tuple[str, ...],
    answers: str | None,
    winner: "Winner",
    skip_bad: bool,
    images: str | None,
    title: str | None,
) -> None:
    """Make a closed study in the new folder DIR of VOTES that were given elsewhere: a table, JSON, or counts of wins.

    The columns are those of pwcmp (observer, session, scene, condition_A, condition_B, is_A_selected), or are known by
    names such as participant, left, right and winner; commas, semicolons or tabs part them. Answers are 1 and 0, names
    of pictures, left and right, and more; where they fit two readings, --answers says which. Counts are columns such as
    A_wins and B_wins, or a matrix (also .npy) of how often each row won over each column. Where nobody says who voted,
    intervals are over votes.

    \b
    Examples:
      isptune study import studies/tmo ex3_tmo_cmp_data.csv
      isptune study import studies/fields votes.csv --column condition_A=type1+level1 --column condition_B=type2+level2
      isptune study import studies/web votes.csv --answers 1=A,2=B,=skip --skip-bad --images pictures
    """  # fmt: skip
    from isptune.commands.pictures import tell_warning
    from isptune.errors import ConfigError
    from isptune.study.plan.tables import import_table
    from isptune.study.plan.vote_columns import COLUMNS
    from isptune.study.plan.vote_reading import UNKNOWN, read_votes

    named = dict(pair.split("=", 1) for pair in columns if "=" in pair)
    if len(named) != len(columns) or not set(named) <= set(COLUMNS):
        raise ConfigError(f"--column is NAME=COLUMN with a NAME of: {', '.join(COLUMNS)}")
    pictures = Path(images) if images else None
    votes = _usable(read_votes(Path(table), named, answers, winner), table, skip_bad, pictures)
    study = import_table(Path(folder), votes, title or Path(table).stem, pictures, tell_warning)
    people = {vote.observer for vote in votes.votes}
    whose = "unknown observers" if people == {UNKNOWN} else _counted(people, "observer")
    click.echo(
        f"{folder}: {_counted(votes.votes, 'vote')} of {whose} on {_counted(study.stimuli, 'condition')} "
        f"in {_counted(study.scenes, 'scene')}; read as {votes.read_as}"
    )
    click.echo(f"next: isptune study fit {folder}")


def _counted(some: Sized, word: str) -> str:
    return f"{len(some)} {word}{'' if len(some) == 1 else 's'}"


def _usable(table: "VoteTable", name: str, skip_bad: bool, pictures: Path | None) -> "VoteTable":
    """The votes that are used; what is left out is told. Raises ConfigError for bad rows where nobody said to skip."""
    from dataclasses import replace

    from isptune.errors import ConfigError, one_line
    from isptune.study.plan.tables import without_pictures
    from isptune.system.tables import listed

    if table.faults and not skip_bad:
        raise ConfigError(
            f"{one_line(name)}, {table.faults[0]} ({len(table.faults)} of {table.rows} rows cannot be used; --skip-bad "
            "leaves them out)"
        )
    if table.faults:
        click.echo(
            f"skipped {len(table.faults)} of {table.rows} rows that cannot be used: {listed(table.faults)}",
            err=True,
        )
    lacking = without_pictures(table, pictures) if pictures else set()
    if not lacking:
        return table
    shown = listed(sorted("/".join(each) for each in lacking))
    if not skip_bad:
        click.echo(f"note: {len(lacking)} conditions have no picture in {pictures}: {shown}", err=True)
        return table
    kept = [
        v for v in table.votes if not lacking & {(v.pair.scene, v.pair.first), (v.pair.scene, v.pair.second)}
    ]
    click.echo(
        f"skipped {len(table.votes) - len(kept)} votes on pictures that are not there: {shown}", err=True
    )
    return replace(table, votes=kept)


@click.command("export")
@click.argument("folder", metavar="DIR")
@click.option("--out", metavar="FILE", help="Where to write; nothing is overwritten. [standard output]")
@click.option(
    "--all", "everything", is_flag=True, help="Training, repeats and anchors too, told apart by their kind."
)
@click.option("--with-judges", is_flag=True, help="The votes of judges, too, as observers called judge_SPEC.")
def export_votes(folder: str, out: str | None, everything: bool, with_judges: bool) -> None:
    """Write the votes in the columns of pwcmp, as CSV, or as JSON if FILE ends in .json; no difference is 0.5.

    \b
    Example:
      isptune study export studies/mine --out votes.csv
    """
    from isptune.errors import ConfigError
    from isptune.study.plan.folder import read_study
    from isptune.study.plan.tables import write_table
    from isptune.study.votes.answers import Answers
    from isptune.system.disk import write_atomically

    if out is not None and Path(out).exists():
        raise ConfigError(f"{out}: exists; choose another --out")
    study = read_study(Path(folder))
    with Answers(study.answers_path) as answers:
        file_format = "json" if out is not None and Path(out).suffix.lower() == ".json" else "csv"
        left_out = 0 if with_judges else len(answers.votes()) - len(answers.votes(judges=False))
        text = write_table(answers.votes(with_judges), answers.observers(), everything, file_format)
    if left_out:
        click.echo(f"{left_out} votes of judges are left out; --with-judges writes them, too", err=True)
    if out is None:
        sys.stdout.write(text)
        return
    write_atomically(Path(out), text.encode())
    click.echo(f"wrote {out}", err=True)

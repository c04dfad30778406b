"""`isptune prompt make` and `check`: rate a few pictures, for objectives that learn your taste from them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.commands.early import require_files
from isptune.commands.options import TRUST
from isptune.commands.pictures import tell_warning
from isptune.errors import ConfigError

if TYPE_CHECKING:
    from isptune.rating.choice import Chosen
    from isptune.rating.sitting import Sitting


LARGEST_P = 0.1
"""Above it, a correlation may well be chance."""


@click.group()
def prompt() -> None:
    """Show your taste: rate a few pictures.

    \b
    isptune prompt make mine.csv --from-run runs/first
    isptune prompt check mine.csv
    isptune run --objective promptiqa --prompt mine.csv
    """


@prompt.command()
@click.argument("out", metavar="OUT.csv", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--from-run", metavar="RUN", help="Rate trials of a run, spread from its worst to its best.")
@click.option("--images", metavar="FOLDER", help="Rate pictures of a folder.")
@click.option("--count", type=click.IntRange(3, 20), metavar="N", help="How many, 3 to 20. [10]")
@click.option(
    "--objective",
    metavar="SPEC",
    help="Whose scores the choice is spread over. [the run's first objective; of a folder: by name]",
)
@click.option("--scene", metavar="NAME", help="Which of the run's scenes to show. [the first]")
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), metavar="N", help="Of the order in which they are shown. [0]"
)
@click.option("--scores", metavar="A,B,...", help="Scores in the contact sheet's order; - leaves one out.")
@click.option("--no-page", is_flag=True, help="Write the pictures and the contact sheet, and stop.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Of the page. [the one it had before, else a free one]",
)
@TRUST
def make(
    out: Path,
    from_run: str | None,
    images: str | None,
    scores: str | None,
    no_page: bool,
    port: int,
    trust: bool,
    **options: Any,
) -> None:
    """Rate pictures on a page in your browser, or by the numbers of a contact sheet.

    The pictures are written beside OUT.csv, into OUT_pictures/, in an order that does not tell what is known of them.
    The page is seen by this machine only. Every score is kept at once: stop at any moment, give the same command
    again (OUT.csv alone is enough), and go on. OUT.csv is written at the end; nothing that exists is replaced.

    \b
    Examples:
      isptune prompt make mine.csv --from-run runs/first
      isptune prompt make mine.csv --images photos --objective niqe --count 12
      isptune prompt make mine.csv --images photos --no-page
      isptune prompt make mine.csv --scores 3,5,1,4,2,2,5,-,3,1
    """
    if out.suffix.lower() != ".csv":
        raise ConfigError(f"{out}: scores are written as CSV; give a name that ends in .csv")
    if "," in str(out):
        raise ConfigError(f"{out}: a comma would end the name in an objective's options; give another one")
    if from_run is not None and images is not None:
        raise ConfigError("give --from-run RUN or --images FOLDER, not both")
    require_files([from_run, images], "folder")
    from isptune.rating.sitting import SHEET, folder_of, refuse_existing

    refuse_existing(out)
    asked = {"from_run": from_run, "images": images, **options}
    asked = {key: value for key, value in asked.items() if value is not None}
    sitting = _go_on(out, asked) if folder_of(out).exists() else _begin(out, asked, trust)
    click.echo(f"contact sheet: {sitting.folder / SHEET}")
    if scores is not None:
        _take(sitting, scores)
    elif no_page:
        click.echo(
            f"then: isptune prompt make {out} --scores 3,5,1,... (one for each picture, - leaves one out)"
        )
        return
    else:
        _show_page(sitting, port)
    _tell(sitting)


def _begin(out: Path, asked: dict[str, Any], trust: bool) -> "Sitting":
    from isptune.rating.choice import of_folder, of_run
    from isptune.rating.sitting import begin
    from isptune.trust import Trust

    count, objective = asked.get("count", 10), asked.get("objective")
    chosen: list[Chosen]
    if "from_run" in asked:
        chosen = of_run(Path(asked["from_run"]), count, asked.get("scene"), objective, Trust(all=trust))
    elif "images" in asked:
        if "scene" in asked:
            raise ConfigError("--scene names a scene of a run; a folder has none")
        with _bar("scored" if objective else "") as progress:
            chosen = of_folder(Path(asked["images"]), count, objective, progress, tell_warning)
    else:
        raise ConfigError("what is to be rated? give --from-run RUN or --images FOLDER")
    with _bar("pictures") as progress:
        return begin(out, asked, chosen, asked.get("seed", 0), lambda number: progress(number, len(chosen)))


def _go_on(out: Path, asked: dict[str, Any]) -> "Sitting":
    from isptune.rating.sitting import go_on

    sitting = go_on(out)
    differing = [key for key, value in asked.items() if sitting.source.get(key) != value]
    if differing:
        shown = ", ".join(
            f"{key} = {sitting.source.get(key)!r} there, {asked[key]!r} now" for key in differing
        )
        raise ConfigError(
            f"{sitting.folder}: holds a rating that was begun differently ({shown}); give another name, "
            "or only the name to go on with it"
        )
    click.echo(f"{len(sitting.scores)} of {len(sitting.sizes)} pictures are rated already")
    return sitting


def _take(sitting: "Sitting", text: str) -> None:
    """Scores from the command line, all checked before one is kept."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != len(sitting.sizes):
        raise ConfigError(
            f"--scores has {len(parts)} entries for {len(sitting.sizes)} pictures; - leaves one out"
        )
    given = {
        number: _number(number, part)
        for number, part in zip(sitting.numbers, parts, strict=True)
        if part != "-"
    }
    for number, score in given.items():
        sitting.rate(number, score)
    sitting.finish()


def _number(number: int, text: str) -> float:
    import math

    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise ConfigError(f"--scores: picture {number} has {text!r}, which is no finite number and not -")
    return score


def _show_page(sitting: "Sitting", port: int) -> None:
    from isptune.rating.server import serve

    serve(
        sitting, port, lambda address: click.echo(f"rate them at {address} (Ctrl-C stops; scores are kept)")
    )
    if not sitting.target.exists():
        raise KeyboardInterrupt  # the server took the signal


def _tell(sitting: "Sitting") -> None:
    if len(set(sitting.scores.values())) == 1:
        click.echo("warning: all scores are equal, which says nothing of a taste", err=True)
    click.echo(f"{sitting.target}: {len(sitting.scores)} pictures; use it as --prompt {sitting.target}")


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, else nothing: the lines that matter come afterwards."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not (label and console.is_terminal)) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, count: progress.update(task, completed=done, total=count)


@prompt.command()
@click.argument("rated", metavar="RATED.csv", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--objective", metavar="SPEC", default="promptiqa", show_default=True, help="That learns from them."
)
@click.option(
    "--shuffles",
    type=click.IntRange(0, 999),
    default=19,
    show_default=True,
    metavar="N",
    help="How often the same is done with shuffled scores, for comparison with chance.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, metavar="N")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, on one line.")
def check(rated: Path, objective: str, shuffles: int, seed: int, as_json: bool) -> None:
    """Say what rated pictures are worth before a run: each is scored by the others, and that compared with its score.

    Pictures teach a taste where the correlation is high and its p small. With few pictures both are uncertain: rate
    more, or pictures that differ more.

    \b
    Examples:
      isptune prompt check mine.csv
      isptune prompt check mine.csv --shuffles 99
    """
    require_files([str(rated)])
    import json

    from isptune.commands.progress import counting
    from isptune.commands.prompted import with_prompt
    from isptune.functions.own_files import objective_of
    from isptune.rating.worth import read_rated, worth_of

    with_prompt([objective], str(rated))  # what cannot learn is told before any work
    pictures = read_rated(rated)
    with counting("checking", "pictures") as show:
        worth = worth_of(
            pictures, lambda path: objective_of(with_prompt([objective], str(path))[0]), shuffles, seed, show
        )
    if as_json:
        told = {"objective": objective, "pictures": len(pictures), "srocc": worth.correlation}
        told |= {"by_chance": worth.by_chance, "p": worth.p if shuffles else None}
        told["scores"] = [
            {"image": str(one.path), "score": one.score, "predicted": predicted}
            for one, predicted in zip(pictures, worth.predicted, strict=True)
        ]
        click.echo(json.dumps(told))
        return
    click.echo(
        f"{objective}, each of {len(pictures)} pictures scored by the others: SROCC {worth.correlation:.2f}"
    )
    if shuffles:
        low, high = min(worth.by_chance), max(worth.by_chance)
        click.echo(f"with shuffled scores, {shuffles} times: {low:.2f} to {high:.2f}; p = {worth.p:.2g}")
        if worth.p > LARGEST_P:
            click.echo(
                "they say no more of your taste than chance would: rate more pictures, or some that differ more"
            )

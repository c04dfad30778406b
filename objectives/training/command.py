"""`isptune train`: learn from one's own pictures."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from objectives.training.scorenet.from_pictures import Outcome

PLAIN_EVERY_S = 10.0
"""Not on a terminal, one line on the extraction in this many seconds."""


@click.group()
def train() -> None:
    """Learn from your own pictures and scores.

    \b
    isptune train scorenet --scores scores.csv --images photos --out mine.safetensors
    isptune run --objective scorenet:mine.safetensors
    """


@train.command()
@click.option(
    "--scores", required=True, metavar="CSV", help="Table with a head line: picture files and their scores."
)
@click.option(
    "--images", required=True, metavar="DIR", help="Folder that the files of the table are named from."
)
@click.option("--out", required=True, metavar="FILE", help="The .safetensors to write.")
@click.option(
    "--encoder", metavar="SPEC", default="lite", show_default=True, help="lite, bundled, openai:RN50, ..."
)
@click.option(
    "--head",
    type=click.Choice(["align", "clip"]),
    default="align",
    show_default=True,
    help="Five level words, or a pair of opposites.",
)
@click.option(
    "--expansion",
    type=click.Choice(["sum", "product"]),
    default="sum",
    show_default=True,
    help="How k + l numbers become k x l.",
)
@click.option("--metrics", metavar="A,B,C", help="Lightweight metrics, or none. [the seven that cost least]")
@click.option("--loss", type=click.Choice(["huber", "plcc"]), default="huber", show_default=True)
@click.option("--epochs", type=click.IntRange(1, 10_000), default=60, show_default=True, help="At most.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option(
    "--validation",
    type=click.FloatRange(0.02, 0.8),
    metavar="SHARE",
    default=0.2,
    show_default=True,
    help="Of the pictures, to compute figures on.",
)
@click.option(
    "--preset", metavar="NAME", help="The table of koniq, spaq, kadid, tid2013, csiq, pipal or biq2021."
)
@click.option(
    "--file-column",
    metavar="NAME,...",
    help="The first of these that the table has. [file, image, image_name, ...]",
)
@click.option("--score-column", metavar="NAME,...", help="The same for scores. [mos, score, dmos, ...]")
@click.option(
    "--lower-is-better/--higher-is-better",
    "lower_is_better",
    default=None,
    help="What scores say. [lower in a column called dmos, or where the encoder as it is says so; else higher]",
)
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Use features that lie beside FILE from an earlier or interrupted call.",
)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def scorenet(
    scores: str,
    images: str,
    out: str,
    encoder: str,
    head: str,
    expansion: str,
    metrics: str | None,
    loss: str,
    epochs: int,
    seed: int,
    validation: float,
    preset: str | None,
    file_column: str | None,
    score_column: str | None,
    lower_is_better: bool | None,
    resume: bool,
    force: bool,
) -> None:
    """Learn ScoreNet's prompts from scored pictures, for `--objective scorenet:FILE`.

    The encoder stays as it is. Pictures are read once; what it and the metrics say of them is kept beside FILE, so that
    a second call, or one after an interruption, goes on. Pictures that look alike stay in one part. Scores may have any
    scale. Prompts that order the validation pictures the wrong way round are not written.

    \b
    Examples:
      isptune train scorenet --scores scores.csv --images photos --out mine.safetensors
      isptune train scorenet --scores dmos.csv --images photos --out mine.safetensors --encoder openai:RN50
      isptune train scorenet --preset tid2013 --scores mos_with_names.txt --images photos --out tid.safetensors
    """
    from isptune.commands.pictures import tell_warning
    from objectives.no_reference.lightweight_metrics import DEFAULT
    from objectives.scorenet.prompts import Design
    from objectives.training.scorenet.from_pictures import Order, learn
    from objectives.training.scorenet.training import Recipe

    named = DEFAULT if metrics is None else tuple(name.strip() for name in metrics.split(","))
    named = () if named == ("none",) else named
    order = Order(
        Path(scores),
        Path(images),
        Path(out),
        file_column,
        score_column,
        lower_is_better,
        encoder,
        head,
        Design(expansion, use_metrics=bool(named)),
        named,
        validation,
        Recipe(loss, epochs=epochs, seed=seed),
        resume,
        force,
        preset,
    )
    with _bar("pictures") as extracted:
        outcome = learn(order, extracted, tell=tell_warning)
    _tell(outcome, order.out)


def _tell(outcome: "Outcome", out: Path) -> None:
    from isptune.errors import ScoreError, one_line

    counts = outcome.counts
    click.echo(f"the table was read so: {outcome.read_as}")
    click.echo(
        f"{counts['train']} pictures to learn from, {counts['stopping']} to find the best epoch by, "
        f"{counts['validation']} to validate with; kept epoch {outcome.kept} of {outcome.epochs}"
    )
    for row, label in enumerate(("plain prompts", "learned prompts", "difference")):
        figures = "  ".join(f"{name} {estimates[row]}" for name, estimates in outcome.figures.items())
        click.echo(f"{label:<16}{figures}")
    if outcome.warning:
        click.echo(f"warning: {outcome.warning}", err=True)
    if not outcome.written:
        raise ScoreError(
            f"{one_line(str(out))}: is not written: what was learned orders the validation pictures the wrong way "
            "round; do higher scores mean better pictures (--lower-is-better)?"
        )
    click.echo(f"wrote {out}; use it as --objective scorenet:{out}")


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, else a line now and then; both on stderr."""
    import time

    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if console.is_terminal:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task(label, total=None)
            yield lambda done, count: progress.update(task, completed=done, total=count)
        return
    last = time.monotonic()

    def tell(done: int, count: int) -> None:
        nonlocal last
        if time.monotonic() - last > PLAIN_EVERY_S:
            last = time.monotonic()
            click.echo(f"{done}/{count} {label}", err=True)

    yield tell

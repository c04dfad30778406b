"""`isptune dataset`: spoil photographs, and write questions and answers about them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from isptune.errors import ConfigError, UnknownName
from isptune.system.cores import usable_cores

if TYPE_CHECKING:
    from objectives.training.dataset.plan import Plan


@click.group()
def dataset() -> None:
    """Make data sets to train and test image-quality models that answer in words.

    \b
    isptune dataset make sets/mine --photos photos --size 1000
    isptune dataset show sets/mine
    """


@dataset.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--photos",
    metavar="FOLDER",
    required=True,
    type=click.Path(path_type=Path),
    help="Pristine photographs; subfolders are searched, too.",
)
@click.option(
    "--tasks",
    metavar="A,B",
    default="identification,rating",
    show_default=True,
    help="identification: which distortions? rating: which of two is better?",
)
@click.option(
    "--size",
    type=click.IntRange(1, 9_999_999),
    metavar="N",
    default=1000,
    show_default=True,
    help="Samples of each task; half of them with two distortions.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    metavar="N",
    default=0,
    show_default=True,
    help="The same seed and photographs give the same bytes.",
)
@click.option(
    "--side",
    type=click.IntRange(0, 8192),
    metavar="PX",
    default=384,
    show_default=True,
    help="Shrink photographs to this shorter side; 0 keeps their size.",
)
@click.option(
    "--validation",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    default=0.2,
    show_default=True,
    help="Of the photographs, by a hash of their names.",
)
@click.option(
    "--raters",
    metavar="SPEC,SPEC",
    default="fsim,gmsd,ssim",
    show_default=True,
    help="Objectives that must confirm which picture of a pair is better.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Processes. The result does not depend on it. [as many as there are cores]",
)
def make(
    folder: Path,
    photos: Path,
    tasks: str,
    size: int,
    seed: int,
    side: int,
    validation: float,
    raters: str,
    workers: int | None,
) -> None:
    """Spoil photographs as DepictQA-Wild's data were made, and ask about them.

    Each picture gets one of 35 types of distortion in 12 categories, at severity 1 to 5, or two of them in one of 78
    allowed orders, at severity 1 to 3; 5 % stay pristine. Records come with the reference and without, in the layout
    of the published data, with questions and brief answers; see `isptune list distortions --set depictqa`.

    Which picture of a pair is better: a pair is kept where its severities tell, and where no full-reference objective
    of --raters contradicts. Nobody was asked, so take it for less than an opinion of people.

    Stop it at any moment and give the same command again: it goes on, to the same bytes. DIR must be new or empty, or
    the beginning of the same data set; nothing else is touched. At the end DIR has the lists of records (JSON), the
    pictures (PNG), and statistics.html.

    \b
    Examples:
      isptune dataset make sets/mine --photos photos --size 1000
      isptune dataset make sets/names --photos photos --tasks identification --size 20000 --seed 7 --workers 8
      isptune dataset make sets/large --photos photos --side 0 --validation 0.1
    """
    from isptune.commands.progress import counting
    from objectives.training.dataset.making import make as make_dataset
    from objectives.training.dataset.plan import Plan, find_photographs

    plan = Plan(
        tasks=_tasks(tasks),
        size=size,
        seed=seed,
        side=_side(side),
        validation=validation,
        raters=tuple(name.strip() for name in raters.split(",") if name.strip()),
        photographs=find_photographs(photos, validation),
    )
    with counting("made", "references and samples") as on_progress:
        made = make_dataset(plan, photos, folder, workers or usable_cores(), on_progress)
    if not made:
        click.echo(f"{folder}: finished already")
    _tell(folder, plan)


@dataset.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def show(folder: Path) -> None:
    """Print how many samples a data set has.

    \b
    Example:
      isptune dataset show sets/mine
    """
    from objectives.training.dataset.plan import read_plan

    _tell(folder, read_plan(folder))


def _tell(folder: Path, plan: "Plan") -> None:
    from rich.console import Console
    from rich.table import Table

    from objectives.training.dataset.statistics import read_statistics
    from objectives.training.dataset.statistics_page import PAGE, table_rows

    statistics = read_statistics(folder)
    table = Table(box=None)
    table.add_column("samples", no_wrap=True)
    for title in ("train", "validation", "words / letters"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in table_rows(plan, statistics):
        table.add_row(*row)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for part, number in statistics.photographs.items():
        if not number:
            console.print(
                f"no photograph fell to {part}: of few photographs, a hash of their names may leave none",
                soft_wrap=True,
            )
    console.print(
        f"{statistics.pictures:,} pictures of {len(plan.photographs):,} photographs",
        markup=False,
        soft_wrap=True,
    )
    console.print(f"statistics: {folder / PAGE}", markup=False, soft_wrap=True)


def _tasks(text: str) -> tuple[str, ...]:
    from objectives.training.dataset.plan import TASKS

    named = [name.strip() for name in text.split(",") if name.strip()]
    for name in named:
        if name not in TASKS:
            raise UnknownName("task", name, list(TASKS))
    if not named:
        raise ConfigError(f"--tasks {text!r} names none; there are: {', '.join(TASKS)}")
    return tuple(task for task in TASKS if task in named)


def _side(side: int) -> int:
    from objectives.training.dataset.plan import SMALLEST_SIDE_PX

    if 0 < side < SMALLEST_SIDE_PX:
        raise ConfigError(
            f"--side {side}: pictures need {SMALLEST_SIDE_PX} pixels a side; 0 keeps their size"
        )
    return side

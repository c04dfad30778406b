"""What the Tab key offers for values: names of plug-ins, knobs, a pipeline's options, run folders and files.

Everything here answers without loading torch, and offers nothing where something is wrong: the command will say it.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from isptune.errors import IsptuneError

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

KINDS = ("pipelines", "objectives", "judges", "optimizers", "scenes", "charts", "distortions")
"""What `isptune list` has. Charts are scenes that know where their parts are, and the objectives that measure them."""

ROOT, DEEPEST = "runs", 3
"""Where runs are unless somebody says otherwise, and how many folders deep (`runs/compare/MINE/ssim`)."""


def names_of(*kinds: str, beside: Sequence[str] = (), files: bool = False) -> Complete:
    """Completes names of plug-ins of these kinds, some words beside them, and files where those may stand there."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        found = [CompletionItem(word) for word in beside]
        for kind in kinds:
            found += _plug_ins(kind)
        return _fitting(found, incomplete, files)

    return complete


def words(*known: str, files: bool = False) -> Complete:
    """Completes some words, and files where those may stand there."""
    return names_of(beside=known, files=files)


def listable(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What `isptune list` takes: kinds and pipelines, and behind a kind the names of it."""
    kind = ctx.params.get("what")
    if param.name == "name" and kind in KINDS:
        kinds = ("scene", "objective") if kind == "charts" else (kind.removesuffix("s"),)
        return _fitting([item for one in kinds for item in _plug_ins(one)], incomplete, files=False)
    return _fitting([*map(CompletionItem, KINDS), *_plug_ins("pipeline")], incomplete, files=False)


def knobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Knobs of the pipeline that stands before, their stages as patterns; behind a comma, too."""
    before, comma, word = incomplete.rpartition(",")
    params = _space(ctx)
    stages = dict.fromkeys(f"{name.partition('.')[0]}.*" for name, _ in params if "." in name)
    found = [*map(CompletionItem, stages), *(CompletionItem(name, help=text) for name, text in params)]
    fitting = _fitting(found, word, files=False)
    return [CompletionItem(f"{before}{comma}{item.value}", help=item.help) for item in fitting]


def starts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Knobs with a sign behind them, run folders and files."""
    found = [CompletionItem(f"{name}=", help=text) for name, text in _space(ctx)]
    return _fitting([*found, *map(CompletionItem, _runs(ROOT))], incomplete, files=True)


def pipeline_options(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The keys that the pipeline which stands before takes."""
    from isptune.cards import read_cards
    from isptune.spec import split_name

    card = read_cards().pipeline.get(split_name(_pipeline(ctx))[0])
    told = {} if card is None else card.options
    return _fitting([CompletionItem(f"{key}=", help=text) for key, text in told.items()], incomplete, False)


def runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Folders of runs below the one that is typed, or below `runs`; and files, since sets stand for runs."""
    typed = str(Path(incomplete).parent) if "/" in incomplete else ROOT
    return _fitting(map(CompletionItem, _runs(typed)), incomplete, files=True)


def _plug_ins(kind: str) -> list[CompletionItem]:
    from isptune.cards import read_cards
    from isptune.registry import installed

    try:
        cards = read_cards().of(kind)
    except IsptuneError:
        cards = {}
    return [
        CompletionItem(name, help=cards[name].says if name in cards else None) for name in installed(kind)
    ]


def _pipeline(ctx: click.Context) -> str:
    return ctx.params.get("pipeline") or "synthetic"


def _space(ctx: click.Context) -> list[tuple[str, str]]:
    """Name and help of every knob; none where the pipeline cannot say."""
    from isptune.spaces import space_of
    from isptune.tuning.config import parse_assignments

    try:
        given = parse_assignments(ctx.params.get("pipeline_options") or (), "-P")
        space = space_of(_pipeline(ctx), given)
    except (IsptuneError, OSError):
        return []
    return [] if space is None else [(param.name, param.help) for param in space]


def _runs(root: str) -> list[str]:
    from isptune.runs.files import CONFIG

    found: list[str] = []
    level = [Path(root)]
    for _ in range(DEEPEST):
        level = [path for folder in level for path in _folders(folder)]
        found += [str(path) for path in level if (path / CONFIG).is_file()]
    return sorted(found)


def _folders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except OSError:
        return []


def _fitting(found: Iterable[CompletionItem], incomplete: str, files: bool) -> list[CompletionItem]:
    fitting: list[Any] = [item for item in found if item.value.startswith(incomplete)]
    # Of both, bash would show the files alone.
    return [CompletionItem(incomplete, type="file")] if files and not fitting else fitting

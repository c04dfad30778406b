"""Mistakes that can be told at once: names, files, knobs and folders are looked at before anything heavy is loaded.

Nothing here is the last word: whoever builds a plug-in looks again, and says what only it can know. So what is not sure
to be wrong passes.
"""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune import registry
from isptune.errors import ConfigError, DiskError, IsptuneError, SceneError, UnknownName, one_line
from isptune.registry import FUNCTION, own_file
from isptune.scenes.names import BUNDLED, missing_scene
from isptune.spec import refuse_unknown, split_name, split_options, without_options

if TYPE_CHECKING:
    from isptune.cards import Card
    from isptune.runs.settings import RunSettings

FOCUS = ("weight", "roi")
"""Options that every scene may have."""

OTHERS = "..."
"""On a card, options that it does not list."""


def check_settings(settings: "RunSettings", complete: bool = True) -> None:
    """What is surely wrong with the settings of a run.

    Args:
        settings: to look at.
        complete: False where a set that is not read yet may bring the pipeline and the values to start from.

    Raises:
        ConfigError, UnknownName, SpaceError, SceneError: what the run itself would raise, later.
    """
    from isptune.runs.constraints import parse_constraint

    limited = [parse_constraint(text).objective for text in settings.constraints]
    opinions = [spec for spec in settings.second_opinions if spec not in ("auto", "none")]
    check_plug_ins("objective", [*settings.objectives, *limited, *opinions])
    if settings.optimizer != "auto":
        check_plug_ins("optimizer", [settings.optimizer])
    check_plug_ins("pipeline", [settings.pipeline])
    check_scenes([*settings.scenes, *(spec for spec in settings.holdout if not _is_number(spec))])
    if complete:
        check_knobs(settings.pipeline, settings.pipeline_options, settings.tune, settings.start)


def check_knobs(
    pipeline: str, options: Mapping[str, Any], tune: Sequence[str], start: Mapping[str, Any]
) -> None:
    """Raise SpaceError for patterns and values that a pipeline has no knobs for, ConfigError for its options."""
    from isptune.spaces import space_of

    space = space_of(pipeline, options)
    if space is not None:
        space.starting_at(start).select(tune)


def check_plug_ins(kind: str, specs: Iterable[str]) -> None:
    """Raise UnknownName for a plug-in that is not installed, ConfigError for options and files that are not there."""
    from isptune.cards import read_cards

    cards = read_cards().of(kind)
    for spec in specs:
        own = own_file(spec)
        if own is not None:
            _require_file(str(own[0]), spec)
            continue
        name, rest = split_name(spec)
        if name not in registry.installed(kind):
            if name != FUNCTION:
                raise UnknownName(kind, name, list(registry.installed(kind)))
            continue
        if name in cards:
            _check_by_card(spec, name, rest, cards[name])


def check_scenes(specs: Iterable[str]) -> None:
    """Raise SceneError for a scene that is no file and has no source; ConfigError for files and options of sources."""
    from isptune.cards import read_cards

    cards = read_cards().scene
    for spec in specs:
        plain = without_options(spec, FOCUS)[0]
        try:
            if "{" in plain or Path(plain).exists():  # a series fills in what stands in braces
                continue
        except OSError:
            continue
        name, rest = split_name(plain)
        if name in registry.installed("scene"):
            if name in cards:
                _check_by_card(plain, name, rest, cards[name])
        elif plain not in BUNDLED and not Path(split_options(plain)[0] or "").exists():
            raise SceneError(missing_scene(spec, list(registry.installed("scene"))))


def check_writable(out: str | None) -> None:
    """Raise DiskError for a file or folder that could not be written in the end, before work is done for it."""
    if out is None:
        return
    path = Path(out)
    try:
        if path.is_dir():
            return
        folder = path.absolute().parent
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir():
            raise DiskError(f"{one_line(out)}: cannot be written: {folder} is a file")
        with tempfile.TemporaryDirectory(prefix=".isptune", dir=folder):
            pass
    except OSError as error:
        raise DiskError(f"{one_line(out)}: cannot be written: {error.strerror or error}") from error


def tell_missing(pictures: Sequence[str]) -> None:
    """End with status 1 where none of the pictures is there, each of which is told; some may be missing."""
    import click

    def is_missing(path: str) -> bool:
        return path[:1] != "@" and not set("*?[") & set(path) and not os.path.lexists(path)

    if all(map(is_missing, pictures)):
        for path in pictures:
            click.echo(f"isptune: {one_line(path)}: no such file", err=True)
        raise click.exceptions.Exit(1)


def require_files(
    paths: Iterable[str | None], what: str = "file", refusal: type[ConfigError] = ConfigError
) -> None:
    """Raise `refusal` for the first that is named and not there: `a.png: no such file`."""
    for path in paths:
        if path is not None and not os.path.lexists(path):
            raise refusal(f"{one_line(path)}: no such {what}")


def _check_by_card(spec: str, name: str, rest: str | None, card: "Card") -> None:
    try:
        argument, options = split_options(rest)
    except IsptuneError:  # an older spelling, which the plug-in reads itself
        return
    if card.options and OTHERS not in card.options:
        refuse_unknown(name, options, card.options)
    given = {"argument": argument, **options}
    for key in card.files:
        value = given.get(key)
        if value and "=" not in value and ":" not in value and value not in BUNDLED:
            _require_file(value, spec)


def _require_file(value: str, spec: str) -> None:
    if not set("*?[{") & set(value) and not Path(value).expanduser().exists():
        named = "" if value == spec else f", as {one_line(spec)} names it"
        raise ConfigError(f"{one_line(value)}: no such file{named}")


def _is_number(text: str) -> bool:
    try:
        return bool(float(text)) or True
    except ValueError:
        return False

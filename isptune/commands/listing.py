"""`isptune list`: what is installed, and what each of it takes; nothing is built that says so by itself."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from isptune.commands.completing import KINDS, listable
from isptune.commands.options import PIPELINE_OPTION

if TYPE_CHECKING:
    from rich.console import Console

_OF_CARDS = KINDS[:5]


@click.command("list")
@click.argument("what", metavar="[KIND|PIPELINE]", required=False, shell_complete=listable)
@click.argument("name", metavar="[NAME]", required=False, shell_complete=listable)
@PIPELINE_OPTION
@click.option(
    "--toml", "as_toml", is_flag=True, help="A pipeline's factory set, as `diff` and `import` take it."
)
@click.option("--json", "as_json", is_flag=True, help="Everything that is known, as JSON.")
@click.option(
    "--set",
    "chosen_set",
    metavar="NAME",
    help="Distortions of one published set: arniqa, kadid10k, depictqa, imagenet_c.",
)
def listing(
    what: str | None,
    name: str | None,
    pipeline_options: tuple[str, ...],
    as_toml: bool,
    as_json: bool,
    chosen_set: str | None,
) -> None:
    """List what can be tuned and with what: a pipeline's knobs, or what there is of a kind.

    KIND is pipelines, objectives, judges, optimizers, scenes, charts or distortions; with a NAME, all that one should
    know of it before choosing it. PIPELINE is what --pipeline takes.

    \b
    Examples:
      isptune list                            the names of everything
      isptune list raw                        every knob of the raw ISP
      isptune list command:isp.toml           of your own
      isptune list raw --toml > factory.toml  its defaults, as a set for `diff` and `import`
      isptune list objectives                 a line each: what it needs, whether it may lead a search
      isptune list objectives niqe            its options, what it may lead, how far it agrees with people
      isptune list distortions --set arniqa
    """  # fmt: skip
    from rich.console import Console

    from isptune.errors import ConfigError

    console = Console(markup=False, highlight=False)
    kind = _kind(what)
    if as_toml and (kind or what is None):
        raise ConfigError("--toml writes a pipeline's factory set: isptune list PIPELINE --toml")
    if chosen_set is not None and kind != "distortions":
        raise ConfigError("--set is of distortions: isptune list distortions --set NAME")
    if kind == "distortions":
        _list_distortions(name, chosen_set, as_json, console)
    elif kind is None and what is not None and name is None:
        _list_one(what, pipeline_options, as_toml, as_json, console)
    elif kind is None and what is not None:
        raise ConfigError(f"{what!r} is no kind; there are: {', '.join(KINDS)}")
    else:
        _list_cards(kind, name, as_json, console)


def _kind(what: str | None) -> str | None:
    """The kind that a word stands for, in the singular too."""
    return next((kind for kind in KINDS if what in (kind, kind.removesuffix("s"))), None)


def _list_cards(kind: str | None, name: str | None, as_json: bool, console: "Console") -> None:
    """Everything, one kind, or one plug-in."""
    from isptune.cards import read_cards
    from isptune.commands import list_cards

    cards = read_cards()
    if kind == "charts":
        found = list_cards.charts(cards, name)
    elif kind is None:
        found = list_cards.everything(cards, _OF_CARDS)
    elif name is None:
        found = list_cards.of_kind(cards, kind.removesuffix("s"))
    else:
        found = list_cards.one(cards, kind.removesuffix("s"), name)
    _tell(found, as_json, console)


def _list_one(what: str, given: Sequence[str], as_toml: bool, as_json: bool, console: "Console") -> None:
    """A pipeline's knobs; or what else has this name."""
    from isptune.commands.list_knobs import factory_set, knobs
    from isptune.errors import UnknownName
    from isptune.registry import installed, own_file
    from isptune.spec import split_name
    from isptune.tuning.config import parse_assignments

    name = split_name(what)[0]
    if own_file(what) or name in installed("pipeline"):
        options = parse_assignments(given, "--pipeline-option")
        if as_toml:
            click.echo(factory_set(what, options), nl=False)
            return
        _tell(knobs(what, options), as_json, console)
        return
    kinds = [kind for kind in _OF_CARDS if name in installed(kind.removesuffix("s"))]
    if not kinds:
        known = [one for kind in _OF_CARDS for one in installed(kind.removesuffix("s"))]
        raise UnknownName("plug-in", name, [*known, *KINDS])
    _list_cards(kinds[0], name, as_json, console)


def _list_distortions(name: str | None, chosen_set: str | None, as_json: bool, console: "Console") -> None:
    from dataclasses import asdict

    from isptune.commands.distortion_table import distortion_table, print_distortions
    from isptune.errors import UnknownName

    if name is None and not as_json:
        print_distortions(chosen_set, console)
        return
    rows = distortion_table(chosen_set)
    chosen = [row for row in rows if name in (None, row.name)]
    if not chosen:
        raise UnknownName("distortion", str(name), [row.name for row in rows])
    if as_json:
        _echo_json([asdict(row) for row in chosen])
        return
    for key, value in asdict(chosen[0]).items():
        if value not in ("", ()):
            console.print(f"{key:12} {value}", soft_wrap=True)


def _tell(found: Any, as_json: bool, console: "Console") -> None:
    if as_json:
        _echo_json(found.data)
        return
    for line in found.lines(console.width if console.is_terminal else None):
        console.print(line, soft_wrap=True)


def _echo_json(data: Any) -> None:
    from isptune.system.records import to_json

    click.echo(to_json(data), nl=False)

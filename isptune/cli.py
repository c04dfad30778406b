"""The command line: finds the commands, and turns errors into one line and an exit status."""

import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points

import click

from isptune.errors import ConfigError, IsptuneError, one_line, without_passwords
from isptune.system.cores import prepare_threads
from isptune.version import __version__

AGAIN_AFTER_S = 0.05
"""A request to end that was lost is sent once more after this."""

COMMANDS = {
    "run": "isptune.commands.run:run",
    "tune-series": "isptune.commands.tune_series:tune_series",
    "lookup": "isptune.commands.lookup:lookup",
    "watch": "isptune.commands.watch:watch",
    "tune-by-eye": "isptune.commands.tune_by_eye:tune_by_eye",
    "import": "isptune.commands.import_set:import_set",
    "export": "isptune.commands.export:export",
    "diff": "isptune.commands.diff:diff",
    "verify": "isptune.commands.verify:verify",
    "compare": "isptune.commands.compare:compare",
    "show": "isptune.commands.show:show",
    "report": "isptune.commands.report:report",
    "leaderboard": "isptune.commands.leaderboard:leaderboard",
    "dashboard": "isptune.commands.dashboard:dashboard",
    "score": "isptune.commands.score:score",
    "prompt": "isptune.commands.prompt:prompt",
    "describe": "isptune.commands.describe:describe",
    "rank": "isptune.commands.rank:rank",
    "compare-images": "isptune.commands.compare_images:compare_images",
    "distort": "isptune.commands.distort:distort",
    "study": "isptune.commands.study:study",
    "agree": "isptune.commands.agree:agree",
    "init": "isptune.commands.init:init",
    "list": "isptune.commands.listing:listing",
    "completion": "isptune.commands.completion:completion",
}
"""The built-in commands; plug-ins add theirs by the entry point group `isptune.commands`."""


LONGEST_MESSAGE = 3000
"""Characters of an error that are printed."""


class _Commands(click.Group):
    """Imports a command's module when it is asked for: `isptune --help` imports no torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *sorted(point.name for point in entry_points(group="isptune.commands"))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module, _, name = COMMANDS[cmd_name].partition(":")
            return getattr(importlib.import_module(module), name)
        for point in entry_points(group="isptune.commands", name=cmd_name):
            return point.load()
        return None


@click.command(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="isptune")
def cli() -> None:
    """Find the parameter values at which a camera's ISP makes its best pictures.

    \b
    isptune run                                  tune the synthetic ISP on a bundled photograph
    isptune run --scene photo.png --objective niqe --repeats 3
    isptune export runs/mine --format toml --out mine.toml
    isptune diff factory.toml runs/mine          what changed, and what each change buys
    isptune compare --objective ssim --objective niqe --objective tv --repeats 10
    isptune score a.png b.png --objective brisque-refit
    isptune list objectives
    """


def main() -> None:
    """Entry point of the console script."""
    prepare_threads()
    status = 0
    stopped_by: list[int] = []
    try:
        with _ending_in_order(stopped_by):
            status = cli.main(standalone_mode=False)
    except click.exceptions.Exit as leaving:
        status = leaving.exit_code
    except click.ClickException as error:
        error.show(file=(said := io.StringIO()))
        click.echo(without_passwords(said.getvalue()), nl=False, err=True)
        status = error.exit_code
    except IsptuneError as error:
        click.echo(f"isptune: {_short(without_passwords(one_line(str(error))))}", err=True)
        status = 2 if isinstance(error, ConfigError) else 1
    except (KeyboardInterrupt, click.Abort):
        click.echo("isptune: stopped; what was finished is kept", err=True)
        status = 128 + (stopped_by[0] if stopped_by else signal.SIGINT)
    except BrokenPipeError:
        # The reader of our output went away (`isptune list ... | head`): nothing is wrong.
        sys.stderr.close()
        status = 0
    except OSError as error:
        click.echo(f"isptune: {error.filename or 'disk'}: {error.strerror or error}", err=True)
        status = 1
    sys.exit(status if isinstance(status, int) else 0)


def _short(text: str) -> str:
    """A message without its middle where it is very long: it may repeat what somebody else's file holds."""
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 303]} ... {text[-300:]}"


@contextmanager
def _ending_in_order(stopped_by: list[int]) -> Iterator[None]:
    """Take a request to end (SIGTERM), and the loss of the terminal (SIGHUP), as Ctrl-C.

    By default they end a process on the spot: its temporary folders would stay, and programs would be cut off by the
    process that watches over them. A signal that is ignored, as under nohup, stays so. `stopped_by` gets the signal.

    Where one arrives while Python cleans an object away, what is raised goes no further: then it is sent once more.
    """

    def stop(number: int, frame: object) -> None:
        stopped_by.append(number)
        raise KeyboardInterrupt

    numbers = [
        signal.SIGTERM,
        *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []),
    ]  # Windows has no SIGHUP
    ours = threading.current_thread() is threading.main_thread()
    taken = [n for n in numbers if ours and signal.getsignal(n) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, stop)
    before, again = sys.unraisablehook, list[threading.Timer]()

    def lost(what: "sys.UnraisableHookArgs") -> None:
        if ours and isinstance(what.exc_value, KeyboardInterrupt):
            number = stopped_by[-1] if stopped_by else signal.SIGINT
            again.append(threading.Timer(AGAIN_AFTER_S, os.kill, (os.getpid(), number)))
            again[-1].daemon = True
            again[-1].start()  # in here it would be lost, too
        else:
            before(what)

    sys.unraisablehook = lost
    try:
        yield
    finally:
        sys.unraisablehook = before
        for timer in again:
            timer.cancel()  # what it would stop has ended
        for number in taken:
            signal.signal(number, signal.SIG_DFL)

"""What descriptions of programs and boards may say, and what of theirs can be tuned: read without loading torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from isptune.errors import ConfigError
from isptune.space import Space
from isptune.system.records import Attempts, Megabytes, Pixels, Seconds
from pipelines.external.description import Description, read_description


@dataclass(frozen=True)
class CommandSettings:
    """The keys of a description of a program besides its parameters.

    Attributes:
        command: the program and its arguments.
        timeout_s: after so many seconds a call is ended.
        params_as: what `{params}` is written as.
        out_suffix: ending of the picture's name.
        size: width and height of every picture, pixels; None for any.
        max_file_mb: no file that the program writes may be larger, megabytes.
        base: files in the place of those that parameters are written to, from the folder of the description.
    """

    command: tuple[str, ...] = ()
    timeout_s: Seconds = 60.0
    params_as: Literal["json", "toml"] = "json"
    out_suffix: str = ".png"
    size: tuple[Pixels, Pixels] | None = None
    max_file_mb: Megabytes = 1024.0
    base: str | tuple[str, ...] = ()


@dataclass(frozen=True)
class RemoteSettings:
    """The keys of a description of a board besides its parameters.

    Attributes:
        url: of the server.
        timeout_s: of each attempt, seconds.
        retries: further attempts where no answer comes.
        uses_seed: False where the same values always give the same picture; nothing is then asked for twice.
        max_picture_mb: no picture may be larger, megabytes.
        size: width and height of every picture, pixels; None for any.
        base: files in the place of those that parameters are written to, from the folder of the description.
    """

    url: str = ""
    timeout_s: Seconds = 60.0
    retries: Attempts = 3
    uses_seed: bool = True
    max_picture_mb: Megabytes = 256.0
    size: tuple[Pixels, Pixels] | None = None
    base: str | tuple[str, ...] = ()


def command_space(argument: str | None, **options: Any) -> Space:
    """What `command:FILE.toml` can tune. Raises ConfigError, SpaceError."""
    return described_command(argument, options).space


def remote_space(argument: str | None, **options: Any) -> Space:
    """What `remote:FILE.toml` can tune. Raises ConfigError, SpaceError."""
    return described_board(argument, options).space


def described_command(argument: str | None, options: Mapping[str, Any]) -> Description[CommandSettings]:
    """The description of a program. Raises ConfigError: no file is named, or the file or an option is wrong."""
    if not argument:
        raise ConfigError(
            "which program? Give command:FILE.toml, which says how it is called and what to tune; `isptune init "
            "command` writes one to start from"
        )
    return read_description(argument, CommandSettings, options, lambda s: s.base, fixed=("command",))


def described_board(argument: str | None, options: Mapping[str, Any]) -> Description[RemoteSettings]:
    """The description of a board. Raises ConfigError: no file is named, or the file or an option is wrong."""
    if not argument:
        raise ConfigError(
            "which server? Give remote:FILE.toml, which has its url and says what to tune; `isptune init remote` "
            "writes one to start from"
        )
    return read_description(argument, RemoteSettings, options, lambda s: s.base)

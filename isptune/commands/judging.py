"""What commands that ask a judge have in common: the judge, the reference, and pictures that may not be readable."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from isptune.commands import completing
from isptune.commands.pictures import told_image
from isptune.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from isptune.interfaces import Judge
    from isptune.scenes.scene import Scene

JUDGE = "depictqa"


def judge_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--judge, --reference, --device and --json."""
    for option in reversed(
        (
            click.option(
                "--judge",
                "spec",
                shell_complete=completing.names_of("judge"),
                metavar="SPEC",
                default=JUDGE,
                show_default=True,
                help="NAME or NAME:ARGUMENT, see `isptune list judges`.",
            ),
            click.option("--reference", metavar="FILE", help="The perfect picture, to compare with."),
            click.option("--json", "as_json", is_flag=True, help="Machine-readable, on one line."),
            click.option(
                "--device", metavar="NAME", default="cpu", show_default=True, help="cpu, cuda or auto."
            ),
        )
    ):
        command = option(command)
    return command


def judge_and_scene(spec: str, reference: str | None, device: "torch.device") -> "tuple[Judge, Scene | None]":
    """The judge, and the reference as a scene. Raises ConfigError, UnknownName, MissingExtra or SceneError."""
    from isptune.registry import build
    from isptune.scenes.scene import photograph

    judge = build("judge", spec, reference=reference is not None)
    if reference is None:
        return judge, None
    return judge, photograph(reference, told_image(reference)).to(device)


def require_unused(path: str | None, force: bool) -> None:
    """Raises ConfigError for a file that exists."""
    from pathlib import Path

    if path and Path(path).exists() and not force:
        raise ConfigError(f"{path}: exists already; --force overwrites it")

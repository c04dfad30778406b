"""Pictures that a command is given: read, and what there is to say of their files told on stderr."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import os

    from isptune.arrays import Images


def told_image(path: "str | os.PathLike[str]") -> "Images":
    """`read_fitting`'s picture [1, 3, H, W]; its lines are warnings. Raises SceneError."""
    from isptune.scenes.images import read_fitting

    found = read_fitting(path)
    for line in found.told:
        tell_warning(line)
    return found.image


def tell_warning(line: str) -> None:
    """One line on stderr."""
    from isptune.errors import one_line

    click.echo(f"warning: {one_line(line)}", err=True)

"""`--write-to tensorboard:DIR`: curves and pictures for TensorBoard."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np

from isptune.errors import ConfigError, MissingExtra
from isptune.interfaces import RunWriter, WrittenEnd, WrittenRun, WrittenTrial


def build(argument: str | None) -> RunWriter:
    """A writer of event files into DIR/NAME-OF-THE-RUN."""
    if argument is None:
        raise ConfigError(
            "tensorboard needs a folder: tensorboard:DIR, which `tensorboard --logdir DIR` shows"
        )
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        raise MissingExtra("tensorboard is not installed: pip install 'isptune[tensorboard]'") from error
    return TensorBoard(Path(argument))


@final
class TensorBoard:
    """Every number and tuned value of every trial is a curve over the trials; times are those of the trials."""

    def __init__(self, folder: Path):
        self._folder, self._events = folder, None

    def begin(self, run: WrittenRun) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._events: Any = SummaryWriter(str(self._folder / run.name))
        rows = "\n".join(f"    {key} = {value!r}" for key, value in run.settings.items())
        self._events.add_text("settings", rows)

    def trials(self, trials: Sequence[WrittenTrial]) -> None:
        for trial in trials:
            values = {f"params/{key}": value for key, value in trial.params.items()}
            numbers = {f"trials/{key}": value for key, value in trial.numbers.items()}
            for name, value in {**values, **numbers}.items():
                if not isinstance(value, str):
                    self._events.add_scalar(name, value, trial.number, walltime=trial.ended)
        self._events.flush()

    def end(self, end: WrittenEnd) -> None:
        from PIL import Image

        for name, value in end.scores.items():
            self._events.add_scalar(f"recommended/{name}", value, 0)
        for path in end.pictures:
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            self._events.add_image(path.stem, pixels, 0, dataformats="HWC")
        self._events.close()

"""What experiments there are, what they ask, cost and need, and how each is run: catalogue.toml as records."""

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import ConfigError, UnknownName
from isptune.system.records import convert, optional, parse_toml

HERE = Path(__file__).parent
CATALOGUE = HERE / "catalogue.toml"

Step = tuple[str, ...]
"""A module and its arguments."""


@dataclass(frozen=True)
class Experiment:
    """One entry of catalogue.toml.

    Attributes:
        question: that it asks.
        page: with protocol and answer, below this folder.
        cost: of the steps, on two cores.
        data: names in data.toml.
        steps: to run it in full; none where a user has to make something first, which its page says.
        quick: to run it in a minute at most, on data that is bundled or made by code.
        no_quick: why there are none.
    """

    question: str
    page: str
    cost: str
    data: tuple[str, ...]
    steps: tuple[Step, ...]
    quick: tuple[Step, ...] = optional(())
    no_quick: str = optional("")

    @property
    def modules(self) -> list[str]:
        """What its steps run, each once."""
        return list(dict.fromkeys(step[0] for step in self.steps))


def read_catalogue() -> dict[str, Experiment]:
    """By name, in the order of the file. Raises ConfigError."""
    table = parse_toml(CATALOGUE.read_bytes(), CATALOGUE.name)
    return {
        name: convert(entry, Experiment, f"{CATALOGUE.name}: {name}", known_only=True)
        for name, entry in table.items()
    }


def experiment_called(name: str) -> Experiment:
    """Raises UnknownName."""
    known = read_catalogue()
    if name not in known:
        raise UnknownName("experiment", name, list(known))
    return known[name]


def filled(steps: Sequence[Step], folders: Mapping[str, Path]) -> list[Step]:
    """Steps with the folders that they name in braces."""
    return [tuple(_with_folders(word, folders) for word in step) for step in steps]


def _with_folders(word: str, folders: Mapping[str, Path]) -> str:
    for name, folder in folders.items():
        word = word.replace(f"{{{name}}}", str(folder))
    return word


def run_step(step: Step) -> None:
    """Run a module with arguments, as `python -m` would, in this process. Raises ConfigError where it fails."""
    module, *arguments = step
    main = importlib.import_module("isptune.cli" if module == "isptune" else module).main
    with _as_its_own_program(step):
        try:
            main()
        except SystemExit as leaving:
            if leaving.code not in (None, 0):
                raise ConfigError(
                    f"python -m {module} {' '.join(arguments)}: ended with {leaving.code}"
                ) from leaving


@contextmanager
def _as_its_own_program(step: Step) -> Iterator[None]:
    before, sys.argv = sys.argv, list(step)
    try:
        yield
    finally:
        sys.argv = before

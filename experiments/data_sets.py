"""The pictures and tables that experiments need: where they come from, under which licence, and whether they are here.

Nothing is downloaded. Most of the sets are pages, archives and repositories of a dozen forms, some ask for a licence to
be read first, and what stands below was partly cut and renamed from them: no downloader would fetch them into this
layout. So a folder serves, data.toml says what belongs into it and where it comes from, and `python -m experiments
data` compares hashes with those that the committed results were measured on.
"""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import ConfigError
from isptune.system.records import convert, optional, parse_toml

DATA = Path(__file__).parent / "data.toml"


@dataclass(frozen=True)
class DataSet:
    """One entry of data.toml.

    Attributes:
        place: folder or file, below the folder of --data.
        what: it holds.
        address: where it comes from.
        licence: of it.
        pattern: which files of a folder belong to it.
        listed_by: a table in the folder whose column `file` names the files, in place of a pattern.
        files: how many there are.
        sha256: of them all, see `digest`; empty where it is not known.
        as_published: whether the files are those of the address, byte for byte; else they were cut or renamed.
    """

    place: str
    what: str
    address: str
    licence: str
    pattern: str = optional("*")
    listed_by: str = optional("")
    files: int = optional(0)
    sha256: str = optional("")
    as_published: bool = optional(False)


def read_data_sets() -> dict[str, DataSet]:
    """By name, in the order of the file. Raises ConfigError."""
    table = parse_toml(DATA.read_bytes(), DATA.name)
    return {
        name: convert(entry, DataSet, f"{DATA.name}: {name}", known_only=True)
        for name, entry in table.items()
    }


def require(names: Sequence[str], data: Path | None) -> None:
    """Raise ConfigError where a set is not in the folder; it says where to get it."""
    known = read_data_sets()
    for name in names:
        one = known[name]
        if data is None or not (data / one.place).exists():
            where = "no folder was given (--data DIR)" if data is None else f"it is not in {data}"
            raise ConfigError(
                f"needs {name}, as {one.place}: {where}; {one.what}, from {one.address} ({one.licence}); "
                "experiments/data.toml says how it is laid out"
            )


def files_of(one: DataSet, data: Path) -> list[Path]:
    """The files that belong to a set, sorted by their path in it; none where it is not there."""
    place = data / one.place
    if place.is_file():
        return [place]
    if one.listed_by:
        table = place / one.listed_by
        return sorted([table, *_listed(table, place)]) if table.is_file() else []
    return sorted(path for path in place.rglob(one.pattern) if path.is_file())


def _listed(table: Path, folder: Path) -> Iterable[Path]:
    with table.open(newline="") as file:
        return [path for row in csv.DictReader(file) if (path := folder / row["file"]).is_file()]


def digest(files: Sequence[Path], folder: Path) -> str:
    """sha256 of a line for each file, `HASH  PATH` as sha256sum prints it, sorted by path; of one file its own."""
    if files == [folder]:
        return _sha256(folder)
    lines = [f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verdict(one: DataSet, data: Path) -> str:
    """What is to be said of a set in a folder: absent, the same, or another."""
    files = files_of(one, data)
    if not files:
        return f"not here; from {one.address}"
    if not one.sha256:
        return f"here, {len(files)} files; no hash is known"
    if digest(files, data / one.place) == one.sha256:
        return f"here, {len(files)} files, those that the results were measured on"
    return f"here, {len(files)} files, others than the {one.files} that the results were measured on"

"""Pictures as people name them: files, folders, patterns, lists, and pairs of a picture with its reference."""

import glob
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import ConfigError, IsptuneError, SceneError, one_line
from isptune.scenes.images import SUFFIXES
from isptune.system.tables import Table, normalised, read_lines, read_table

_IMAGE = (
    "image",
    "picture",
    "file",
    "distorted",
    "dist",
    "image_name",
    "img",
    "path",
    "dist_img",
    "distorted_image",
)
_REFERENCE = (
    "reference",
    "ref",
    "original",
    "ref_img",
    "reference_image",
    "reference_name",
    "perfect",
    "source",
)


@dataclass(frozen=True)
class NamedPicture:
    """A picture's path, and that of its own reference where one is named."""

    path: str
    reference: str | None = None


def named_pictures(arguments: Sequence[str]) -> Iterator[NamedPicture | IsptuneError]:
    """The pictures that arguments name, each once and in order; in place of an argument that names none, why.

    An argument is a file, a folder (all pictures in it and below), a pattern (`shots/**/*.png`), or `@LIST`: a text
    file with a path a line, or a table with the columns image and reference. Paths in a list start at the list, or
    where there is no such file, at the current folder.
    """
    seen = set()
    for argument in arguments:
        try:
            found = _of_argument(argument)
        except IsptuneError as error:
            yield error
            continue
        except OSError as error:  # a name that the system refuses
            yield SceneError(f"{one_line(argument)}: cannot be read: {error.strerror or error}")
            continue
        for picture in found:
            if picture not in seen:
                seen.add(picture)
                yield picture


def _of_argument(argument: str) -> list[NamedPicture]:
    path = Path(argument)
    if argument.startswith("@") and not path.exists():
        return _of_list(Path(argument[1:]))
    if path.is_dir():
        inside = [str(file) for file in pictures_in(path)]
        if not inside:
            raise SceneError(f"{argument}: is a folder without pictures ({', '.join(SUFFIXES)})")
        return [NamedPicture(file) for file in inside]
    if glob.has_magic(argument) and not path.exists():
        found = sorted(one for one in glob.glob(argument, recursive=True) if Path(one).is_file())
        if not found:
            raise SceneError(f"{argument}: no file is called so")
        return [NamedPicture(file) for file in found]
    return [NamedPicture(argument)]


def pictures_in(folder: Path) -> list[Path]:
    """All pictures in a folder and below it, by name; hidden ones are left aside."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _of_list(path: Path) -> list[NamedPicture]:
    table = _pairs(path)
    if table is not None:
        pictures, references = table
        return [
            NamedPicture(_from(path, one), _from(path, other) if other else None)
            for one, other in zip(pictures, references, strict=True)
            if one
        ]
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no text in UTF-8"
        raise ConfigError(f"{one_line(str(path))}: the list cannot be read: {reason}") from error
    named = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not named:
        raise ConfigError(f"{one_line(str(path))}: the list names no pictures")
    return [NamedPicture(_from(path, one)) for one in named]


def _pairs(path: Path) -> tuple[list[str], list[str]] | None:
    """The columns image and reference of a table; None for a list without heads."""
    if not path.is_file() or (path.suffix.lower() not in (".csv", ".tsv") and not _has_heads(path)):
        return None
    table = read_table(path)
    image = _head(table, _IMAGE)
    if image is None:
        if len(table.heads) == 1:
            return None
        raise ConfigError(
            f"{one_line(str(path))}: has no column image, nor reference; it has: {one_line(', '.join(table.heads))}"
        )
    reference = _head(table, _REFERENCE)
    pictures = table.column(image)
    return pictures, table.column(reference) if reference else [""] * len(pictures)


def _has_heads(path: Path) -> bool:
    rows, _ = read_lines(path)
    heads = {normalised(cell) for cell in rows[0].cells} if rows else set()
    return bool(heads & set(_IMAGE)) and bool(heads & set(_REFERENCE))


def _head(table: Table, names: Sequence[str]) -> str | None:
    heads = {normalised(head): head for head in reversed(table.heads)}
    return next((heads[name] for name in names if name in heads), None)


def _from(table: Path, name: str) -> str:
    beside = table.parent / name
    return str(beside) if beside.exists() or not Path(name).exists() else name


@dataclass(frozen=True)
class References:
    """Which reference a picture has: one for all, by a table, or by its name in a folder.

    Attributes:
        single: the reference of all.
        by_picture: paths by the resolved path of the picture.
        by_stem: paths in the folder by their names without endings.
        given: what was named, for messages.
    """

    given: str
    single: str | None = None
    by_picture: Mapping[str, str] | None = None
    by_stem: Mapping[str, str] | None = None

    def of(self, picture: NamedPicture) -> str:
        """The reference's path. Raises SceneError where there is none for this picture."""
        if picture.reference is not None:
            return picture.reference
        if self.single is not None:
            return self.single
        if self.by_picture is not None:
            found = self.by_picture.get(_resolved(picture.path))
        else:
            found = self._by_name(Path(picture.path).stem)
        if found is None:
            raise SceneError(f"{picture.path}: {self.given} has no reference of it")
        return found

    def _by_name(self, stem: str) -> str | None:
        """Of the same name; else of the longest name that it begins with, before a sign: I01 for I01_03_2."""
        known = self.by_stem or {}
        if stem in known:
            return known[stem]
        begins = [name for name in known if stem.startswith(name) and not stem[len(name)].isalnum()]
        return known[max(begins, key=len)] if begins else None


def read_references(given: str) -> References:
    """What `--reference` names: a picture, a folder of pictures, or a table with the columns image and reference.

    Raises:
        ConfigError: a table without these columns, or a folder without pictures, or with two of one name.
    """
    path = Path(given)
    if path.is_dir():
        stems: dict[str, str] = {}
        for file in pictures_in(path):
            if file.stem in stems:
                raise ConfigError(
                    f"{given}: {stems[file.stem]} and {file} have the same name: which is the reference?"
                )
            stems[file.stem] = str(file)
        if not stems:
            raise ConfigError(f"{given}: is a folder without pictures ({', '.join(SUFFIXES)})")
        return References(given, by_stem=stems)
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        pairs = _pairs(path)
        if pairs is None or not any(pairs[1]):
            raise ConfigError(f"{given}: is no table with the columns image and reference")
        return References(
            given,
            by_picture={
                _resolved(_from(path, one)): _from(path, other)
                for one, other in zip(*pairs, strict=True)
                if other
            },
        )
    return References(given, single=given)


def _resolved(path: str) -> str:
    return str(Path(path).resolve())

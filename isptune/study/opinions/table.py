"""Tables of mean opinions as data sets have them: which column is what, which way is better, where the pictures lie.

| preset | table | better |
|---|---|---|
| koniq | koniq10k_scores_and_distributions.csv: image_name, ..., MOS | higher |
| spaq | the sheet of MOS saved as CSV: Image name, MOS, ... | higher |
| kadid | dmos.csv: dist_img, ref_img, dmos, var; its "dmos" is a mean opinion after all | higher |
| tid2013 | mos_with_names.txt, no head line: 5.51429 I01_01_1.bmp | higher |
| csiq | image, dst_type, dst_lev, dmos from the sheet saved as CSV; or name and DMOS, no head line | lower |
| pipal | Train_Label/*.txt or one of them, no head line: A0001_00_00.bmp,1491.5 | higher |
| biq2021 | Images, MOS; or file, mos | higher |

Sources: Hosu et al. 2020 (KonIQ-10k), Fang et al. 2020 (SPAQ), Lin et al. 2019 (KADID-10k), Ponomarenko et al. 2015
(TID2013), Larson and Chandler 2010 (CSIQ), Gu et al. 2020 (PIPAL), Ahmed and Asif 2022 (BIQ2021).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import ConfigError, one_line
from isptune.scenes.images import SUFFIXES
from isptune.system.tables import Row, Table, listed, normalised, number, read_lines, read_table

FILE_COLUMNS = (
    "file", "image", "image_name", "images", "filename", "file_name", "name", "img", "picture", "path", "dist_img",
    "distorted", "distorted_image",
)  # fmt: skip
SCORE_COLUMNS = (
    "mos",
    "score",
    "dmos",
    "mean_opinion_score",
    "mos_zscore",
    "quality",
    "rating",
    "opinion",
    "mean",
)
REFERENCE_COLUMNS = ("ref_img", "reference", "ref", "reference_image")


@dataclass(frozen=True)
class Opinion:
    """A picture's name as the table has it, what people said, higher being better, and its reference's name or ''."""

    name: str
    score: float
    reference: str = ""


@dataclass(frozen=True)
class Opinions:
    """A table.

    Attributes:
        rows: one a picture.
        lower_was_better: whether scores were turned.
        known: whether that was said, by the user, the preset or a column called dmos; else higher was taken for better.
        told: how the table was read.
    """

    rows: tuple[Opinion, ...]
    lower_was_better: bool
    known: bool
    told: str


@dataclass(frozen=True)
class Preset:
    """How a data set's table is read.

    Attributes:
        file, score: heads, normalised, the first that is there.
        lower: whether lower is better.
        name: makes a picture's name of a row's cells by their normalised heads, where it stands in no column.
    """

    file: Sequence[str]
    score: Sequence[str]
    lower: bool
    name: Callable[[Mapping[str, str]], str] | None = None


_CSIQ_TYPES = {
    "noise": "AWGN", "awgn": "AWGN", "jpeg": "JPEG", "jpeg 2000": "jpeg2000", "jpeg2000": "jpeg2000",
    "fnoise": "fnoise", "blur": "BLUR", "contrast": "contrast",
}  # fmt: skip


def _csiq_name(cells: Mapping[str, str]) -> str:
    kind = _CSIQ_TYPES.get(cells.get("dst_type", "").lower())
    level = number(cells.get("dst_lev", ""))
    if kind is None or level is None or not cells.get("image"):
        return ""
    return f"{cells['image'].removesuffix('.0')}.{kind}.{level:g}.png"


PRESETS: Mapping[str, Preset] = {
    "koniq": Preset(("image_name",), ("mos",), lower=False),
    "spaq": Preset(("image_name",), ("mos",), lower=False),
    "kadid": Preset(("dist_img",), ("dmos",), lower=False),
    "tid2013": Preset(("name",), ("mos",), lower=False),
    "csiq": Preset(("file", "name"), ("dmos",), lower=True, name=_csiq_name),
    "pipal": Preset(("name",), ("mos",), lower=False),
    "biq2021": Preset(("images", "image", "file"), ("mos",), lower=False),
}


def read_opinions(
    path: Path,
    preset: str | None = None,
    file_columns: Sequence[str] = (),
    score_columns: Sequence[str] = (),
    lower_is_better: bool | None = None,
) -> Opinions:
    """Read a table; without a preset by the names of its columns.

    Args:
        path: the table; for `pipal` also a folder of them.
        preset: of `PRESETS`.
        file_columns, score_columns: heads, of which the first that is there counts; else those that are known.
        lower_is_better: None where nobody says: then a preset or a column called dmos does.

    Raises:
        ConfigError: it cannot be read, lacks a column, has rows that cannot be used, or the same picture twice; the
            first few are named.
    """
    if preset is not None and preset not in PRESETS:
        raise ConfigError(
            f"no preset of opinion tables is called {preset!r}; there are: {', '.join(PRESETS)}"
        )
    table, headless = _table(path, preset)
    if not table.heads:
        raise ConfigError(f"{one_line(str(path))}: holds no scores")
    preset = preset or _recognised(table)
    own = PRESETS[preset] if preset else None
    file = None if headless else _head(table, file_columns, own.file if own else FILE_COLUMNS)
    score = (
        "score" if headless else _needed(table, "score", score_columns, own.score if own else SCORE_COLUMNS)
    )
    if headless:
        file = "file"
    elif file is None and not (own and own.name and "dst_type" in {normalised(head) for head in table.heads}):
        file = _needed(table, "file", file_columns, own.file if own else FILE_COLUMNS)
    lower, known = _direction(lower_is_better, own, "" if headless else score)
    rows = _rows(table, file, score, own, lower)
    said = f"preset {preset}, " if preset else ""
    columns = "no head line" if headless else f"column {score}"
    return Opinions(rows, lower, known, f"{said}{columns}, {'lower' if lower else 'higher'} is better")


def _direction(said: bool | None, preset: Preset | None, column: str) -> tuple[bool, bool]:
    if said is not None:
        return said, True
    if preset is not None:
        return preset.lower, True
    difference = "dmos" in normalised(column) or "diff" in normalised(column)
    return difference, difference


def _recognised(table: Table) -> str | None:
    """KADID's table by its heads, since what it calls dmos is none; CSIQ's, since names are made of several columns."""
    heads = {normalised(head) for head in table.heads}
    if {"dist_img", "ref_img", "dmos"} <= heads:
        return "kadid"
    return "csiq" if {"dst_type", "dst_lev", "dmos"} <= heads else None


def _table(path: Path, preset: str | None) -> tuple[Table, bool]:
    """The table, and whether it had no head line: then its heads are file and score."""
    files = sorted(path.glob("*.txt")) if path.is_dir() and preset == "pipal" else [path]
    if not files:
        raise ConfigError(f"{one_line(str(path))}: holds no *.txt with scores")
    rows, separator = read_lines(files[0])
    if not rows or not _is_headless(rows[0], separator):
        return read_table(path), False
    found: list[Row] = []
    for file in files:
        for row in read_lines(file)[0]:
            name = next((c for c in row.cells if Path(c).suffix.lower() in SUFFIXES), "")
            value = next((c for c in row.cells if number(c, separator) is not None), "")
            found.append(Row(row.line, (name, value)))
    return Table(path, ("file", "score"), tuple(found), separator), True


def _is_headless(row: Row, separator: str) -> bool:
    """Whether the first line is a picture with a number."""
    pictures = [cell for cell in row.cells if Path(cell).suffix.lower() in SUFFIXES]
    return len(pictures) == 1 and any(number(cell, separator) is not None for cell in row.cells)


def _head(table: Table, named: Sequence[str], known: Sequence[str]) -> str | None:
    if named:
        return next((name for name in named if name in table.heads), None)
    heads = {normalised(head): head for head in reversed(table.heads)}
    return next((heads[name] for name in known if name in heads), None)


def _needed(table: Table, what: str, named: Sequence[str], known: Sequence[str]) -> str:
    found = _head(table, named, known)
    if found is None:
        heads = one_line(", ".join(table.heads)) or "none"
        raise ConfigError(
            f"{one_line(str(table.path))}: has no column {' or '.join(named or known[:2])}; its columns are {heads}; "
            f"--{what}-column names one"
        )
    table.place(found)
    return found


def _rows(
    table: Table, file: str | None, score: str, preset: Preset | None, lower: bool
) -> tuple[Opinion, ...]:
    shown = one_line(str(table.path))
    place, reference = table.place(score), _head(table, (), REFERENCE_COLUMNS)
    faults, found, lines = [], [], {}
    for row in table.rows:
        cells = dict(zip(map(normalised, table.heads), row.cells, strict=True))
        name = row.cells[table.place(file)] if file else preset.name(cells) if preset and preset.name else ""
        value = number(row.cells[place], table.separator)
        if not name:
            faults.append(f"line {row.line}: no file name")
        elif value is None or not math.isfinite(value):
            faults.append(
                f"line {row.line}: the score is {one_line(row.cells[place][:40])!r}, no finite number"
            )
        elif name in lines:
            faults.append(f"line {row.line}: {one_line(name)} is in line {lines[name]} already")
        else:
            lines[name] = row.line
            own = row.cells[table.place(reference)] if reference else ""
            found.append(Opinion(name, -value if lower else value, own))
    if faults:
        raise ConfigError(f"{shown}: {listed(faults)}")
    if not found:
        raise ConfigError(f"{shown}: holds no scores")
    return tuple(found)


class PictureFolder:
    """The pictures in and below a folder by their names, in whatever case, with or without an ending."""

    def __init__(self, folder: Path):
        if not folder.is_dir():
            raise ConfigError(f"{one_line(str(folder))}: no such folder of pictures")
        self.folder = folder
        self._known: dict[str, Path | None] | None = None

    def find(self, name: str) -> Path | None:
        """The file that a table calls so; None where there is none, or several."""
        direct = self.folder / name
        if direct.is_file():
            return direct
        if self._known is None:
            self._known = {}
            for path in sorted(self.folder.rglob("*")):
                if path.suffix.lower() in SUFFIXES and path.is_file():
                    for key in {path.name.lower(), path.stem.lower()}:
                        self._known[key] = None if key in self._known else path
        return self._known.get(Path(name).name.lower()) or self._known.get(Path(name).stem.lower())

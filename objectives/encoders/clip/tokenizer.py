"""CLIP's tokenizer: words cut into pieces of bytes, by a table of merges that is not part of this project.

The table is looked for beside the weights, in an installed `open_clip` or `clip` package (whose data file is read
without importing it), and in the cache folders.

Source: Sennrich, Haddow and Birch 2016, Neural machine translation of rare words with subword units; over bytes
and with the table of Radford et al. 2021 (CLIP).
"""

import gzip
import html
import importlib.util
import itertools
import re
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from jaxtyping import Int64
from torch import Tensor

from isptune.errors import ConfigError, MissingExtra, one_line
from isptune.system.records import parse_json, read_bytes
from objectives.checkpoints.reading import sha256_of

TABLE_NAME = "bpe_simple_vocab_16e6.txt.gz"
TABLE_SHA256 = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"
TABLE_ORIGIN = "https://github.com/openai/CLIP/raw/main/clip/bpe_simple_vocab_16e6.txt.gz"

MERGES = 49152 - 256 - 2
"""Of the table's lines CLIP uses the first ones: as many as make a vocabulary of 49152 with bytes and two marks."""

START, END = "<|startoftext|>", "<|endoftext|>"
_WORD_END = "</w>"
_LARGEST_TABLE = 64_000_000  # bytes; the published one has 3 million

_CONTRACTION = re.compile("'(?:s|t|re|ve|m|ll|d)", re.IGNORECASE)


def _byte_signs() -> dict[int, str]:
    """A printable sign for every byte: itself in Latin-1, or one from 256 on for those that do not print."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    signs = {byte: chr(byte) for byte in printable}
    return signs | {byte: chr(256 + index) for index, byte in enumerate(others)}


_SIGNS = _byte_signs()


@final
@dataclass(frozen=True, eq=False)
class Tokenizer:
    """Words to numbers.

    Text is put into lower case; Unicode is composed (NFC), curly quotes become straight, entities of HTML become
    signs, white space is one space. Wrongly decoded text is not mended, and the marks of start and end that stand
    in a text are ordinary signs.

    Attributes:
        ids: number of each piece.
        ranks: of each pair of pieces that may be merged; the lowest goes first.
        files: what it was read from, with its sha256.
    """

    ids: Mapping[str, int]
    ranks: Mapping[tuple[str, str], int]
    files: Mapping[str, str]

    @property
    def size(self) -> int:
        """How many rows a table of embeddings must have."""
        return max(self.ids.values()) + 1

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's pieces, without the marks of start and end. Raises ConfigError."""
        pieces = [piece for word in split_words(clean(text)) for piece in self._pieces(word)]
        unknown = [piece for piece in pieces if piece not in self.ids]
        if unknown:
            raise ConfigError(f"the tokenizer's table has no {unknown[0]!r}, which {text[:60]!r} needs")
        return [self.ids[piece] for piece in pieces]

    def batch(
        self, prompts: Sequence[str], context: int
    ) -> tuple[Int64[Tensor, "prompts tokens"], Int64[Tensor, " prompts"]]:
        """Prompts between the marks of start and end, padded with zeros, and where their ends lie.

        Args:
            prompts: each at least one word.
            context: length of the rows.

        Raises:
            ConfigError: a prompt without words, or one that is longer than the context.
        """
        tokens = torch.zeros(len(prompts), context, dtype=torch.long)
        ends = torch.zeros(len(prompts), dtype=torch.long)
        for index, prompt in enumerate(prompts):
            numbers = self.encode(prompt)
            if not numbers:
                raise ConfigError(f"prompt {index + 1} is {prompt!r}: it has no words")
            if len(numbers) > context - 2:
                raise ConfigError(
                    f"the prompt {one_line(prompt[:40])!r}... has {len(numbers)} tokens; "
                    f"the encoder takes {context - 2}"
                )
            row = [self.ids[START], *numbers, self.ids[END]]
            tokens[index, : len(row)] = torch.tensor(row)
            ends[index] = len(row) - 1
        return tokens, ends

    def _pieces(self, word: str) -> list[str]:
        pieces = [_SIGNS[byte] for byte in word.encode("utf-8", "replace")]
        pieces[-1] += _WORD_END
        while len(pieces) > 1:
            best = min(itertools.pairwise(pieces), key=lambda pair: self.ranks.get(pair, len(self.ranks)))
            if best not in self.ranks:
                break
            pieces = _merged(pieces, best)
        return pieces


def _merged(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    index = 0
    while index < len(pieces):
        found = tuple(pieces[index : index + 2]) == pair
        merged.append("".join(pair) if found else pieces[index])
        index += 2 if found else 1
    return merged


def clean(text: str) -> str:
    """A text as it is tokenized: see `Tokenizer`."""
    text = unicodedata.normalize("NFC", text)
    text = re.sub("[\u2018-\u201b]", "'", re.sub("[\u201c-\u201f]", '"', text))
    return " ".join(html.unescape(html.unescape(text)).split()).lower()


def split_words(text: str) -> Iterator[str]:
    """The units within which pieces are merged: English contractions, runs of letters, digits, runs of other signs."""
    kinds = [_kind(sign) for sign in text]
    start = 0
    while start < len(text):
        contraction = _CONTRACTION.match(text, start)
        end = contraction.end() if contraction else start + 1
        if not contraction and kinds[start] in "LO":
            while end < len(text) and kinds[end] == kinds[start]:
                end += 1
        if kinds[start] != " ":
            yield text[start:end]
        start = end


def _kind(sign: str) -> str:
    if sign.isspace():
        return " "
    category = unicodedata.category(sign)[0]
    return category if category in "LN" else "O"


def find_tokenizer(beside: Path | None, folders: Sequence[Path]) -> Tokenizer:
    """The tokenizer of a model.

    Args:
        beside: the folder of the weights, whose own table goes first: `vocab.json` with `merges.txt`,
            `tokenizer.json`, or OpenAI's.
        folders: where OpenAI's table may lie, after the installed packages; its hash is verified there.

    Raises:
        ConfigError: a table that cannot be read, or another one under its name.
        MissingExtra: there is none; says where to get it and where to put it.
    """
    if beside is not None:
        if (beside / "vocab.json").is_file() and (beside / "merges.txt").is_file():
            return read_vocabulary(beside / "vocab.json", beside / "merges.txt")
        if (beside / "tokenizer.json").is_file():
            return read_tokenizer_json(beside / "tokenizer.json")
        if (beside / TABLE_NAME).is_file():
            return read_table(beside / TABLE_NAME)
    for place in [*_package_folders(), *folders]:
        path = place / TABLE_NAME
        if path.is_file():
            actual = sha256_of(path)
            if actual != TABLE_SHA256:
                raise ConfigError(f"{path}: its sha256 is {actual}, that of CLIP's table {TABLE_SHA256}")
            return read_table(path)
    raise MissingExtra(
        f"CLIP's table of merges {TABLE_NAME} (sha256 {TABLE_SHA256}) is not here: get it from {TABLE_ORIGIN} and "
        f"put it at {folders[0] / TABLE_NAME}, or install open_clip_torch, which brings it"
    )


def _package_folders() -> list[Path]:
    """Of installed packages that bring the table; finding a package does not import it."""
    folders: list[Path] = []
    for package in ("open_clip", "clip"):
        specification = importlib.util.find_spec(package)
        folders += [
            Path(folder) for folder in (specification and specification.submodule_search_locations) or ()
        ]
    return folders


def read_table(path: Path) -> Tokenizer:
    """A tokenizer from OpenAI's table: one heading, then a merge a line, the first to be done first.

    Raises:
        ConfigError: the file cannot be read as such.
    """
    try:
        with gzip.open(path) as file:
            lines = file.read(_LARGEST_TABLE).decode("utf-8").split("\n")[1 : 1 + MERGES]
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise ConfigError(f"{one_line(str(path))}: cannot be read as a table of merges: {error}") from error
    merges = _pairs([line.split() for line in lines if line.strip()], path)
    signs = list(_SIGNS.values())
    pieces = [*signs, *(sign + _WORD_END for sign in signs), *("".join(pair) for pair in merges), START, END]
    return _tokenizer({piece: number for number, piece in enumerate(pieces)}, merges, path)


def read_vocabulary(vocabulary: Path, merges: Path) -> Tokenizer:
    """A tokenizer from `vocab.json` and `merges.txt` of Hugging Face transformers. Raises ConfigError."""
    try:
        lines = merges.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{one_line(str(merges))}: cannot be read: {error}") from error
    pairs = [line.split() for line in lines if line.strip() and not line.startswith("#version")]
    return _tokenizer(read_json(vocabulary), _pairs(pairs, merges), vocabulary, merges)


def read_tokenizer_json(path: Path) -> Tokenizer:
    """A tokenizer from `tokenizer.json` of Hugging Face transformers. Raises ConfigError."""
    model = read_json(path).get("model")
    if not isinstance(model, dict) or not isinstance(model.get("merges"), list):
        raise ConfigError(f"{one_line(str(path))}: holds no model with merges")
    if not isinstance(model.get("vocab"), dict) or model.get("end_of_word_suffix") != _WORD_END:
        raise ConfigError(f"{one_line(str(path))}: is no tokenizer of CLIP")
    pairs = [pair.split() if isinstance(pair, str) else pair for pair in model["merges"]]
    return _tokenizer(model["vocab"], _pairs(pairs, path), path)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises ConfigError."""
    content = parse_json(read_bytes(path), str(path))
    if not isinstance(content, dict):
        raise ConfigError(f"{one_line(str(path))}: holds {type(content).__name__}, no object")
    return content


def _pairs(merges: list[Any], path: Path) -> list[tuple[str, str]]:
    for merge in merges:
        if not isinstance(merge, list) or len(merge) != 2 or not all(isinstance(part, str) for part in merge):
            raise ConfigError(f"{one_line(str(path))}: {str(merge)[:60]!r} is no merge of two pieces")
    return [(first, second) for first, second in merges]


def _tokenizer(ids: dict[str, Any], merges: list[tuple[str, str]], *files: Path) -> Tokenizer:
    wrong = [piece for piece, number in ids.items() if type(number) is not int or number < 0]
    missing = [mark for mark in (START, END) if mark not in ids]
    if wrong or missing:
        fault = f"no {missing[0]}" if missing else f"{wrong[0][:40]!r} without a number"
        raise ConfigError(f"{one_line(str(files[0]))}: its vocabulary has {fault}")
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    return Tokenizer(ids, ranks, {file.name: sha256_of(file) for file in files})

"""LLaMA's tokenizer, as far as a fixed prompt needs it: pieces of words to numbers, without a package for it.

It is byte-pair encoding. A text becomes characters, a space becomes U+2581 and one more stands at the beginning; then
the neighbours that merge best are merged until none can be. Characters without a piece of their own become bytes.

| file | what says which merge is best |
|---|---|
| tokenizer.model | sentencepiece's protocol buffer: the score of the merged piece |
| tokenizer.json | Hugging Face tokenizers: the place in the list of merges |

Sources: Kudo and Richardson 2018, SentencePiece: a simple and language independent subword tokenizer; its
sentencepiece_model.proto for the numbers of fields; Touvron et al. 2023, Llama 2.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, final

from isptune.errors import ConfigError, one_line
from isptune.system.records import convert, parse_json

SPACE = "\u2581"
BEGIN = "<s>"
FILES = ("tokenizer.model", "tokenizer.json")
"""Where a checkpoint's folder keeps its tokenizer, in the order in which they are looked for."""

_NORMAL, _BYTE_PAIRS = 1, 2  # SentencePiece.Type.NORMAL and TrainerSpec.ModelType.BPE
_MODEL_TYPE = 3  # the field of TrainerSpec
_LARGEST_FILE = 64_000_000


@final
@dataclass(frozen=True, eq=False)
class LlamaTokenizer:
    """Byte-pair encoding with the pieces of one file.

    Attributes:
        ids: every piece with its number.
        scores: of pieces that two others may merge to; the greatest is merged first. Empty where `ranks` are given.
        ranks: of pairs that may merge; the least is merged first.
    """

    ids: Mapping[str, int]
    scores: Mapping[str, float]
    ranks: Mapping[tuple[str, str], int]

    @property
    def begin(self) -> int:
        """The number of the token that a text begins with. Raises ConfigError if there is none."""
        return self._id(BEGIN)

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's pieces, without the token at the beginning.

        Raises:
            ConfigError: a character has neither a piece nor bytes.
        """
        pieces = list(SPACE + text.replace(" ", SPACE))
        while True:
            costs = [self._cost(*pair) for pair in pairwise(pieces)]
            best = min(costs, default=math.inf)
            if best == math.inf:
                break
            place = costs.index(best)  # the leftmost of equals
            pieces[place : place + 2] = [pieces[place] + pieces[place + 1]]
        return [number for piece in pieces for number in self._numbers(piece)]

    def _cost(self, left: str, right: str) -> float:
        if self.ranks:
            return self.ranks.get((left, right), math.inf)
        return -self.scores.get(left + right, -math.inf)

    def _numbers(self, piece: str) -> Iterator[int]:
        if piece in self.ids:
            yield self.ids[piece]
        else:
            yield from (self._id(f"<0x{byte:02X}>") for byte in piece.encode())

    def _id(self, piece: str) -> int:
        if piece not in self.ids:
            raise ConfigError(f"the tokenizer has no piece {piece!r}, which LLaMA's has")
        return self.ids[piece]


def read_tokenizer(folder: Path) -> tuple[LlamaTokenizer, Path]:
    """The tokenizer in a checkpoint's folder, and the file that it came from.

    Raises:
        ConfigError: there is none, or it cannot be read as one of byte pairs.
    """
    found = [folder / name for name in FILES if (folder / name).is_file()]
    if not found:
        raise ConfigError(f"{one_line(str(folder))}: there is no {' and no '.join(FILES)} in it")
    path = found[0]
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ValueError("larger than any tokenizer")
        content = path.read_bytes()
        tokenizer = _from_json(content) if path.suffix == ".json" else _from_protocol_buffer(content)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        struct.error,
        OSError,
        ConfigError,
    ) as error:
        raise ConfigError(
            f"{one_line(str(path))}: cannot be read as a tokenizer of byte pairs: {one_line(str(error)[:160])}"
        ) from error
    return tokenizer, path


@dataclass(frozen=True)
class _Model:
    type: str
    vocab: Mapping[str, int]
    merges: tuple[str | tuple[str, str], ...]


@dataclass(frozen=True)
class _File:
    """What is read of `tokenizer.json` of Hugging Face transformers."""

    model: _Model


def _from_json(content: bytes) -> LlamaTokenizer:
    model = convert(parse_json(content, "JSON"), _File, "JSON").model
    if model.type != "BPE":
        raise ValueError(f"it is of type {model.type!r}")
    ranks: dict[tuple[str, str], int] = {}
    for rank, pair in enumerate(model.merges):
        left, right = pair.split(" ") if isinstance(pair, str) else pair
        ranks.setdefault((left, right), rank)
    return LlamaTokenizer(dict(model.vocab), {}, ranks)


def _from_protocol_buffer(content: bytes) -> LlamaTokenizer:
    ids: dict[str, int] = {}
    scores: dict[str, float] = {}
    kind = None
    for field, value in _fields(content):
        if field == 1:
            piece = dict(_fields(value))
            text = piece[1].decode()
            ids.setdefault(text, len(ids))
            if piece.get(3, _NORMAL) == _NORMAL:
                scores[text] = struct.unpack("<f", piece.get(2, bytes(4)))[0]
        elif field == 2:
            kind = dict(_fields(value)).get(_MODEL_TYPE)
    if not ids or kind != _BYTE_PAIRS:
        raise ValueError("it is not a model of sentencepiece with byte pairs")
    return LlamaTokenizer(ids, scores, {})


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message in the wire format of protocol buffers: number, and a whole number or bytes."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        if kind == 0:
            value, place = _varint(message, place)
        else:
            if kind == 2:
                size, place = _varint(message, place)
            else:
                size = {1: 8, 5: 4}[kind]
            value, place = message[place : place + size], place + size
            if place > len(message):
                raise ValueError("it ends in the middle of a field")
        yield tag >> 3, value


def _varint(message: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        byte = message[place]
        number |= (byte & 127) << shift
        place += 1
        if byte < 128:
            return number, place
    raise ValueError("a whole number of more than ten bytes")

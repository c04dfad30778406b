"""LLaMA's tokenizer, in both formats of file."""

import json
import struct

import pytest

from isptune.errors import ConfigError
from objectives.language_models.llama_tokenizer import read_tokenizer

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
UNIGRAM, BPE = 1, 2

BYTES = [(f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)]
PIECES = [
    ("<unk>", 0.0, UNKNOWN),
    ("<s>", 0.0, CONTROL),
    ("</s>", 0.0, CONTROL),
    *BYTES,
    ("\u2581g", -0.0, NORMAL),
    ("oo", -1.0, NORMAL),
    ("\u2581go", -2.0, NORMAL),
    ("od", -3.0, NORMAL),
    ("\u2581good", -4.0, NORMAL),
    ("ood", -5.0, NORMAL),
    ("\u2581b", -6.0, NORMAL),
    ("ba", -7.0, NORMAL),
    ("ad", -8.0, NORMAL),
    *((letter, -20.0, NORMAL) for letter in "\u2581godba"),
]
"""Some merges stand in each other's way: "good" is put together from its middle, "bad" never is."""

SENTENCEPIECE_SAYS = {
    "good": [263],
    "bad": [265, 267],
    "good bad\n": [263, 265, 267, 13],
    "go od \u00fc": [261, 268, 262, 268, 198, 191],
}
"""What sentencepiece 0.2.3 gives on exactly this model."""


def varint(number):
    octets = []
    while number > 127:
        octets.append(number & 127 | 128)
        number >>= 7
    return bytes([*octets, number])


def chunk(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def whole(field, number):
    return varint(field << 3) + varint(number)


def sentencepiece_model(pieces, kind=BPE):
    """The bytes of a tokenizer.model: pieces, the trainer's settings, a normaliser that changes nothing."""
    content = b""
    for text, score, role in pieces:
        body = chunk(1, text.encode()) + varint(2 << 3 | 5) + struct.pack("<f", score) + whole(3, role)
        content += chunk(1, body)
    content += chunk(2, whole(3, kind) + whole(35, 1))
    return content + chunk(3, chunk(1, b"identity") + whole(3, 1) + whole(4, 0) + whole(5, 1))


def write_model(folder, content):
    (folder / "tokenizer.model").write_bytes(content)
    return folder


def write_json(folder, model):
    (folder / "tokenizer.json").write_text(json.dumps({"model": model}))
    return folder


@pytest.mark.parametrize("text", SENTENCEPIECE_SAYS)
def test_a_model_of_sentencepiece_gives_its_numbers(text, tmp_path):
    tokenizer, file = read_tokenizer(write_model(tmp_path, sentencepiece_model(PIECES)))
    assert tokenizer.encode(text) == SENTENCEPIECE_SAYS[text]
    assert (tokenizer.begin, file.name) == (1, "tokenizer.model")


def test_merges_of_a_json_file_are_taken_in_their_order(tmp_path):
    vocabulary = {"<s>": 0, "\u2581": 1, "a": 2, "b": 3, "ab": 4, "\u2581a": 5, "\u2581ab": 6, "<0x0A>": 7}
    merges = ["a b", ["\u2581", "ab"], ["\u2581", "a"]]
    tokenizer, _ = read_tokenizer(
        write_json(tmp_path, {"type": "BPE", "vocab": vocabulary, "merges": merges})
    )
    assert tokenizer.encode("ab") == [6]
    assert tokenizer.encode("a\n") == [5, 7]
    assert tokenizer.encode(" b") == [1, 1, 3]
    assert tokenizer.encode("bab") == [1, 3, 4]


def test_a_character_without_piece_or_bytes_is_refused(tmp_path):
    tokenizer, _ = read_tokenizer(
        write_json(tmp_path, {"type": "BPE", "vocab": {"\u2581": 0, "a": 1}, "merges": []})
    )
    assert tokenizer.encode("a") == [0, 1]
    with pytest.raises(ConfigError, match="<0x62>"):
        tokenizer.encode("b")
    with pytest.raises(ConfigError, match="'<s>'"):
        tokenizer.begin


def test_a_folder_without_tokenizer_is_refused_with_the_names_of_its_files(tmp_path):
    with pytest.raises(ConfigError, match=r"tokenizer\.model and no tokenizer\.json"):
        read_tokenizer(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a model",
        sentencepiece_model(PIECES)[:-9],
        sentencepiece_model(PIECES)[:2000],
        sentencepiece_model(PIECES, UNIGRAM),
        b"\xff" * 40,
        b"\x0b\x01",
        chunk(1, chunk(1, b"\xff\xfe")),
    ],
)
def test_damaged_models_are_refused(content, tmp_path):
    with pytest.raises(ConfigError, match="cannot be read as a tokenizer"):
        read_tokenizer(write_model(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"model": {"type": "Unigram", "vocab": [], "merges": []}}',
        '{"model": {"type": "BPE", "vocab": {"a": "b"}, "merges": []}}',
        '{"model": {"type": "BPE", "vocab": [], "merges": []}}',
        '{"model": {"type": "BPE", "vocab": {}, "merges": ["a b c"]}}',
        '{"model": {"type": "BPE", "vocab": {}, "merges": [3]}}',
        "[" * 100_000,
    ],
)
def test_damaged_json_is_refused(content, tmp_path):
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ConfigError, match="cannot be read as a tokenizer"):
        read_tokenizer(tmp_path)

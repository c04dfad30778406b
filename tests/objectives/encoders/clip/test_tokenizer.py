"""CLIP's tokenizer: words and merges as the official one cuts them; tables in every form, damaged ones refused."""

import gzip
import json
import random

import pytest

from isptune.errors import ConfigError, MissingExtra
from objectives.encoders.clip import tokenizer as clip_tokenizer
from objectives.encoders.clip.files import cache_folders
from objectives.encoders.clip.tokenizer import (
    END,
    START,
    TABLE_NAME,
    Tokenizer,
    clean,
    find_tokenizer,
    split_words,
)
from tests.objectives.encoders.clip.oracles import made_table

MERGES = ["a b", "b a", "ab a</w>", "c c", "cc cc", "b b</w>", "ab b</w>", "a b</w>", "cc c", "Ã ©</w>"]

SPLITS = [
    ("Good photo..", ["good", "photo", ".."]),
    (
        "it's WE'LL 'sound ('s) don''t",
        ["it", "'s", "we", "'ll", "'s", "ound", "('", "s", ")", "don", "''", "t"],
    ),
    ("x² ½ Ⅷ 123 ٣", ["x", "²", "½", "ⅷ", "1", "2", "3", "٣"]),
    ("naïve über straße", ["naïve", "über", "straße"]),
    ("日本語 テスト 🙂🙂", ["日本語", "テスト", "🙂🙂"]),
    ("a  b\t&lt;i&gt; &amp;amp;", ["a", "b", "<", "i", ">", "&"]),
    ("hello—world…", ["hello", "—", "world", "…"]),
    ("‘it’ “b”", ["'", "it", "'", '"', "b", '"']),
    ("under_score", ["under", "_", "score"]),
    ("e\u0301 \u0e01\u0e33", ["é", "กำ"]),
    ("100%!!?", ["1", "0", "0", "%!!?"]),
]
"""Recorded from the tokenizer of open_clip_torch 3.3.0 (its pattern over its cleaned text)."""

IDS = [
    ("Good photo.", [886, 1125, 269]),
    ("Bad photo.", [2103, 1125, 269]),
    ("Noise-free image", [9307, 268, 1139, 2867]),
    ("High resolution image", [1400, 9977, 2867]),
    ("naïve 🙂", [1097, 35689, 563, 14860]),
]
"""Recorded from open_clip_torch 3.3.0 with CLIP's table."""


@pytest.fixture
def tokenizer(tmp_path) -> Tokenizer:
    made_table(tmp_path / TABLE_NAME, MERGES)
    return find_tokenizer(tmp_path, [])


def merged_by_definition(word):
    """Byte pair encoding as it is defined: rule after rule over the whole word. For words without repeats of a rule."""
    pieces = [*word[:-1], word[-1] + "</w>"]
    while True:
        for rule in MERGES:
            first, second = rule.split()
            places = [i for i in range(len(pieces) - 1) if pieces[i] == first and pieces[i + 1] == second]
            if places:
                pieces[places[0] : places[0] + 2] = [first + second]
                break
        else:
            return pieces


@pytest.mark.parametrize(("text", "words"), SPLITS)
def test_text_is_cut_into_words_as_the_official_pattern_does(text, words):
    assert list(split_words(clean(text))) == words


def test_words_are_merged_by_the_rules_in_their_order(tokenizer):
    generator = random.Random(0)
    names = {number: piece for piece, number in tokenizer.ids.items()}
    for _ in range(300):
        word = "".join(generator.choice("abc") for _ in range(generator.randint(1, 9)))
        assert [names[number] for number in tokenizer.encode(word)] == merged_by_definition(word), word


def test_numbers_are_those_of_bytes_then_ends_then_merges_then_marks(tokenizer):
    assert tokenizer.size == 512 + len(MERGES) + 2
    assert tokenizer.encode("!") == [256]  # the first printable sign, at the end of a word
    assert tokenizer.encode("ba") == [ord("b") - 33, 256 + ord("a") - 33]  # "b a" merges inside of words only
    assert tokenizer.encode("aba") == [512 + 2]
    assert tokenizer.encode("é") == [512 + 9]  # two bytes of one letter
    assert tokenizer.encode("\u00a0") == []
    assert (tokenizer.ids[START], tokenizer.ids[END]) == (522, 523)


def test_prompts_stand_between_marks_and_are_padded_with_zeros(tokenizer):
    tokens, ends = tokenizer.batch(["aba", "ab abb c"], 8)
    c = 256 + ord("c") - 33
    assert tokens.tolist() == [[522, 514, 523, 0, 0, 0, 0, 0], [522, 519, 518, c, 523, 0, 0, 0]]
    assert ends.tolist() == [2, 4]


def test_prompts_without_words_or_with_too_many_are_refused(tokenizer):
    for prompts in (["aba", " \n"], [""]):
        with pytest.raises(ConfigError, match="it has no words"):
            tokenizer.batch(prompts, 8)
    assert tokenizer.batch(["c c c c c c"], 8)[1].tolist() == [7]
    with pytest.raises(ConfigError, match="has 7 tokens; the encoder takes 6"):
        tokenizer.batch(["c c c c c c c"], 8)


def test_every_form_of_a_table_gives_the_same_tokenizer(tokenizer, tmp_path):
    ids, merges = dict(tokenizer.ids), [list(pair) for pair in tokenizer.ranks]
    lists, strings, files = (tmp_path / name for name in ("lists", "strings", "files"))
    for folder, pairs in ((lists, merges), (strings, MERGES)):
        folder.mkdir()
        model = {"type": "BPE", "vocab": ids, "merges": pairs, "end_of_word_suffix": "</w>"}
        (folder / "tokenizer.json").write_text(json.dumps({"model": model}))
    files.mkdir()
    (files / "vocab.json").write_text(json.dumps(ids))
    (files / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES, ""]))
    for folder in (lists, strings, files):
        read = find_tokenizer(folder, [])
        assert (read.ids, read.ranks) == (tokenizer.ids, tokenizer.ranks)
        assert all(len(digest) == 64 for digest in read.files.values())


def test_damaged_tables_are_refused(tmp_path):
    table = tmp_path / TABLE_NAME
    whole = gzip.compress(b"heading\na b\n" * 1000)
    for content, reason in (
        (b"no gzip", "cannot be read as a table"),
        (whole[:40], "cannot be read as a table"),
        (gzip.compress(b"heading\na b c\n"), "is no merge of two pieces"),
        (gzip.compress(b"heading\n\xff\xfe\n"), "cannot be read as a table"),
    ):
        table.write_bytes(content)
        with pytest.raises(ConfigError, match=reason):
            find_tokenizer(tmp_path, [])


def test_damaged_vocabularies_are_refused(tmp_path):
    (tmp_path / "merges.txt").write_text("a b\n")
    for vocabulary, reason in (
        ("{", "is not JSON that can be read"),
        ("[1]", "no object"),
        ("{}", r"has no <\|startoftext\|>"),
        (json.dumps({START: 1, END: 2, "a": "b"}), "'a' without a number"),
    ):
        (tmp_path / "vocab.json").write_text(vocabulary)
        with pytest.raises(ConfigError, match=reason):
            find_tokenizer(tmp_path, [])
    (tmp_path / "vocab.json").write_text(json.dumps({START: 1, END: 2, "a</w>": 0}))
    with pytest.raises(ConfigError, match=r"has no 'b</w>', which 'a b' needs"):
        find_tokenizer(tmp_path, []).encode("a b")


def test_tokenizers_of_another_kind_are_refused(tmp_path):
    for model, reason in (
        ({"type": "Unigram"}, "no model with merges"),
        ({"merges": [], "vocab": {}, "end_of_word_suffix": None}, "no tokenizer of CLIP"),
    ):
        (tmp_path / "tokenizer.json").write_text(json.dumps({"model": model}))
        with pytest.raises(ConfigError, match=reason):
            find_tokenizer(tmp_path, [])


def test_another_table_in_a_package_or_cache_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(clip_tokenizer, "_package_folders", list)
    made_table(tmp_path / TABLE_NAME, MERGES)
    with pytest.raises(ConfigError, match="that of CLIP's table 924691ac"):
        find_tokenizer(None, [tmp_path])


def test_the_table_of_an_installed_package_is_read_without_importing_it(tmp_path, monkeypatch):
    package = tmp_path / "open_clip"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    made_table(package / TABLE_NAME, MERGES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(clip_tokenizer, "TABLE_SHA256", clip_tokenizer.sha256_of(package / TABLE_NAME))
    assert find_tokenizer(None, []).size == 524


@pytest.mark.extras
@pytest.mark.weights
def test_numbers_of_clips_own_table_are_the_official_ones():
    try:
        tokenizer = find_tokenizer(None, cache_folders())
    except MissingExtra as missing:
        pytest.skip(str(missing))
    assert tokenizer.size == 49408
    for text, numbers in IDS:
        assert tokenizer.encode(text) == numbers

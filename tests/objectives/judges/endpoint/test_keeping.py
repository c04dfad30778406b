"""The judge behind an OpenAI-compatible server: what it keeps, its keys and options, and what it says is wrong."""

import json
import logging
import math
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from isptune.errors import ConfigError, ScoreError, UnknownName
from objectives.judges.answer_cache import AnswerCache
from objectives.judges.endpoint import build
from tests.objectives.bright_judge import KEY, expected, flat, judge
from tests.objectives.judges.chat_stub import completion, serving, text_of


def test_answers_are_kept_on_disk_for_the_next_process(server, scene, tmp_path):
    first = judge(server, f"cache={tmp_path}/answers").prefer(flat(90, 10), flat(80, 20), scene)
    again = judge(server, f"cache={tmp_path}/answers")
    assert torch.equal(again.prefer(flat(90, 10), flat(80, 20), scene), first)
    assert again.server.used == 0
    files = sorted((tmp_path / "answers").glob("*/*.json"))
    assert len(files) == 4
    files[0].write_text('{"text": "Image A", "tok')  # as a failing disk may leave it
    assert torch.equal(
        judge(server, f"cache={tmp_path}/answers").prefer(flat(90, 10), flat(80, 20), scene), first
    )
    assert len(server.requests) == 5
    assert json.loads(files[0].read_text())["text"].startswith("Image ")


def test_another_question_model_or_server_is_another_answer(server, scene, tmp_path):
    options = f"cache={tmp_path},orders=one"
    for more in ("", ",words=depictqa", ",top=5", ",logprobs=off"):
        judge(server, options + more).prefer(flat(90), flat(80), scene)
    build(f"{server.url},model=other,{options}").prefer(flat(90), flat(80), scene)
    judge(server, options, reference=True).prefer(flat(90), flat(80), scene)
    assert len(server.requests) == 6


def test_answers_are_kept_in_the_users_cache_unless_told_otherwise(server, scene, tmp_path):
    judge(server, "orders=one").prefer(flat(90), flat(80), scene)
    assert len(list((tmp_path / "cache/isptune/answers").glob("*/*.json"))) == 1
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"answers cannot be kept there .*cache=off"):
        judge(server, f"cache={tmp_path}/file/answers")


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_whole_answers_only(tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from objectives.judges.answer_cache import Answer, AnswerCache, AnswerToken, hash_of\n"
        "cache = AnswerCache(Path(sys.argv[1]))\n"
        "token = AnswerToken('A', -0.5, tuple((str(i), -1.0) for i in range(400)))\n"
        "for i in range(100000): cache.put(hash_of({'n': i}), Answer('Image A', (token,) * 20))\n"
    )
    running = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
    try:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("*/*.json"))) < 20 and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
    files = list(tmp_path.glob("*/*.json"))
    assert len(files) >= 5
    cache = AnswerCache(tmp_path)
    assert all(len(cache.get(file.stem).tokens) == 20 for file in files)


def test_the_key_goes_into_the_header_and_nowhere_else(server, scene, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    caplog.set_level(logging.DEBUG)
    asked = judge(server, f"cache={tmp_path},key=MY_KEY")
    asked.prefer(flat(90), flat(80), scene)
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    kept = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    shown = "".join([*kept, caplog.text, repr(asked), str(vars(asked.server)), asked.facts.source])
    assert KEY not in shown
    assert KEY not in json.dumps(server.requests)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_errors_do_not_hold_a_key_that_the_server_repeats(server, scene, monkeypatch, status):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.script = [(status, {}, f"bad key {KEY}, {KEY}!".encode())] * 2
    with pytest.raises((ScoreError, ConfigError)) as caught:
        judge(server, "cache=off,orders=one,retries=1").prefer(flat(90), flat(80), scene)
    chain, error = "", caught.value
    while error is not None:
        chain, error = chain + str(error), error.__cause__ or error.__context__
    assert KEY not in chain
    assert f"answered {status}" in chain


def test_a_missing_key_is_told_by_the_name_of_its_variable(server, scene):
    server.script = [(401, {}, b"who are you?")]
    with pytest.raises(ConfigError, match=r"answered 401: .* without a key \(OPENAI_API_KEY is not set\)"):
        judge(server, "cache=off,orders=one").prefer(flat(90), flat(80), scene)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed_so_that_no_other_host_gets_the_key(server, scene, monkeypatch, status):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving() as elsewhere:
        server.script = [(status, {"Location": f"{elsewhere.url}/chat/completions?key={KEY}"}, b"")]
        with pytest.raises(ConfigError, match=r"sends on to http://127\.0\.0\.1; .*not followed") as caught:
            judge(server, "cache=off,orders=one").prefer(flat(90), flat(80), scene)
        assert elsewhere.headers == []
    assert KEY not in str(caught.value)


def test_the_default_key_does_not_cross_a_network_in_the_clear(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(ConfigError, match="in the clear") as caught:
        build("http://192.0.2.1/v1,model=x,cache=off")
    assert KEY not in str(caught.value)
    for allowed in (
        "https://192.0.2.1/v1,",
        "http://192.0.2.1/v1,key=OPENAI_API_KEY,",
        "http://192.0.2.1/v1,key=none,",
    ):
        assert build(f"{allowed}model=x,cache=off").server.used == 0


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (None, "which server"),
        ("http://user:pa55word@host/v1,model=x", "no user, password or query"),
        ("http://user:pa55/word@host/v1,model=x", "no user, password or query"),
        ("https://host/v1?api_key=pa55word,model=x", "endpoint has no option 'api_key'"),
        ("https://host/v1%3Fapi_key=pa55word,model=x", "no user, password or query"),
        ("ftp://host/v1,model=x", "no address of a server"),
        ("http://host:port/v1,model=x", "cannot be read"),
        ("http://host/v1,model=x,key=sk-pa55word", "not the key itself"),
        ("http://host/v1,model=x,key=pa55word", "not set"),
        ("http://host/v1,model=x,votes=3", "needs logprobs=off"),
        ("http://host/v1,model=x,top=50", "2 to 20"),
        ("http://host/v1,model=x,budget=0", "no whole number from 1 to 1000000000"),
        ("http://host/v1,model=x,timeout_s=soon", "no number above 0"),
        ("http://host/v1,model=x,logprobs=maybe", "there are: off, on"),
        ("http://host/v1,model=x,colour=red", "is not one of its options: url="),
    ],
)
def test_options_that_cannot_be_used_are_refused_without_repeating_secrets(argument, message):
    with pytest.raises(ConfigError, match=message) as caught:
        build(argument)
    assert "pa55word" not in str(caught.value)


def test_a_key_with_a_line_break_in_it_is_refused_without_being_shown(monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-one\nsk-two")
    with pytest.raises(ConfigError, match="characters that no key has") as caught:
        build("https://host/v1,model=x,cache=off,key=MY_KEY")
    assert "sk-" not in str(caught.value)


def test_the_only_model_of_a_server_need_not_be_named(server, scene):
    asked = build(f"{server.url}/chat/completions,cache=off")
    assert asked.model == "bright"
    assert asked.prefer(flat(90), flat(80), scene).tolist() == pytest.approx([expected(90, 80)], abs=1e-6)
    server.models = ["large", "small"]
    with pytest.raises(ConfigError, match=r"model=NAME; .* serves: large, small"):
        build(f"{server.url},cache=off")


def test_no_server_is_one_line(scene):
    with serving() as stub:
        gone = stub.url
    asked = build(f"{gone},model=x,cache=off,retries=0")
    with pytest.raises(ScoreError, match="no answer in one attempt: ConnectionRefusedError"):
        asked.prefer(flat(90), flat(80), scene)


def test_a_diagnosis_has_the_categories_of_the_answer_with_the_probabilities_of_their_tokens(server, scene):
    words = (
        ("No", 0.9),
        ("ise", 0.7),
        (" and", 0.2),
        (" overly", 0.6),
        (" high", 0.5),
        (" contrast", 0.4),
        ("<end>", 0),
    )
    tokens = [
        (text, math.log(p) if p else -9999.0, {text: math.log(p) if p else -9999.0}) for text, p in words[:-1]
    ]
    server.reply = lambda request, pictures: completion("Noise and overly high contrast", tokens)
    found = judge(server).describe(flat(10, 20), scene)
    assert len(found) == 2
    assert [(f.category, f.severity) for f in found[0].findings] == [
        ("noise", None),
        ("contrast_strengthen", None),
    ]
    assert [f.confidence for f in found[0].findings] == pytest.approx([0.8, 0.5])
    assert found[0].confidence == pytest.approx((0.9 + 0.7 + 0.6 + 0.5 + 0.4) / 5)
    assert "bright" in found[0].source
    assert "color quantization" in text_of(server.requests[0])


def test_a_diagnosis_by_votes_has_their_shares(server, scene):
    said = ["Noise", "noise and blur", "Noise and blur.", "None"]
    server.reply = lambda request, pictures: completion(said[request["seed"]])
    (found,) = judge(server, "cache=off,logprobs=off,votes=4").describe(flat(10), scene)
    assert [(f.category, f.confidence) for f in found.findings] == [("noise", 0.75), ("blur", 0.5)]
    assert found.confidence == 0.5
    server.reply = lambda request, pictures: completion("A nice cat")
    with pytest.raises(ScoreError, match=r"'A nice cat', which names none .*blur"):
        judge(server, "cache=off,logprobs=off").describe(flat(10), scene)


def test_unknown_words_of_an_option_are_answered_with_what_there_is():
    with pytest.raises(UnknownName, match="there are: depictqa, listed"):
        build("http://localhost/v1,model=x,cache=off,words=mine")

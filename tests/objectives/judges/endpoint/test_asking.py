"""The judge behind an OpenAI-compatible server: what it asks, what it reads, and how it takes trouble."""

import functools
import logging
import math
import threading
import time

import pytest
import torch

from isptune.errors import ScoreError
from isptune.interfaces import Diagnoses, Judge
from isptune.scenes.scene import Scene
from isptune.testing import check_judge
from objectives.judges import chat_server
from objectives.judges.answer_cache import Answer, AnswerToken
from objectives.judges.chat_answers import log_odds_of_a
from tests.objectives.bright_judge import expected, flat, judge
from tests.objectives.judges.chat_stub import LEAN, completion, prefers_bright, text_of


def test_probabilities_are_those_of_the_model_without_its_lean_towards_one_place(server, scene):
    first, second = flat(10, 90, 200, 255), flat(200, 80, 90, 0)
    found = judge(server).prefer(first, second, scene)
    wanted = [expected(a, b) for a, b in ((10, 200), (90, 80), (200, 90), (255, 0))]
    assert found.tolist() == pytest.approx(wanted, abs=1e-6)  # float32
    assert len(server.requests) == 8
    assert isinstance(judge(server), Judge)
    assert isinstance(judge(server), Diagnoses)


@pytest.mark.slow
def test_exchanging_pictures_gives_exactly_one_minus_the_probability(server, scene):
    levels = torch.randint(0, 256, (2, 12), generator=torch.Generator().manual_seed(3)).tolist()
    first, second = (flat(*row) for row in levels)
    one, other = (judge(server).prefer(*pair, scene) for pair in ((first, second), (second, first)))
    assert torch.equal(one, 1 - other)
    assert torch.equal(other, 1 - one)
    assert judge(server).prefer(first, first, scene).tolist() == [0.5] * 12


def test_it_keeps_the_contract_of_judges(server, scene):
    def reply(request, pictures):
        if len(pictures) == 2:
            return prefers_bright(request, pictures)
        return completion("Noise", [("Noise", -0.2, {"Noise": -0.2})])

    server.reply = reply
    check_judge(judge(server), flat(90, 10, 200), scene)
    with pytest.raises(AssertionError, match="not one minus"):
        check_judge(judge(server, "cache=off,orders=one"), flat(90, 10, 200), scene)


def test_one_order_costs_half_and_keeps_the_lean(server, scene):
    found = judge(server, "cache=off,orders=one").prefer(flat(90), flat(80), scene)
    assert found.tolist() == pytest.approx([expected(90, 80, LEAN)], abs=1e-6)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("spell", "before"),
    [
        (" {}", (("Image", 0.0, {"Image": 0.0}),)),
        ("{}", ()),
        (" {}", ()),
        ("Image {}", ()),
        (" {}", (("**", 0.0, {"**": 0.0}), ("Image", 0.0, {"Image": 0.0}))),
    ],
)
def test_a_letter_counts_however_its_token_is_spelled(server, scene, spell, before):
    server.reply = functools.partial(prefers_bright, spell=spell, before=before)
    found = judge(server).prefer(flat(90), flat(80), scene)
    assert found.tolist() == pytest.approx([expected(90, 80)], abs=1e-6)


def test_spellings_of_one_letter_count_together_and_a_letter_that_is_not_listed_is_less_likely_than_all_that_are():
    several = AnswerToken(
        "A", math.log(0.5), (("A", math.log(0.5)), (" A", math.log(0.2)), ("B", math.log(0.1)))
    )
    assert log_odds_of_a(Answer("A", (several,))) == pytest.approx(math.log(7))
    alone = AnswerToken(
        "A", math.log(0.9), (("A", math.log(0.9)), ("It", math.log(0.06)), ("The", math.log(0.03)))
    )
    assert log_odds_of_a(Answer("A", (alone,))) == pytest.approx(math.log(0.9 / 0.01))  # what is left over
    sure = AnswerToken("B", 0.0, (("B", 0.0),))
    assert log_odds_of_a(Answer("B", (sure,))) == pytest.approx(-30)
    assert log_odds_of_a(Answer("Both", (AnswerToken("Both", -0.1, (("Both", -0.1), ("A", -3.0))),))) is None


def test_a_pair_without_a_choice_is_not_a_number_and_is_told(server, scene, caplog):
    def unsure(request, pictures):
        if pictures[0].mean() == pictures[1].mean():
            return completion("Both are fine", [("Both", -0.1, {"Both": -0.1})])
        return prefers_bright(request, pictures)

    server.reply = unsure
    with caplog.at_level(logging.WARNING):
        found = judge(server).prefer(flat(90, 50), flat(80, 50), scene)
    assert found.isnan().tolist() == [False, True]
    assert "'Both are fine'" in caplog.text
    assert "1 of 2 pairs" in caplog.text
    with pytest.raises(ScoreError, match="'Both are fine', which chooses neither"):
        judge(server).prefer(flat(50), flat(50), scene)


def test_a_picture_with_nan_is_not_sent(server, scene):
    first = flat(90, 90)
    first[0, 0, 0, 0] = torch.nan
    assert judge(server).prefer(first, flat(80, 80), scene).isnan().tolist() == [True, False]
    assert len(server.requests) == 2


def test_pictures_may_differ_in_size(server, scene):
    found = judge(server).prefer(flat(90), flat(80, size=(4, 3)), scene)
    assert found.tolist() == pytest.approx([expected(90, 80)], abs=1e-6)


def test_the_reference_is_shown_first_and_has_to_be_there(server, scene):
    shown = []

    def note(request, pictures):
        shown.append([int(picture.mean()) for picture in pictures])
        return prefers_bright(request, pictures)

    server.reply = note
    judge(server, reference=True).prefer(flat(90), flat(80), scene)
    assert sorted(shown) == [[100, 80, 90], [100, 90, 80]]
    assert "<Img-Reference>[picture]</Img-Reference>" in text_of(server.requests[0])
    with pytest.raises(ScoreError, match="the scene 'bare' has none"):
        judge(server, reference=True).prefer(flat(90), flat(80), Scene("bare", flat(1)))


def test_without_logprobs_it_says_so_and_counts_only_when_told_to(server, scene):
    server.reply = lambda request, pictures: prefers_bright({}, pictures)
    with pytest.raises(ScoreError, match=r"no logprobs.*logprobs=off,votes=N"):
        judge(server).prefer(flat(90), flat(80), scene)
    found = judge(server, "cache=off,logprobs=off").prefer(flat(255, 90), flat(0, 80), scene)
    assert found.tolist() == [1.0, 0.5]  # 90 against 80 is too close for the lean: A wins in both orders


def test_votes_are_counted_in_both_orders_and_exchange_exactly(server, scene):
    def dice(request, pictures):
        letter = "AAB"[(request["seed"] + int(pictures[0].mean())) % 3]
        return completion("neither" if request["seed"] == 4 else f"Image {letter}")

    server.reply = dice
    asked = judge(server, "cache=off,logprobs=off,votes=5")
    one = asked.prefer(flat(90, 33), flat(80, 80), scene)
    # 90 is 0 mod 3: A A B A; 80 is 2: B A A B, of which B is a vote for the first.
    assert one[0] == pytest.approx((3 + 2) / 8)
    assert torch.equal(asked.prefer(flat(80, 80), flat(90, 33), scene), 1 - one)
    assert {request["temperature"] for request in server.requests} == {1.0}
    assert len(server.requests) == 20  # the other way round, all answers were known


def test_requests_go_out_several_at_a_time(server, scene):
    together = threading.Barrier(3, timeout=20)

    def wait(request, pictures):
        together.wait()
        return prefers_bright(request, pictures)

    server.reply = wait
    found = judge(server, "cache=off,at_once=3").prefer(flat(1, 2, 3), flat(9, 9, 9), scene)
    assert bool((found < 0.5).all())


@pytest.mark.parametrize(
    "trouble",
    [
        (429, {"Retry-After": "0"}, b"slow down"),
        (500, {}, b"oops"),
        (503, {}, b""),
        (200, {}, b'{"choices": ['),
        (200, {}, b"[]"),
        (200, {"Content-Length": "999"}, b"{}"),
        lambda handler: handler.connection.close(),
    ],
)
def test_after_trouble_it_asks_again(server, scene, trouble):
    server.script = [trouble]
    asked = judge(server, "cache=off,orders=one")
    assert asked.prefer(flat(90), flat(80), scene).tolist() == pytest.approx(
        [expected(90, 80, LEAN)], abs=1e-6
    )
    assert asked.server.used == 2


def test_trouble_that_does_not_end_is_told_with_the_number_of_attempts(server, scene):
    server.script = [(500, {}, b"out of  memory\n")] * 3
    with pytest.raises(ScoreError, match=r"no answer in 3 attempts: it answered 500: out of memory"):
        judge(server, "cache=off,orders=one,retries=2").prefer(flat(90), flat(80), scene)


def test_waits_double_and_a_server_may_ask_for_more(server):
    class Noting(threading.Event):
        def __init__(self):
            super().__init__()
            self.waits = []

        def wait(self, timeout=None):
            self.waits.append(timeout)
            return False

    patient = [
        (500, {}, b""),
        (429, {"Retry-After": "7"}, b""),
        (500, {}, b""),
        (429, {"Retry-After": "999"}, b""),
    ]
    server.script = [*patient, (400, {}, b"no")]
    noting = Noting()
    with pytest.raises(ScoreError, match="answered 400: no"):
        chat_server.ChatServer(server.url).complete({}, noting)
    assert noting.waits == [0.01, 7, 0.04, 60]


@pytest.mark.parametrize("trickle", [False, True])
def test_a_server_that_takes_too_long_is_left(server, scene, trickle):
    def dawdle(handler):
        if trickle:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
        for _ in range(40):
            time.sleep(0.05)
            if trickle:
                handler.wfile.write(b" ")
                handler.wfile.flush()

    server.script = [dawdle]
    with pytest.raises(ScoreError, match=r"no answer in one attempt: longer than 0\.4 s"):
        judge(server, "cache=off,orders=one,retries=0,timeout_s=0.4").prefer(flat(90), flat(80), scene)


def test_after_an_error_nothing_else_is_waited_for(server, scene):
    over = threading.Event()

    def answer(request, pictures):
        if int(pictures[0].mean()) == 90:
            return {}  # no completion
        over.wait(60)
        return prefers_bright(request, pictures)

    server.reply = answer
    begun = time.monotonic()
    try:
        with pytest.raises(ScoreError, match="no chat completion"):
            judge(server, "cache=off,orders=one,at_once=2").prefer(
                flat(10, 90, 20, 30), flat(0, 0, 0, 0), scene
            )
    finally:
        over.set()
    assert time.monotonic() - begun < 50
    assert len(server.requests) <= 3


@pytest.mark.parametrize(
    "body", [b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": null}}]}', b'{"choices": [7]}']
)
def test_json_that_is_no_completion_is_refused(server, scene, body):
    server.script = [(200, {}, body)]
    with pytest.raises(ScoreError, match="no chat completion"):
        judge(server, "cache=off,orders=one").prefer(flat(90), flat(80), scene)


def test_a_budget_ends_the_asking_and_says_how_many_were_sent(server, scene):
    server.script = [(500, {}, b"")]
    asked = judge(server, "cache=off,budget=3,at_once=1")
    with pytest.raises(ScoreError, match=r"budget of requests is spent: 3 of 3 were sent.*budget=N"):
        asked.prefer(flat(90, 10), flat(80, 20), scene)
    assert len(server.requests) == 3
    # Answers that were got before it was spent are kept, and both orders of a pair are asked together.
    assert asked.prefer(flat(80), flat(90), scene).tolist() == pytest.approx([expected(80, 90)], abs=1e-6)
    assert len(server.requests) == 3

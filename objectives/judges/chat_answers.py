"""Answers of chat servers: read out of their JSON, and what probabilities their tokens give."""

import math
from collections.abc import Mapping
from typing import Any

from isptune.errors import ScoreError, one_line
from objectives.asking.questions import choice_position, chosen
from objectives.judges.answer_cache import Answer, AnswerToken

LEAST_LOGPROB = -30.0
"""Smaller ones, and those that servers write for nothing at all (-9999), count as this: 1e-13."""


def read_answer(response: Mapping[str, Any], with_logprobs: bool, server: str) -> Answer:
    """The first choice of a chat completion.

    Raises:
        ScoreError: it is not one, or has no logprobs though they were asked for.
    """
    try:
        choice = response["choices"][0]
        text = choice["message"]["content"]
        if not isinstance(text, str):
            raise TypeError(f"the content is a {type(text).__name__}, not text")
        if not with_logprobs:
            return Answer(text)
        rows = (choice.get("logprobs") or {}).get("content")
        tokens = tuple(_token(row) for row in rows or ())
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise ScoreError(
            f"{server} sent no chat completion as it is to be: {one_line(f'{type(error).__name__}: {error}'[:150])}"
        ) from error
    if not tokens or not any(token.alternatives for token in tokens):
        raise ScoreError(
            f"{server} sent no logprobs, from which probabilities are read; a server that cannot send them is used by "
            "logprobs=off,votes=N, where answers are counted"
        )
    return Answer(text, tokens)


def _token(row: Mapping[str, Any]) -> AnswerToken:
    alternatives = tuple((str(other["token"]), _logprob(other)) for other in row.get("top_logprobs") or ())
    return AnswerToken(str(row["token"]), _logprob(row), alternatives)


def _logprob(row: Mapping[str, Any]) -> float:
    value = float(row["logprob"])
    if math.isnan(value):
        raise ValueError("a logprob is NaN")
    return min(0.0, max(LEAST_LOGPROB, value))


def log_odds_of_a(answer: Answer) -> float | None:
    """The logarithm of P(A) / P(B) where the answer chooses; None for one that chooses neither.

    All spellings of a letter (`A`, ` A`, `Image A`) count together. A letter that is not among the alternatives is less
    likely than each of them and than all that they leave over: it counts as the smaller of the two.
    """
    position = choice_position([token.text for token in answer.tokens])
    if position is None:
        return None
    token = answer.tokens[position]
    listed = {token.text: token.logprob, **dict(token.alternatives)}
    found: dict[str, float] = {"A": 0.0, "B": 0.0}
    for text, logprob in listed.items():
        letter = chosen(text)
        if letter:
            found[letter] += math.exp(logprob)
    left_over = 1.0 - sum(math.exp(logprob) for logprob in listed.values())
    least = math.exp(min(listed.values()))
    unseen = max(math.exp(LEAST_LOGPROB), min(least, left_over))
    return math.log(found["A"] or unseen) - math.log(found["B"] or unseen)

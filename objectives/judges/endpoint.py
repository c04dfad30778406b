"""A vision-language model behind an OpenAI-compatible server as a judge: `endpoint:URL,model=NAME`.

| option | meaning |
|---|---|
| url | `http://HOST:PORT/v1` or `https://HOST/v1`; it may stand first, without `url=` |
| model | its name on the server; not needed where the server has one only |
| key | the environment variable that holds the key; `none`; or `auto`: `OPENAI_API_KEY`, but not in the clear |
| logprobs | `on`: probabilities are read from the answer's tokens; `off`: answers are counted |
| votes | with `logprobs=off`: how many answers are counted for each order, drawn at temperature 1 if several |
| top | how many alternatives of a token the server is asked for (20) |
| orders | `both`, so that exchanging two pictures gives one minus the probability; `one` for half the requests |
| words | `listed` names all possible answers; `depictqa` asks as DepictQA's own network was trained to be asked |
| timeout_s, retries, budget | of one request (120); after the first attempt (4); of requests in this process (1000) |
| at_once | requests at a time (4) |
| cache | the folder that keeps answers (`~/.cache/isptune/answers`), or `off` for memory only |

Pictures go as PNG data URLs, rounded to 8 bits, in their own size.
"""

import base64
import functools
import hashlib
import io
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import UInt8

from isptune.arrays import Images, Scores, SecondImages
from isptune.deeds import Deed
from isptune.diagnosis.finding import Diagnosis, Finding
from isptune.errors import ConfigError, ScoreError, UnknownName, one_line
from isptune.facts import JudgeFacts
from isptune.scenes.images import to_uint8
from isptune.scenes.scene import Scene
from objectives.asking import questions
from objectives.asking.both_orders import preference, share_of_votes
from objectives.asking.pairs import finite_rows, reference_of
from objectives.asking.questions import Place, Prompt, Token
from objectives.judges.answer_cache import Answer, AnswerCache, hash_of
from objectives.judges.chat_answers import log_odds_of_a, read_answer
from objectives.judges.chat_server import ChatServer, Patience
from objectives.options import parse_options

OPTIONS = {
    "url": "", "model": "", "key": "auto", "logprobs": "on", "votes": "1", "top": "20", "orders": "both",
    "words": "listed", "timeout_s": "120", "retries": "4", "budget": "1000", "at_once": "4", "cache": "",
}  # fmt: skip

CACHE = "~/.cache/isptune/answers"

CHOICE_TOKENS, IDENTIFICATION_TOKENS = 8, 32
"""Of an answer at most: `Image A` with some quotes, and two phrases such as `overly high saturation`."""

LONGEST_S = 366 * 86400
MOST: Mapping[str, int] = {"at_once": 100, "votes": 1000, "retries": 1000}
"""Each request at once is a thread and a connection, each vote a request."""

MOST_ALTERNATIVES = 20
"""Which OpenAI and vLLM allow."""


@final
@dataclass(frozen=True, eq=False)
class Picture:
    """One picture as it is sent.

    Attributes:
        pixels: 8 bits.
        sha256: of size and pixels.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    sha256: str

    @functools.cached_property
    def data_url(self) -> str:
        """A PNG in a URL, written once for all the questions that it is in."""
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(self.pixels).save(file, format="PNG", compress_level=4)
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


@dataclass(frozen=True)
class Asked:
    """One question: a prompt, the pictures for its places, and the number of the answer to it."""

    prompt: Prompt
    pictures: Mapping[Place, Picture]
    most_tokens: int
    vote: int = 0


@dataclass(frozen=True)
class Manner:
    """How questions are put; see the module's table."""

    reference: bool
    logprobs: bool
    votes: int
    top: int
    both: bool
    words: str
    at_once: int


@final
@dataclass(frozen=True, eq=False)
class EndpointJudge:
    """Asks a server which picture is better, and what is wrong with one.

    Attributes:
        server: counts the requests that were sent (`server.used`).
        model: its name on the server.
        manner: how it is asked.
        cache: answers that are known already cost no request.
        facts: the source is that of the questions, and who answers.
    """

    server: ChatServer
    model: str
    manner: Manner
    cache: AnswerCache
    facts: JudgeFacts

    @torch.no_grad()
    def prefer(self, first: Images, second: SecondImages, scene: Scene) -> Scores:
        """The probability that the first of each pair is better; NaN where no answer chooses, or a pixel is NaN.

        Raises:
            ScoreError: no answer of all chooses, the server does not answer, or the budget is spent.
            ConfigError: the server does not accept the key, the address or the model.
        """
        known = finite_rows(first) & finite_rows(second)
        rows = known.nonzero()[:, 0].tolist()
        given = self._reference(scene)
        ones, others = _pictures(first[known]), _pictures(second[known])
        prompt = questions.comparison_prompt(self.manner.reference, self.manner.words)
        orders = [
            [(a, b), (b, a)] if self.manner.both else [(a, b)] for a, b in zip(ones, others, strict=True)
        ]
        asked = [
            Asked(prompt, {Place.A: a, Place.B: b, **given}, CHOICE_TOKENS, vote)
            for pair in orders  # both orders of a pair together: where a budget ends, whole pairs are known
            for a, b in pair
            for vote in range(self.manner.votes)
        ]
        answers = self._ask(asked)
        chosen = self._from_logprobs(answers) if self.manner.logprobs else self._from_votes(answers)
        _require_choices(chosen, answers, self.server.name)
        probabilities = torch.full((len(first),), torch.nan)
        probabilities[rows] = chosen
        return probabilities.to(first.device)

    def _from_logprobs(self, answers: Sequence[Answer]) -> Scores:
        found = [log_odds_of_a(answer) for answer in answers]
        odds = torch.tensor([torch.nan if one is None else one for one in found], dtype=torch.float64)
        return preference(odds[::2], odds[1::2]) if self.manner.both else preference(odds)

    def _from_votes(self, answers: Sequence[Answer]) -> Scores:
        letters = [questions.chosen(answer.text) for answer in answers]
        shape = (-1, 2 if self.manner.both else 1, self.manner.votes)
        a, b = (
            torch.tensor([one == letter for one in letters], dtype=torch.float64).reshape(shape).sum(2)
            for letter in "AB"
        )
        won = a[:, 0] + b[:, 1] if self.manner.both else a[:, 0]
        return share_of_votes(won, (a + b).sum(1))

    @torch.no_grad()
    def describe(self, images: Images, scene: Scene) -> list[Diagnosis]:
        """One diagnosis an image, without severities.

        With logprobs, confidences are DepictQA's; without, the share of the votes that name a category, of which those
        that half of the votes name are found.

        Raises:
            ScoreError: as `prefer`; an image with NaN, or an answer that names no distortion.
        """
        if not finite_rows(images).all():
            raise ScoreError("an image has pixels that are NaN or infinite")
        given = self._reference(scene)
        prompt = questions.identification_prompt(self.manner.reference, self.manner.words)
        asked = [
            Asked(prompt, {Place.IMAGE: picture, **given}, IDENTIFICATION_TOKENS, vote)
            for picture in _pictures(images)
            for vote in range(self.manner.votes)
        ]
        answers = self._ask(asked)
        if not self.manner.logprobs:
            step = self.manner.votes
            return [
                count_votes(answers[i : i + step], self.facts.source) for i in range(0, len(answers), step)
            ]
        return [questions.diagnose(_tokens(answer), self.facts.source) for answer in answers]

    def _reference(self, scene: Scene) -> dict[Place, Picture]:
        if not self.manner.reference:
            return {}
        return {Place.REFERENCE: _pictures(reference_of(scene, "endpoint"))[0]}

    def _ask(self, asked: Sequence[Asked]) -> list[Answer]:
        """The answers in order; what is asked twice is sent once. The first error ends all waiting."""
        keys = [self._key_of(one) for one in asked]
        given_up = threading.Event()
        with ThreadPoolExecutor(self.manner.at_once) as pool:
            distinct = dict(zip(keys, asked, strict=True))
            running = {key: pool.submit(self._answer, key, one, given_up) for key, one in distinct.items()}
            try:
                wait(running.values(), return_when=FIRST_EXCEPTION)
                for future in running.values():
                    if future.done():  # one that failed, if not all are done
                        future.result()
            except BaseException:
                given_up.set()
                pool.shutdown(wait=False, cancel_futures=True)
                self.server.hang_up()
                raise
        return [running[key].result() for key in keys]

    def _answer(self, key: str, asked: Asked, given_up: threading.Event) -> Answer:
        answer = self.cache.get(key)
        if answer is None:
            response = self.server.complete(self._chat(asked, lambda picture: picture.data_url), given_up)
            answer = read_answer(response, self.manner.logprobs, self.server.name)
            self.cache.put(key, answer)
        return answer

    def _key_of(self, asked: Asked) -> str:
        chat = self._chat(asked, lambda picture: picture.sha256)
        return hash_of({"address": self.server.address, "vote": asked.vote, **chat})

    def _chat(self, asked: Asked, as_url: Callable[[Picture], str]) -> dict[str, Any]:
        content = [
            {"type": "text", "text": part}
            if isinstance(part, str)
            else {"type": "image_url", "image_url": {"url": as_url(asked.pictures[part])}}
            for part in asked.prompt
        ]
        chat: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": asked.most_tokens,
            "temperature": 1.0 if self.manner.votes > 1 else 0.0,
        }
        if self.manner.logprobs:
            return {**chat, "logprobs": True, "top_logprobs": self.manner.top}
        return {**chat, "seed": asked.vote} if self.manner.votes > 1 else chat


def _pictures(images: Images) -> list[Picture]:
    made = []
    for pixels in to_uint8(images):
        digest = hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).hexdigest()
        made.append(Picture(pixels, digest))
    return made


def _tokens(answer: Answer) -> list[Token]:
    return [Token(token.text, float(np.exp(token.logprob))) for token in answer.tokens]


def _require_choices(chosen: Scores, answers: Sequence[Answer], server: str) -> None:
    """Warn of pairs without an answer that chooses; raise ScoreError if there are no others."""
    failed = int(chosen.isnan().sum())
    if not failed:
        return
    example = next(answer.text for answer in answers if questions.chosen(answer.text) is None)
    said = f"asked for A or B, {server} answered {one_line(example.strip()[:80])!r}"
    if failed == len(chosen):
        raise ScoreError(f"{said}, which chooses neither")
    logging.getLogger(__name__).warning("%s, for instance: %d of %d pairs failed", said, failed, len(chosen))


def count_votes(answers: Sequence[Answer], source: str) -> Diagnosis:
    """The categories that at least half of the answers name; confidences are shares of the answers.

    Raises:
        ScoreError: an answer names no distortion.
    """
    named = [frozenset(questions.categories_in(answer.text)) for answer in answers]
    counts = {category: sum(category in one for one in named) for one in named for category in one}
    found = sorted((c for c in counts if 2 * counts[c] >= len(named)), key=lambda c: (-counts[c], c))
    findings = tuple(Finding(category, None, counts[category] / len(named)) for category in found)
    return Diagnosis(findings, sum(one == frozenset(found) for one in named) / len(named), source)


def build(argument: str | None, *, reference: bool = False) -> EndpointJudge:
    """A vision-language model behind an OpenAI-compatible server: endpoint:URL,model=NAME.

    Raises:
        ConfigError: an option is wrong, or the model is not named and the server has several.
        ScoreError: the server does not answer when it is asked for its models.
    """
    options = parse_options("endpoint", argument, OPTIONS, first="url")
    if not options["url"]:
        raise ConfigError(
            "which server? Give endpoint:URL, for example endpoint:http://localhost:8000/v1,model=NAME"
        )
    manner = _manner(options, reference)
    patience = Patience(
        _number("timeout_s", options["timeout_s"]),
        _count("retries", options["retries"], 0),
        _count("budget", options["budget"], 1),
    )
    server = ChatServer(options["url"], _key_name(options["key"]), patience)
    cache = AnswerCache(_folder(options["cache"]))
    model = options["model"] or _only_model(server)
    source = f"{questions.SOURCE}: its questions put to {one_line(model)} at {server.name}"
    return EndpointJudge(server, model, manner, cache, JudgeFacts(source, reference))


def deeds(argument: str | None, options: Mapping[str, Any]) -> list[Deed]:
    """The server that pictures are sent to, with a key where there is one."""
    try:
        read = parse_options("endpoint", argument, OPTIONS, first="url")
        server = ChatServer(read["url"], _key_name(read["key"]))
    except ConfigError:  # it will not be built
        return []
    return [Deed(f"send pictures to {server.name}", server.key_at_risk)]


def _key_name(key: str) -> str | None:
    return {"auto": None, "none": ""}.get(key, key)


def _manner(options: Mapping[str, str], reference: bool) -> Manner:
    logprobs = _one_of("logprobs", options["logprobs"], ("on", "off")) == "on"
    votes = _count("votes", options["votes"], 1)
    if logprobs and votes > 1:
        raise ConfigError(f"endpoint: votes={votes} counts answers, which needs logprobs=off")
    top = _count("top", options["top"], 2)
    if top > MOST_ALTERNATIVES:
        raise ConfigError(f"endpoint: top={top}: 2 to {MOST_ALTERNATIVES} are allowed")
    both = _one_of("orders", options["orders"], ("both", "one")) == "both"
    words = _one_of("words", options["words"], questions.WORDINGS)
    return Manner(reference, logprobs, votes, top, both, words, _count("at_once", options["at_once"], 1))


def _folder(cache: str) -> Path | None:
    if cache == "off":
        return None
    home = os.environ.get("XDG_CACHE_HOME")
    default = Path(home) / "isptune" / "answers" if home else Path(CACHE).expanduser()
    return Path(cache).expanduser() if cache else default


def _only_model(server: ChatServer) -> str:
    names = server.models()
    if len(names) != 1:
        served = ", ".join(map(one_line, names[:12])) or "none that it would name"
        raise ConfigError(f"endpoint: which model? Give model=NAME; {server.name} serves: {served}")
    return names[0]


def _one_of(key: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise UnknownName(f"endpoint {key}", value, list(known))
    return value


def _count(key: str, text: str, least: int) -> int:
    whole = text.isascii() and text.isdigit() and len(text) <= 9
    if not (whole and least <= int(text) <= MOST.get(key, 10**9)):
        raise ConfigError(
            f"endpoint: {key}={text[:40]!r} is no whole number from {least} to {MOST.get(key, 10**9)}"
        )
    return int(text)


def _number(key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= LONGEST_S:
        raise ConfigError(f"endpoint: {key}={text!r} is no number above 0, and at most {LONGEST_S} (a year)")
    return value

"""A vision-language model of Hugging Face transformers as a judge: `vision_language:PATH` or `...:OWNER/MODEL`.

| option | meaning |
|---|---|
| model | a folder, or a model of the hub; it may stand first, without `model=` |
| orders | `both`, so that exchanging two pictures gives one minus the probability; `one` for half the work |
| words | `listed` names all possible answers; `depictqa` asks as DepictQA's own network was trained to be asked |
| dtype | `auto`, `fp32` or `bf16` |

Any instruction-tuned model of AutoModelForImageTextToText with a chat template that takes several pictures. The
probability that Image A is better comes from the two letters' logits where the answer goes on after "Image". Models of
the hub are downloaded only with ISPTUNE_ALLOW_DOWNLOADS=1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, final

import numpy as np
import torch
from jaxtyping import UInt8

from isptune.arrays import Images, Scores, SecondImages
from isptune.diagnosis.finding import Diagnosis
from isptune.errors import ConfigError, ScoreError, UnknownName, one_line
from isptune.facts import JudgeFacts
from isptune.scenes.images import to_uint8
from isptune.scenes.scene import Scene
from objectives.asking import questions
from objectives.asking.both_orders import LogOdds, preference
from objectives.asking.pairs import finite_rows, reference_of
from objectives.asking.questions import Place, Prompt, Token
from objectives.checkpoints.hub_cache import model_folder
from objectives.language_models.by_transformers import (
    chat_prompt,
    hashes_of,
    load_image_text_model,
    piece_after,
)
from objectives.language_models.mplug_owl2_checkpoint import is_complete
from objectives.options import parse_options

OPTIONS = {"model": "", "orders": "both", "words": "listed", "dtype": "auto"}

DTYPES = {"auto": None, "fp32": torch.float32, "bf16": torch.bfloat16}
ORDERS = {"both": True, "one": False}

BEGUN = "Image"
"""How the answer to a comparison begins; A or B follows."""

BYTES_PER_PICTURE = 2**28
"""What a picture is reckoned to take: a language model with some thousand image tokens."""

IDENTIFICATION_TOKENS = 32
"""Of an answer at most: two phrases such as `overly high saturation`."""

Picture = UInt8[np.ndarray, "_ _ 3"]
Pixels = UInt8[np.ndarray, "batch height width 3"]
OtherPixels = UInt8[np.ndarray, "batch other_height other_width 3"]

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Question:
    """A prompt as the model's template writes it.

    Attributes:
        text: with the places of pictures in it, up to where the model goes on.
        places: what is shown there, in this order.
    """

    text: str
    places: tuple[Place, ...]


@final
@dataclass(frozen=True, eq=False)
class TransformersJudge:
    """Asks a model which picture is better, and what is wrong with one; its own processor prepares pictures.

    Attributes:
        model, processor: of transformers; the model is frozen and follows the images to their device.
        comparison, identification: what is asked.
        letters: the numbers of the pieces for A and B.
        generation: how answers are written: greedily.
        both: whether both orders are asked.
        facts: the source is that of the questions, and who answers.
    """

    model: Any
    processor: Any
    comparison: Question
    identification: Question
    letters: tuple[int, int]
    generation: Any
    both: bool
    facts: JudgeFacts

    @torch.inference_mode()
    def prefer(self, first: Images, second: SecondImages, scene: Scene) -> Scores:
        """The probability that the first of each pair is the better one; NaN where a pixel is not finite.

        Raises:
            ScoreError: the model cannot take such pictures, or there is no reference where one is wanted.
        """
        known = finite_rows(first) & finite_rows(second)
        ones, others = to_uint8(first[known]), to_uint8(second[known])
        shown_first = self._log_odds(ones, others, scene, first.device)
        shown_second = self._log_odds(others, ones, scene, first.device) if self.both else None
        probabilities = torch.full((len(first),), torch.nan)
        probabilities[known.cpu()] = preference(shown_first, shown_second)
        return probabilities.to(first.device)

    @torch.inference_mode()
    def describe(self, images: Images, scene: Scene) -> list[Diagnosis]:
        """One diagnosis an image, with the confidences of DepictQA and without severities.

        Raises:
            ScoreError: as `prefer`; an image is not finite, or the answer names no distortion.
        """
        if not finite_rows(images).all():
            raise ScoreError("an image has pixels that are NaN or infinite")
        rows = [{Place.IMAGE: image} for image in to_uint8(images)]
        portions = self._in_portions(self.identification, rows, scene, images.device, self._write)
        return [questions.diagnose(answer, self.facts.source) for portion in portions for answer in portion]

    def _log_odds(self, a: Pixels, b: OtherPixels, scene: Scene, device: torch.device) -> LogOdds:
        rows = [{Place.A: one, Place.B: other} for one, other in zip(a, b, strict=True)]
        found = self._in_portions(self.comparison, rows, scene, device, self._choose)
        return torch.cat([torch.zeros(0, dtype=torch.float64), *found])

    def _choose(self, inputs: Any) -> LogOdds:
        logits = self.model(**inputs).logits[:, -1, list(self.letters)].double().cpu()
        return logits[:, 0] - logits[:, 1]

    def _write(self, inputs: Any) -> list[list[Token]]:
        written = self.model.generate(
            **inputs, generation_config=self.generation, output_logits=True, return_dict_in_generate=True
        )
        numbers = written.sequences[:, -len(written.logits) :]
        probabilities = torch.stack(written.logits, 1).float().softmax(2)
        probabilities = probabilities.gather(2, numbers.unsqueeze(2))[:, :, 0]
        rows = zip(numbers.tolist(), probabilities.tolist(), strict=True)
        return [self._tokens(own, sure) for own, sure in rows]

    def _tokens(self, numbers: Sequence[int], probabilities: Sequence[float]) -> list[Token]:
        """An answer's tokens. Their texts are what each adds to the whole: decoded alone, pieces lose their spaces."""
        tokenizer, before, tokens = self.processor.tokenizer, "", []
        for count, (number, probability) in enumerate(zip(numbers, probabilities, strict=True), 1):
            if number in tokenizer.all_special_ids:
                break
            text = tokenizer.decode(numbers[:count], clean_up_tokenization_spaces=False)
            tokens.append(Token(text[len(before) :], min(1.0, probability)))
            before = text
        return tokens

    def _in_portions(
        self,
        question: Question,
        rows: Sequence[Mapping[Place, Picture]],
        scene: Scene,
        device: torch.device,
        answer: Callable[[Any], _Value],
    ) -> list[_Value]:
        """What the answer is to each portion: as many rows as half a gigabyte on a CPU holds, or four on a GPU.

        All rows have the same text and pictures of the same sizes, and so as many tokens: nothing is padded.
        """
        self.model.to(device)
        wanted = Place.REFERENCE in question.places
        given = {Place.REFERENCE: to_uint8(reference_of(scene, "vision_language"))[0]} if wanted else {}
        budget = 2**32 if device.type == "cuda" else 2**29
        step = max(1, budget // (BYTES_PER_PICTURE * len(question.places)))
        shown = [[{**given, **row}[place] for place in question.places] for row in rows]
        return [self._answers(question, shown[i : i + step], answer) for i in range(0, len(shown), step)]

    def _answers(
        self, question: Question, shown: list[list[Picture]], answer: Callable[[Any], _Value]
    ) -> _Value:
        try:
            inputs = self.processor(text=[question.text] * len(shown), images=shown, return_tensors="pt")
            return answer(inputs.to(self.model.device, self.model.dtype))
        except torch.OutOfMemoryError:
            raise  # the evaluator halves the batch
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise ScoreError(f"{self.facts.source}: {one_line(str(error)[:200])}") from error


def build(argument: str | None, *, reference: bool = False) -> TransformersJudge:
    """Any vision-language model of Hugging Face transformers: vision_language:PATH or vision_language:OWNER/MODEL.

    Raises:
        ConfigError: an option or a folder that cannot be used.
        MissingExtra: transformers or the weights are not here; says how to get them.
    """
    options = parse_options("vision_language", argument, OPTIONS, first="model")
    name = options["model"]
    if not name:
        raise ConfigError("which model? Give vision_language:PATH or vision_language:OWNER/MODEL")
    words = _one_of("words", options["words"], {word: word for word in questions.WORDINGS})
    both, dtype = _one_of("orders", options["orders"], ORDERS), _one_of("dtype", options["dtype"], DTYPES)
    folder = model_folder(name, is_complete)
    source = f"{questions.SOURCE}: its questions put to {one_line(name)}"
    model, processor = load_image_text_model(folder, dtype, source)
    return TransformersJudge(
        model=model,
        processor=processor,
        comparison=_question(processor, questions.comparison_prompt(reference, words), BEGUN, folder),
        identification=_question(processor, questions.identification_prompt(reference, words), "", folder),
        letters=_letters(processor.tokenizer, folder),
        generation=_greedy(model, processor.tokenizer),
        both=both,
        facts=JudgeFacts(source, reference, hashes_of(folder)),
    )


def _question(processor: Any, prompt: Prompt, begun: str, folder: Path) -> Question:
    content = [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in prompt]
    places = tuple(part for part in prompt if isinstance(part, Place))
    return Question(chat_prompt(processor, content, begun, folder), places)


def _letters(tokenizer: Any, folder: Path) -> tuple[int, int]:
    a, b = (piece_after(tokenizer, BEGUN, letter, folder) for letter in "AB")
    if a == b:
        raise ConfigError(
            f"{one_line(str(folder))}: its tokenizer does not tell A and B apart after {BEGUN!r}"
        )
    return a, b


def _greedy(model: Any, tokenizer: Any) -> Any:
    own = model.generation_config
    return type(own)(
        max_new_tokens=IDENTIFICATION_TOKENS,
        do_sample=False,
        eos_token_id=own.eos_token_id if own.eos_token_id is not None else tokenizer.eos_token_id,
        pad_token_id=own.pad_token_id if own.pad_token_id is not None else tokenizer.pad_token_id,
    )


def _one_of(key: str, value: str, known: Mapping[str, _Value]) -> _Value:
    if value not in known:
        raise UnknownName(f"vision_language {key}", value, list(known))
    return known[value]

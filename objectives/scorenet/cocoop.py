"""The prompt learners that CoCoOp's authors publish, as `objectives.scorenet.prompts.CoCoOpLearner`.

Layout: `ctx` [context, width]; `token_prefix` [classes, 1, width], the start of each prompt; `token_suffix`
[classes, tokens - 1 - context, width], name, full stop, end and padding; `meta_net.linear1.weight` [hidden, embedding],
`meta_net.linear2.weight` [width, hidden] and both biases; with the prefix `prompt_learner.` or without.

Source: Zhou, Yang, Loy and Liu 2022, Conditional prompt learning for vision-language models, arXiv:2203.05557.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from isptune.errors import ConfigError, one_line
from objectives.checkpoints.reading import load_strictly, read_checkpoint
from objectives.encoders.interface import ImageTextEncoder, Prompts
from objectives.scorenet.prompts import CoCoOpLearner, embedding_width, word_places

PREFIX = "prompt_learner."

TENSORS = {
    "ctx": 2,
    "token_prefix": 3,
    "token_suffix": 3,
    "meta_net.linear1.weight": 2,
    "meta_net.linear1.bias": 1,
    "meta_net.linear2.weight": 2,
    "meta_net.linear2.bias": 1,
}
"""Names and numbers of dimensions."""


def read_cocoop(path: Path, encoder: ImageTextEncoder, names: Sequence[str]) -> CoCoOpLearner:
    """A published prompt learner, with the tokens that stand in its file.

    Args:
        path: of the checkpoint.
        encoder: that it was trained for.
        names: of the classes, in its order; a full stop is put behind each, as published.

    Raises:
        ConfigError: the layout is another one, or does not fit the encoder or the number of names.
    """
    state = _state(path)
    words = encoder.embed_prompts([f"{name.replace('_', ' ')}." for name in names])
    marked = not bool(word_places(encoder, words)[:, 0].any())
    _require(
        path, marked, f"the prompts of {encoder.name} have no mark of their start, as token_prefix is one"
    )
    count, width = state["ctx"].shape
    classes, prefix = state["token_prefix"].shape[:2]
    tokens = prefix + count + state["token_suffix"].shape[1]
    ends = words.ends + count
    _require(
        path, classes == len(names), f"token_prefix is for {classes} classes, {len(names)} names were given"
    )
    own = words.embeddings.shape[2]
    _require(path, width == own, f"ctx has the width {width}, tokens of {encoder.name} have {own}")
    _require(path, int(ends.max()) < tokens, f"token_suffix ends before the prompts do, at token {tokens}")
    embedding = embedding_width(encoder, words)
    seen = state["meta_net.linear1.weight"].shape[1]
    _require(
        path,
        seen == embedding,
        f"meta_net.linear1.weight takes {seen} numbers, {encoder.name} gives {embedding}",
    )
    base = Prompts(torch.zeros(classes, tokens, width), ends)
    learner = CoCoOpLearner(base, prefix, count, embedding, len(state["meta_net.linear1.weight"]))
    load_strictly(learner, state, path)
    return learner.float().eval()


def _state(path: Path) -> Mapping[str, Tensor]:
    state = read_checkpoint(path)
    if any(key.startswith(PREFIX) for key in state):  # a whole model, of which this is a part
        state = {key.removeprefix(PREFIX): value for key, value in state.items() if key.startswith(PREFIX)}
    for key, dimensions in TENSORS.items():
        _require(path, key in state, f"missing: {key}")
        shape = list(state[key].shape)
        _require(path, len(shape) == dimensions and 0 not in shape, f"{key} has the shape {shape}")
    return state


def _require(path: Path, holds: bool, fault: str) -> None:
    if not holds:
        raise ConfigError(f"{one_line(str(path))}: is no prompt learner of CoCoOp for this: {fault}")

"""ScoreNet's and CoCoOp's prompts against their formulas in plain numpy, and the plain prompts they begin at."""

import math

import numpy as np
import pytest
import torch

from isptune.errors import ConfigError
from objectives.scorenet.prompts import (
    HEADS,
    Design,
    PromptLearner,
    cocoop_learner,
    level_embeddings,
    plain_prompts,
    scorenet_learner,
    shared_words,
    word_places,
)
from tests.objectives.fake_encoder import EMBEDDING, FakeEncoder

METRICS = 3


@pytest.fixture(params=[True, False], ids=["marks", "words alone"])
def encoder(request):
    return FakeEncoder(marks=request.param)


@pytest.fixture
def embeddings():
    drawn = torch.randn(5, EMBEDDING, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.normalize(drawn, dim=1)


@pytest.fixture
def metrics():
    return torch.randn(5, METRICS, generator=torch.Generator().manual_seed(2))


def randomised(module, seed=3):
    """Every parameter drawn anew."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return module.eval()


def gelu(x):
    return np.array([0.5 * v * (1 + math.erf(v / 2**0.5)) for v in x.ravel()]).reshape(x.shape)


@pytest.mark.parametrize("head", HEADS.values(), ids=lambda head: head.name)
@pytest.mark.parametrize("expansion", ["sum", "product"])
def test_an_untrained_learner_gives_the_plain_prompts_exactly(encoder, embeddings, metrics, head, expansion):
    plain = plain_prompts(encoder, head)(embeddings, metrics)
    learner = scorenet_learner(encoder, head, METRICS, Design(expansion)).eval()
    tokens = learner(embeddings, metrics)
    assert torch.equal(tokens, plain[:, :, : tokens.shape[2]])
    assert int(learner.ends.max()) == tokens.shape[2] - 1
    assert torch.equal(cocoop_learner(encoder, head)(embeddings, metrics), plain)


@pytest.mark.parametrize("expansion", ["sum", "product"])
def test_an_untrained_learner_has_a_slope(encoder, embeddings, metrics, expansion):
    learner = scorenet_learner(encoder, HEADS["align"], METRICS, Design(expansion, dropout=0.0))
    levels = level_embeddings(encoder, learner, embeddings, metrics)
    HEADS["align"].score(embeddings, levels, 20.0).sum().backward()
    assert float(learner.merge.weight.grad.abs().max()) > 1e-4


@pytest.mark.parametrize("expansion", ["sum", "product"])
@pytest.mark.parametrize("parts", ["both", "metrics", "image"])
def test_tokens_are_those_of_the_formula(encoder, embeddings, metrics, expansion, parts):
    design = Design(expansion, parts != "image", parts != "metrics", (7, 6), (5,))
    learner = randomised(scorenet_learner(encoder, HEADS["clip"], METRICS, design))
    learner.standardise(embeddings)
    state = {key: value.double().numpy() for key, value in learner.state_dict().items()}

    def generator(name, x, layers):
        for layer in range(layers):
            weight, bias = (state[f"{name}.{3 * layer}.{kind}"] for kind in ("weight", "bias"))
            x = gelu(x @ weight.T + bias)
        return x

    hidden = []
    if parts != "image":
        hidden.append(generator("metric_context", metrics.double().numpy(), 2))
    if parts != "metrics":
        x = embeddings.double().numpy()
        hidden.append(generator("image_context", np.clip((x - x.mean(0)) / x.std(0), -4, 4), 1))
    both = np.concatenate(hidden, 1) @ state["merge.weight"].T + state["merge.bias"]
    words = encoder.embed_prompts(HEADS["clip"].prompts).embeddings.double().numpy()
    down, across = both[:, :3], both[:, 3:]  # good, photo, full stop
    first = int(encoder.marks)
    matrix = np.stack(
        [
            u[:, None] + v[None] if expansion == "sum" else np.outer(1 + u, v)
            for u, v in zip(down, across, strict=True)
        ]
    )
    spread = np.sqrt((words[:, first : first + 3] ** 2).mean())
    expected = np.repeat(words[None, :, : 3 + 2 * first], len(both), 0)
    expected[:, :, first : first + 3] += spread * matrix[:, None]
    # float32 against float64, values near 1.
    np.testing.assert_allclose(learner(embeddings, metrics).detach().numpy(), expected, atol=2e-6)


def test_start_end_and_padding_are_never_changed(encoder, embeddings, metrics):
    base = encoder.embed_prompts(["Good photo.", "The quality of the image is bad"])
    learner = randomised(PromptLearner(base, word_places(encoder, base), EMBEDDING, METRICS, Design()))
    changed = (learner(embeddings, metrics) != base.embeddings[:, : int(base.ends.max()) + 1]).any(3).any(0)
    mark = [False] * encoder.marks
    assert changed[0].tolist() == mark + [True] * 3 + [False] * 4 + mark
    assert changed[1].tolist() == mark + [True] * 7 + mark


def test_an_image_has_the_same_prompts_alone_and_in_a_batch(encoder, embeddings, metrics):
    learner = randomised(scorenet_learner(encoder, HEADS["align"], METRICS, Design()))
    together = level_embeddings(encoder, learner, embeddings, metrics)
    for i in range(len(embeddings)):
        alone = level_embeddings(encoder, learner, embeddings[i : i + 1], metrics[i : i + 1])
        torch.testing.assert_close(alone[0], together[i], atol=1e-6, rtol=0)


def test_heads_weigh_their_levels_by_how_well_they_fit(encoder, embeddings, metrics):
    levels = level_embeddings(encoder, plain_prompts(encoder, HEADS["align"]), embeddings, metrics)
    x, y = embeddings.double().numpy(), levels.double().numpy()
    logits = 20 * np.einsum("bd,bld->bl", x, y)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = shares @ [1, 0.75, 0.5, 0.25, 0]
    scores = HEADS["align"].score(embeddings, levels, 20.0)
    np.testing.assert_allclose(scores.numpy(), expected, atol=1e-6)
    assert HEADS["align"].prompts[1] == "The quality of the image is good"
    pair = HEADS["clip"].score(embeddings, levels[:, :2], 20.0)
    np.testing.assert_allclose(pair.numpy(), 1 / (1 + np.exp(logits[:, 1] - logits[:, 0])), atol=1e-6)


@pytest.mark.parametrize(("head", "start", "count"), [("align", 0, 6), ("clip", 1, 2)])
def test_the_context_takes_the_place_of_the_words_that_prompts_share(encoder, head, start, count):
    base = encoder.embed_prompts(HEADS[head].prompts)
    assert shared_words(base, word_places(encoder, base)) == (start + encoder.marks, count)


def test_prompts_that_share_no_word_have_no_room_for_a_context(encoder):
    base = encoder.embed_prompts(["good photo", "bad image"])
    with pytest.raises(ConfigError, match="share no word"):
        shared_words(base, word_places(encoder, base))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"expansion": "outer"}, "sum or product"),
        ({"use_metrics": False, "use_image": False}, "plain"),
        ({"metric_widths": ()}, "widths"),
        ({"image_widths": (0,)}, "widths"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_designs_that_cannot_be_built_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Design(**options)


def test_a_context_from_metrics_needs_metrics(encoder):
    with pytest.raises(ConfigError, match="one metric or more"):
        scorenet_learner(encoder, HEADS["align"], 0, Design())

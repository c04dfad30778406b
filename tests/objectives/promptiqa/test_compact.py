"""The compact PromptIQA: its closed form against NumPy, what it must not depend on, and its file."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from isptune.errors import ConfigError
from isptune.scenes.scene import bundled
from objectives.encoders.bundled_encoder import build as build_encoder
from objectives.promptiqa.compact import (
    WEIGHTS_FILE,
    CompactNetwork,
    CompactPromptIqa,
    CompactSize,
    Regressions,
    limited,
    pack,
    read_compact,
)
from objectives.promptiqa.promptiqa import PromptedNetwork

SMALL = CompactSize(
    components=12, hidden=16, token=8, heads=2, rating_depth=1, prompt_depth=1, scoring_depth=1, kernels=4,
    kernel_width=3,
)  # fmt: skip


def small_network(seed=0):
    torch.manual_seed(seed)
    network = CompactNetwork(SMALL)
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.2 * torch.randn_like(value))
        network.basis.normal_(0, 0.05)
    return network.eval()


@pytest.fixture(scope="module")
def objective():
    return CompactPromptIqa(build_encoder(), small_network(), {})


@pytest.fixture(scope="module")
def pictures():
    """Twelve versions of one piece of a photograph, 96 x 64."""
    image = bundled("coffee")[0].image[:, :, 100:164, 200:296]
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    strengths = torch.linspace(0, 0.3, 12).view(-1, 1, 1, 1)
    return (image ** torch.linspace(0.5, 2, 12).view(-1, 1, 1, 1) + strengths * noise).clamp(0, 1)


def test_regressions_are_those_of_gaussian_processes():
    """Rasmussen and Williams 2006, equation 2.25, in float64 by NumPy, one row and one kernel at a time."""
    torch.manual_seed(3)
    ours = Regressions(SMALL).double()
    ours.log_noise.data.normal_()
    tokens, others = torch.randn(2, 5, 8).double(), torch.randn(2, 7, 8).double()
    scores = torch.rand(2, 5).double()
    predicted = ours.predict(others, ours.fit(tokens, scores)).detach().numpy()
    weight, bias = ours.features.weight.detach().numpy(), ours.features.bias.detach().numpy()
    for row in range(2):
        for kernel in range(4):
            part = slice(3 * kernel, 3 * kernel + 3)
            a, b = ((x[row].numpy() @ weight[part].T + bias[part]) / 3**0.5 for x in (tokens, others))
            if kernel < 2:
                inner, outer = a @ a.T, b @ a.T
            else:
                inner, outer = (np.exp(-((x[:, None] - a[None]) ** 2).sum(2) / 2) for x in (a, b))
            noise = np.log1p(np.exp(float(ours.log_noise[kernel].detach()))) + 0.01
            y = scores[row].numpy()
            expected = y.mean() + outer @ np.linalg.solve(inner + noise * np.eye(5), y - y.mean())
            np.testing.assert_allclose(predicted[row, :, kernel], expected, atol=1e-10)
            np.testing.assert_allclose(predicted[row, :, 4 + kernel], outer.max(1), atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 10, 20])
def test_the_order_of_a_prompt_does_not_matter_and_it_may_have_3_to_20_pictures(objective, pictures, count):
    features = objective.encode(pictures[torch.arange(count) % 12])
    scores = torch.rand(count, generator=torch.Generator().manual_seed(count))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1))
    one = objective.score(features, objective.prompts(features, scores))
    other = objective.score(features, objective.prompts(features[order], scores[order]))
    assert one.unique().numel() > 2
    torch.testing.assert_close(other, one, atol=1e-5, rtol=0)  # sums over the prompt in another order


def test_what_a_prompt_says_changes_scores(objective, pictures):
    features = objective.encode(pictures)
    scores = torch.linspace(0, 1, 12)
    up, down = (objective.score(features, objective.prompts(features, s)) for s in (scores, 1 - scores))
    assert (up - down).abs().max() > 0.05


@pytest.mark.slow
def test_pictures_of_any_size_are_scored_each_for_itself(objective, pictures):
    tokens = objective.prompts(objective.encode(pictures), torch.linspace(0, 1, 12))
    together = objective.score(objective.encode(pictures), tokens)
    alone = torch.cat([objective.score(objective.encode(p.unsqueeze(0)), tokens) for p in pictures])
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)  # matrix products of other shapes
    for height, width in ((17, 40), (64, 96), (333, 201), (700, 640)):
        image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
        assert objective.score(objective.encode(image), tokens).isfinite().all()
    assert objective.score(objective.encode(pictures[:0]), tokens).shape == (0,)


def test_scores_are_limited_without_losing_their_order():
    scores = torch.linspace(-3, 4, 50)
    found = limited(scores)
    assert (found.diff() > 0).all()
    assert found.min() > -1
    assert found.max() < 2
    inside = torch.linspace(0, 1, 11)
    torch.testing.assert_close(limited(inside), inside, atol=0.02, rtol=0)


def test_the_two_parts_work_as_the_protocol_says(objective):
    assert isinstance(objective, PromptedNetwork)
    assert objective.to(torch.device("cpu")) is objective


@pytest.mark.slow
def test_a_network_is_written_and_read(tmp_path, pictures):
    encoder = build_encoder()
    network, path = small_network(), tmp_path / "mine.safetensors"
    pack(network, next(iter(encoder.weights.values())), path)
    read = read_compact(path)
    ours = CompactPromptIqa(encoder, network, {})
    scores = torch.linspace(0, 1, 12)
    expected, found = (
        one.score(one.encode(pictures), one.prompts(one.encode(pictures), scores)) for one in (ours, read)
    )
    torch.testing.assert_close(found, expected, atol=2e-2, rtol=0)  # weights are rounded to fp16
    assert not any(value.requires_grad for value in read.network.parameters())


@pytest.mark.slow
def test_files_of_another_kind_are_refused_in_one_line(tmp_path):
    encoder = next(iter(build_encoder().weights.values()))
    good = tmp_path / "good.safetensors"
    pack(small_network(), encoder, good)
    state = load_file(good)
    size = json.dumps(asdict(SMALL))

    def saved(name, tensors, metadata):
        save_file(tensors, tmp_path / name, metadata)
        return tmp_path / name

    (tmp_path / "text.safetensors").write_text("no tensors")
    unprompted = tmp_path / "unprompted.safetensors"
    pack(CompactNetwork(CompactSize(components=12, prompted=False)), encoder, unprompted)
    cases = {
        tmp_path / "absent.safetensors": "no such file",
        tmp_path / "text.safetensors": "is no compact PromptIQA",
        saved("a.safetensors", state, {}): "its format is None",
        saved("b.safetensors", state, {"format": "isptune promptiqa 1", "size": '{"depth": 3}'}): "'depth'",
        saved("c.safetensors", state, {"format": "isptune promptiqa 1"}): "'size'",
        saved(
            "d.safetensors", state, {"format": "isptune promptiqa 1", "size": size, "encoder": "f" * 64}
        ): "another encoder than the bundled one",
        saved(
            "e.safetensors", {"mean": state["mean"]}, {"format": "isptune promptiqa 1", "size": size}
        ): "layout is not that of the network",
        unprompted: "without prompts",
    }
    for path, message in cases.items():
        with pytest.raises(ConfigError, match=message) as refused:
            read_compact(path)
        assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_the_bundled_network_reads_a_taste_from_ten_pictures():
    """Versions of one photograph rated by how noisy they are, then another photograph: the order must come out."""
    network = read_compact()
    assert WEIGHTS_FILE.stat().st_size <= 12_000_000
    rated, other = (noisy(name) for name in ("cat", "astronaut"))
    for likes_noise in (False, True):
        scores = torch.linspace(0, 1, 10) if likes_noise else torch.linspace(1, 0, 10)
        tokens = network.prompts(network.encode(rated), scores)
        found = network.score(network.encode(other), tokens)
        assert np.corrcoef(found.numpy(), scores.numpy())[0, 1] > 0.8


def noisy(name):
    image = bundled(name)[0].image[:, :, 60:188, 100:260]
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(5))
    return (image + torch.linspace(0, 0.15, 10).view(-1, 1, 1, 1) * noise).clamp(0, 1)

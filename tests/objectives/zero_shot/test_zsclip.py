"""ZSCLIP-IQA on a small stand-in for an encoder, against the paper's formulae written out in numpy."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from isptune.errors import ConfigError, UnknownName
from isptune.interfaces import Objective
from isptune.scenes.scene import photograph
from isptune.testing import check_objective
from objectives.encoders.interface import ImageTextEncoder, Prompts
from objectives.zero_shot import zsclip
from objectives.zero_shot.zsclip import LABEL_LISTS, build, read_labels


class StandIn:
    """Looks at the mean colour of four quarters; a prompt's direction follows from its letters."""

    name, source, temperature = "stand-in", "none", 50.0
    weights = {"encoder.bin": "0" * 64}

    def __init__(self):
        self.read = []

    def encode_images(self, images):
        quarters = F.adaptive_avg_pool2d(images, 2).flatten(1)
        return F.normalize(quarters + 0.1, dim=1)

    def embed_prompts(self, prompts):
        self.read += prompts
        rows = [[math.sin(1 + i * sum(map(ord, prompt))) for i in range(12)] for prompt in prompts]
        return Prompts(torch.tensor(rows).unsqueeze(1), torch.zeros(len(prompts), dtype=torch.long))

    def encode_prompts(self, prompts):
        return F.normalize(prompts.embeddings[:, 0], dim=1)


@pytest.fixture
def encoder(monkeypatch):
    stand_in = StandIn()
    assert isinstance(stand_in, ImageTextEncoder)
    monkeypatch.setattr(zsclip, "build_encoder", lambda spec: stand_in)
    return stand_in


@pytest.fixture
def images():
    return torch.rand(4, 3, 40, 50, generator=torch.Generator().manual_seed(0))


def score(spec, images):
    return build(spec).score(images, photograph("x", images[:1]))


def expected(encoder, images, prompts, temperature, which):
    """Section 6.1: unit vectors, cosines, softmax; then the largest probability, the entropy, the largest cosine."""
    z = encoder.encode_images(images).double().numpy()
    w = encoder.encode_prompts(encoder.embed_prompts(prompts)).double().numpy()
    s = temperature * z @ w.T
    y = np.exp(s) / np.exp(s).sum(1, keepdims=True)
    return {"p": y.max(1), "h": -(y * np.log(y)).sum(1), "l": s.max(1)}[which]


@pytest.mark.parametrize("which", ["p", "h", "l"])
@pytest.mark.parametrize(("given", "temperature"), [("1", 1), ("model", 50), ("2.5", 2.5)])
def test_scores_are_those_of_the_paper(encoder, images, which, given, temperature):
    spec = f"cifar10,score={which},temperature={given}"
    prompts = [f"a photo of a {label}." for label in LABEL_LISTS["cifar10"].labels]
    # Cosines are float32, and the temperature multiplies their rounding too; everything after is float64.
    theirs = expected(encoder, images, prompts, temperature, which)
    np.testing.assert_allclose(score(spec, images), theirs, rtol=2e-6 * temperature)


def test_entropies_of_bare_cosines_keep_their_order(encoder, images):
    """In float32 those of images that differ by a level in one pixel would be the same."""
    other = images[:1].clone()
    other[0, 0, 0, 0] += 1 / 255
    first, second = (score("cifar10,score=h", batch) for batch in (images[:1], other))
    assert first.dtype == torch.float64
    assert float(first) != float(second)
    assert first.float().item() == pytest.approx(second.float().item(), rel=1e-6)


@pytest.mark.parametrize(("which", "direction"), [("p", "maximize"), ("h", "minimize"), ("l", "maximize")])
def test_it_keeps_the_contract_of_objectives(encoder, images, which, direction):
    objective = build(f"cifar10,score={which}")
    check_objective(objective, images, photograph("x", images[:1]))
    assert objective.facts.direction == direction
    assert isinstance(objective, Objective)
    assert objective.facts.weights == {"encoder.bin": "0" * 64}


def test_the_default_asks_how_near_the_names_of_good_photographs_are(encoder, images):
    scores = score(None, images)
    assert encoder.read[0] == "excellent photo"
    prompts = [f"{label} photo" for label in LABEL_LISTS["quality"].labels]
    np.testing.assert_allclose(scores, expected(encoder, images, prompts, 1, "l"), rtol=2e-6)


def test_labels_come_from_a_file_whose_hash_is_kept(encoder, images, tmp_path):
    file = tmp_path / "pets.txt"
    file.write_text("# pets\n\ntabby cat\n  poodle \n", encoding="utf-8-sig")
    objective = build(f"labels={file},score=p,temperature=model")
    assert encoder.read == ["a photo of a tabby cat.", "a photo of a poodle."]
    assert sorted(objective.facts.weights) == ["encoder.bin", "pets.txt"]
    assert objective.facts.range == (0.5, 1.0)


def test_directions_of_several_templates_are_averaged(encoder):
    objective = build("cifar10,template=a {}|{} in the rain")
    each = [
        encoder.encode_prompts(encoder.embed_prompts([f"a {label}", f"{label} in the rain"]))
        for label in LABEL_LISTS["cifar10"].labels
    ]
    mean = torch.stack([pair.mean(0) / pair.mean(0).norm() for pair in each])
    torch.testing.assert_close(objective.labels, mean)


@pytest.mark.parametrize("which", ["p", "h", "l"])
def test_flat_and_tiny_images_have_finite_scores_and_nan_gives_nan(encoder, which):
    images = torch.stack([torch.full((3, 32, 32), value) for value in (0.0, 1.0, 0.3)])
    images[2, 1, 4, 4] = math.nan
    assert score(f"cifar10,score={which}", images).isnan().tolist() == [False, False, True]


def test_no_images_have_no_scores(encoder):
    assert score("cifar10", torch.zeros(0, 3, 32, 32)).shape == (0,)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds 0 labels"),
        (b"# only\ncat\n", "holds 1 labels"),
        (b"cat\ndog\ncat\n", "'cat' 2 times"),
        (b"\xff\xfe\x00\x01", "cannot be read"),
    ],
)
def test_files_that_hold_no_labels_are_refused(content, reason, tmp_path):
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(ConfigError, match=reason):
        read_labels(tmp_path / "labels.txt")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("labels=imagenet", "neither a file nor one of cifar10, quality"),
        ("labels=", "neither a file"),
        ("cifar10,temperature=0", "a number above 0; got '0'"),
        ("cifar10,temperature=hot", "a number above 0; got 'hot'"),
        ("cifar10,temperature=inf", "a number above 0"),
        ("cifar10,template=a photo", "names its label once"),
        ("cifar10,template={} {}", "names its label once"),
        ("cifar10,depth=3", "is not one of its options"),
    ],
)
def test_wrong_options_are_refused(encoder, spec, reason):
    with pytest.raises(ConfigError, match=reason):
        build(spec)


def test_unknown_scores_are_refused_before_an_encoder_is_built(monkeypatch):
    monkeypatch.setattr(zsclip, "build_encoder", lambda spec: pytest.fail("built"))
    with pytest.raises(UnknownName, match="there are: h, l, p"):
        build("cifar10,score=q")

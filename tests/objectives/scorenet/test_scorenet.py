"""The objective: its score in plain numpy, the contract of all objectives, and files that are refused."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from isptune.errors import ConfigError, MissingExtra
from isptune.scenes.scene import bundled
from isptune.testing import check_objective
from objectives.encoders import build as encoders
from objectives.encoders.interface import Prompts
from objectives.no_reference.lightweight_metrics import LightweightMetrics, Standardisation
from objectives.scorenet import scorenet as family
from objectives.scorenet.files import LearnedFor, write_prompts
from objectives.scorenet.prompts import HEADS, Design, scorenet_learner
from tests.objectives.fake_encoder import FakeEncoder
from tests.objectives.scorenet.test_prompts import randomised

NAMES = ("tv", "noise")
SCALE = Standardisation((1.0, 1.5), (0.5, 1.0))


@pytest.fixture(autouse=True)
def fake_encoders(monkeypatch):
    monkeypatch.setitem(encoders._KINDS, "fake", lambda argument: FakeEncoder(int(argument or 0)))


@pytest.fixture(scope="module")
def scene():
    return bundled("coffee")[0]


@pytest.fixture(scope="module")
def images(scene):
    image = scene.image[:, :, 100:164, 150:230]
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    return torch.cat(
        [image, (image + 0.1 * noise).clamp(0, 1), torch.zeros_like(image), torch.ones_like(image)]
    )


def learned_for(encoder, head="align", design=Design(), names=NAMES, scale=SCALE):  # noqa: B008
    return LearnedFor("fake", encoder.weights, head, names, scale, design, {"seed": 1})


@pytest.fixture
def file(tmp_path):
    """A file of random prompts."""
    path = tmp_path / "mine.safetensors"
    encoder = FakeEncoder()
    write_prompts(
        path, randomised(scorenet_learner(encoder, HEADS["align"], 2, Design())), learned_for(encoder)
    )
    return path


def test_the_objective_keeps_the_contract(file, images, scene):
    objective = family.scorenet(str(file))
    check_objective(objective, images, scene, tolerance=1e-5)
    assert set(objective.facts.weights) == {"fake.safetensors", "mine.safetensors"}
    assert objective.facts.direction == "maximize"


def test_the_score_is_that_of_its_parts(file, images, scene):
    encoder = FakeEncoder()
    learner = randomised(scorenet_learner(encoder, HEADS["align"], 2, Design()))
    metrics = (LightweightMetrics(NAMES).measure(images) - torch.tensor(SCALE.mean)) / torch.tensor(
        SCALE.deviation
    )
    expected = []
    for image, values in zip(images, metrics.clamp(-4, 4), strict=True):  # one by one, level by level
        embedding = encoder.encode_images(image[None])
        tokens = learner(embedding, values[None])[0].detach()
        logits = [
            20 * float(encoder.encode_prompts(Prompts(row[None], end[None]))[0] @ embedding[0])
            for row, end in zip(tokens, learner.ends, strict=True)
        ]
        shares = np.exp(logits) / np.exp(logits).sum()
        expected.append(float(shares @ [1, 0.75, 0.5, 0.25, 0]))
    scores = family.scorenet(str(file)).score(images, scene)
    np.testing.assert_allclose(scores.numpy(), expected, atol=1e-5)
    assert len(set(scores.tolist())) == len(images)


def test_untrained_prompts_score_as_the_plain_ones_do(tmp_path, images, scene):
    path, encoder = tmp_path / "plain.safetensors", FakeEncoder()
    write_prompts(
        path,
        scorenet_learner(encoder, HEADS["clip"], 2, Design("product")),
        learned_for(encoder, "clip", Design("product")),
    )
    words = encoder.encode_prompts(encoder.embed_prompts(HEADS["clip"].prompts))
    expected = (20 * encoder.encode_images(images) @ words.T).softmax(1)[:, 0]
    for build in (family.scorenet, family.scorenet_clip):
        torch.testing.assert_close(build(str(path)).score(images, scene), expected, atol=1e-6, rtol=0)


def test_a_picture_with_nan_scores_nan_and_none_scores_none(file, images, scene):
    objective = family.scorenet(str(file))
    spoilt = images.clone()
    spoilt[1, 0, 3, 3] = torch.nan
    scores = objective.score(spoilt, scene)
    assert scores.isnan().tolist() == [False, True, False, False]
    torch.testing.assert_close(scores[2:], objective.score(images, scene)[2:])
    assert objective.score(images[:0], scene).shape == (0,)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (33, 9), (300, 410)])
def test_pictures_of_any_size_have_a_score(file, scene, height, width):
    picture = scene.image[:, :, :height, :width]
    score = family.scorenet(str(file)).score(picture, scene)
    assert 0 <= float(score) <= 1


def test_without_bundled_prompts_it_says_how_to_learn_some(monkeypatch, tmp_path):
    monkeypatch.setattr(family, "BUNDLED", tmp_path)
    for build, name in ((family.scorenet, "align"), (family.scorenet_clip, "clip")):
        with pytest.raises(MissingExtra, match=rf"scorenet_{name}\.safetensors.*isptune train scorenet"):
            build(None)


def test_another_encoder_is_refused(file):
    with pytest.raises(ConfigError, match="learned on fake .*not on fake"):
        family.scorenet(f"{file},encoder=fake:1")
    assert family.scorenet(f"{file},encoder=fake:0").facts.weights


def test_the_named_scorers_refuse_prompts_for_the_other_head(file):
    assert family.scorenet_align(str(file)).head.name == "align"
    with pytest.raises(ConfigError, match="head align, not clip"):
        family.scorenet_clip(str(file))


def rewritten(file, described=None, tensors=None):
    with safe_open(file, framework="pt") as held:
        text = json.loads(held.metadata()["scorenet"])
    state = {**load_file(file), **(tensors or {})}
    state = {key: value for key, value in state.items() if value is not None}
    save_file(state, file, {"scorenet": json.dumps({**text, **(described or {})})})


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"version": 2}, "version 2"),
        ({"head": "other"}, "head 'other'"),
        ({"metrics": ["tv", "tvv"]}, "tvv"),
        ({"metrics": ["tv"]}, "1 metrics, 2 means"),
        ({"deviation": [1.0, 0.0]}, "above 0"),
        ({"mean": [1.0, "x"]}, r"mean\[1\] = \'x\' must be a number"),
        ({"encoder": 3}, "encoder = 3 must be text"),
        ({"design": {}}, "design has"),
        ({"surplus": 1}, "unknown key 'surplus'; known are: version"),
    ],
)
def test_metadata_of_another_form_is_refused(file, described, message):
    rewritten(file, described)
    with pytest.raises(ConfigError, match=message):
        family.scorenet(str(file))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"merge.weight": None}, r"missing: merge\.weight"),
        ({"more": torch.ones(1)}, "unexpected: more"),
        ({"merge.bias": torch.ones(3)}, r"of another shape: merge\.bias"),
        ({"image_mean": torch.full((12,), torch.nan)}, "not finite: image_mean"),
    ],
)
def test_tensors_of_another_layout_are_refused_with_their_names(file, tensors, message):
    rewritten(file, tensors=tensors)
    with pytest.raises(ConfigError, match=message):
        family.scorenet(str(file))


def test_files_that_are_none_of_ours_are_refused(file, tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        family.scorenet(str(tmp_path / "nothing.safetensors"))
    save_file({"x": torch.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ConfigError, match="no entry 'scorenet'"):
        family.scorenet(str(tmp_path / "other.safetensors"))
    for content in (b"", file.read_bytes()[:100], b"\x80\x04K\x01."):
        (tmp_path / "damaged.safetensors").write_bytes(content)
        with pytest.raises(ConfigError, match="cannot be read"):
            family.scorenet(str(tmp_path / "damaged.safetensors"))

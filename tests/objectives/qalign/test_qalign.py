"""Q-Align on mPLUG-Owl2 at a tiny size, on an encoder of the test's own, and on a model of transformers."""

import json
import logging
import math
import sys
from dataclasses import dataclass, field

import pytest
import torch

from isptune.errors import ConfigError, MissingExtra, UnknownName
from isptune.interfaces import Objective
from isptune.scenes.scene import load_scenes
from isptune.testing import check_objective
from objectives.checkpoints.reading import sha256_of
from objectives.encoders.interface import Prompts
from objectives.encoders.padded_square import padded_square
from objectives.language_models.level_words import require_five
from objectives.language_models.llama_tokenizer import read_tokenizer
from objectives.qalign import qalign as module
from objectives.qalign.qalign import PUBLISHED, qalign
from tests.objectives.language_models import mplug_owl2_oracle as oracle

LEVELS = ["excellent", "good", "fair", "poor", "bad"]


@pytest.fixture(scope="module")
def state():
    return oracle.tensors_by_recipe()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, state):
    return oracle.write_folder(tmp_path_factory.mktemp("owl") / "tiny", state)


@pytest.fixture(scope="module")
def scene():
    return load_scenes(["astronaut"], crop="72x64+190+40")[0]


@pytest.fixture(scope="module")
def pictures(scene):
    noise = torch.randn(scene.image.shape, generator=torch.Generator().manual_seed(0))
    return torch.cat([scene.image, (scene.image + 0.2 * noise).clamp(0, 1), scene.image * 0.4])


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache of the hub, and no leave to download."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("ISPTUNE_ALLOW_DOWNLOADS", raising=False)
    return tmp_path / "hub"


@dataclass
class Brightness:
    """An encoder in which images and prompts are angles: bright images look like the first prompt."""

    name: str = "brightness"
    weights: dict = field(default_factory=lambda: {"brightness.safetensors": "0" * 64})
    source: str = "Somebody 2025, Brightness"
    temperature: float = 4.0
    asked: list = field(default_factory=list)

    def encode_images(self, images):
        return embeddings(1.5 * (1 - images.mean((1, 2, 3))))

    def embed_prompts(self, prompts):
        self.asked.append(list(prompts))
        return Prompts(
            torch.arange(len(prompts)).float().view(-1, 1, 1), torch.zeros(len(prompts), dtype=torch.int64)
        )

    def encode_prompts(self, prompts):
        return embeddings(prompts.embeddings[:, 0, 0] * 1.5 / 4)


def embeddings(angles):
    return torch.stack([angles.cos(), angles.sin()], 1)


@pytest.fixture
def brightness(monkeypatch):
    encoder = Brightness()
    monkeypatch.setattr(module, "build_encoder", lambda spec: encoder)
    return encoder


def expected_scores(folder, state, pictures, task="quality", weights=(5, 4, 3, 2, 1)):
    """The scores from the second implementation of the network, with the prompt spelled out."""
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    # A space goes before either part: they are tokenized apart.
    before = [
        vocabulary["<s>"],
        *letters(vocabulary, f" USER: How would you rate the {task} of this image?\n"),
    ]
    after = letters(vocabulary, f" \nASSISTANT: The {task} of the image is")
    logits = oracle.logits(state, padded_square(pictures, 56), before, after)
    chosen = torch.from_numpy(logits[:, [vocabulary[f"\u2581{level}"] for level in LEVELS]])
    return (chosen.softmax(1) @ torch.tensor(weights, dtype=torch.float64)).float()


def letters(vocabulary, text):
    return [vocabulary["\u2581" if letter == " " else letter] for letter in text]


@pytest.mark.parametrize("task", ["quality", "aesthetics"])
def test_scores_are_the_mean_level_after_the_published_prompt(folder, state, pictures, scene, task):
    objective = qalign(f"{folder},task={task}")
    # float32 against float64: 2e-7 of five levels.
    torch.testing.assert_close(
        objective.score(pictures, scene), expected_scores(folder, state, pictures, task), atol=1e-5, rtol=0
    )


def test_scores_from_zero_to_one_are_the_same_on_another_scale(folder, pictures, scene):
    levels, shares = qalign(str(folder)), qalign(f"{folder},scores=0-1")
    assert (levels.facts.range, shares.facts.range) == ((1.0, 5.0), (0.0, 1.0))
    torch.testing.assert_close(shares.score(pictures, scene) * 4 + 1, levels.score(pictures, scene))


def test_the_objective_says_what_it_is(folder):
    objective = qalign(str(folder))
    assert isinstance(objective, Objective)
    assert objective.facts.direction == "maximize"
    assert "Q-Align" in objective.facts.source
    assert str(folder) in objective.facts.source
    files = ("model.safetensors", "config.json", "tokenizer.json")
    assert objective.facts.weights == {name: sha256_of(folder / name) for name in files}


def test_the_objective_keeps_the_contract(folder, pictures, scene):
    check_objective(qalign(str(folder)), pictures, scene)


@pytest.mark.parametrize("size", [(32, 32), (32, 90), (200, 57)])
def test_extreme_images_have_finite_scores_in_range(folder, scene, size):
    images = torch.stack([torch.full((3, *size), value) for value in (0.0, 0.5, 1.0)])
    scores = qalign(str(folder)).score(images, scene)
    assert scores.isfinite().all()
    assert ((scores >= 1) & (scores <= 5)).all()


def test_nan_in_one_image_gives_nan_for_it_alone(folder, pictures, scene):
    spoilt = pictures.clone()
    spoilt[1, 0, 3, 3] = math.nan
    assert qalign(str(folder)).score(spoilt, scene).isnan().tolist() == [False, True, False]


def test_portions_give_what_the_whole_batch_gives(folder, pictures, scene, monkeypatch):
    objective = qalign(str(folder))
    whole = objective.score(pictures, scene)
    calls = []
    network = objective.rater.network
    network.register_forward_pre_hook(lambda _, arguments: calls.append(len(arguments[0])))
    monkeypatch.setattr(type(network.size), "bytes_per_image", lambda *_: 2**28)
    torch.testing.assert_close(objective.score(pictures, scene), whole, atol=1e-5, rtol=0)
    assert calls == [2, 1]


def test_bfloat16_and_float32_can_be_asked_for(folder, pictures, scene):
    exact = qalign(f"{folder},dtype=fp32")
    rounded = qalign(f"{folder},dtype=bf16")
    assert (exact.rater.network.dtype, rounded.rater.network.dtype) == (torch.float32, torch.bfloat16)
    # Eight bits of precision: a few hundredths of a level.
    torch.testing.assert_close(rounded.score(pictures, scene), exact.score(pictures, scene), atol=0.1, rtol=0)
    assert not torch.equal(rounded.score(pictures, scene), exact.score(pictures, scene))


def test_published_weights_are_taken_from_the_cache(cache, folder, pictures, scene, caplog):
    commit = "a" * 40
    place_in_cache(cache, PUBLISHED, folder, commit)
    objective = qalign()
    assert objective.facts.source.endswith(f"weights {PUBLISHED}")
    assert torch.equal(objective.score(pictures, scene), qalign(str(folder)).score(pictures, scene))
    assert not caplog.records


def test_another_model_of_the_hub_is_taken_from_the_cache_by_its_name(cache, folder, pictures, scene):
    place_in_cache(cache, "somebody/DeQA-Score", folder, "b" * 40, ref="refs/pr/5")
    objective = qalign("somebody/DeQA-Score")
    assert objective.facts.source.endswith("weights somebody/DeQA-Score")
    assert torch.equal(objective.score(pictures, scene), qalign(str(folder)).score(pictures, scene))


def place_in_cache(cache, repository, folder, commit, ref="main"):
    home = cache / f"models--{repository.replace('/', '--')}"
    (home / "snapshots").mkdir(parents=True)
    (home / "snapshots" / commit).symlink_to(folder, target_is_directory=True)
    name = home / "refs" / ref
    name.parent.mkdir(parents=True)
    name.write_text(commit)
    return home


def test_without_published_weights_the_bundled_encoder_rates_and_says_so(cache, brightness, scene, caplog):
    with caplog.at_level(logging.WARNING):
        objective = qalign()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "bundled encoder" in caplog.text
    assert PUBLISHED in caplog.text
    assert "bundled" in objective.facts.source
    assert "not Q-Align's network" in objective.facts.source
    assert objective.facts.weights == brightness.weights
    assert brightness.asked == [[f"The quality of the image is {level}" for level in LEVELS]]


def test_an_unfinished_download_does_not_count_as_published_weights(
    cache, brightness, folder, tmp_path, caplog
):
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / "config.json").write_text((folder / "config.json").read_text())
    place_in_cache(cache, PUBLISHED, torn, "c" * 40)
    qalign()
    assert "not in the cache" in caplog.text


def test_the_bundled_encoder_scores_by_five_prompts(brightness, scene, caplog):
    objective = qalign("bundled")
    images = torch.stack([torch.full((3, 8, 8), value) for value in (0.0, 0.3, 1.0)])
    angles = 1.5 * (1 - torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64))
    cosines = torch.cos(angles[:, None] - torch.linspace(0, 1.5, 5, dtype=torch.float64))
    expected = (4 * cosines).softmax(1) @ torch.tensor([5.0, 4, 3, 2, 1], dtype=torch.float64)
    torch.testing.assert_close(objective.score(images, scene).double(), expected, atol=1e-5, rtol=0)
    assert not caplog.records  # it was asked for


def test_the_bundled_encoder_is_not_asked_about_aesthetics(brightness):
    with pytest.raises(ConfigError, match="aesthetics needs weights"):
        qalign("bundled,task=aesthetics")


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("bundled,task=beauty", "beauty"),
        ("bundled,scores=0-100", "0-100"),
        ("bundled,dtype=int4", "int4"),
        ("bundled,prompt=nice", "prompt=nice"),
        ("hf:", "qalign:hf needs"),
        ("nowhere", "no such folder"),
        ("../a/b", "no such folder"),
    ],
)
def test_wrong_options_are_refused_in_words(argument, said, cache, brightness):
    with pytest.raises(ConfigError, match=said):
        qalign(argument)


def test_an_unknown_task_lists_the_known_ones(brightness):
    with pytest.raises(UnknownName, match=r"aesthetic, aesthetics, quality"):
        qalign("bundled,task=beauty")


def test_a_model_that_is_not_in_the_cache_is_named_with_how_to_get_it(cache):
    with pytest.raises(MissingExtra, match=r"hf download somebody/model.*ISPTUNE_ALLOW_DOWNLOADS=1"):
        qalign("somebody/model")


def test_a_tokenizer_that_splits_levels_alike_is_refused(tmp_path, state):
    tokenizer = oracle.tiny_tokenizer()
    tokenizer["model"]["merges"] = []
    folder = oracle.write_folder(tmp_path / "owl", state, tokenizer=tokenizer)
    with pytest.raises(ConfigError, match="does not tell the five levels apart"):
        qalign(str(folder))


def test_a_tokenizer_with_more_pieces_than_the_network_is_refused(tmp_path, state):
    tokenizer = oracle.tiny_tokenizer()
    tokenizer["model"]["vocab"]["\u2581bad"] = 64
    folder = oracle.write_folder(tmp_path / "owl", state, tokenizer=tokenizer)
    with pytest.raises(ConfigError, match="number 64; the network knows 64"):
        qalign(str(folder))


def test_the_tiny_tokenizer_knows_the_levels_as_whole_pieces(folder):
    tokenizer, _ = read_tokenizer(folder)
    assert [len(tokenizer.encode(level)) for level in LEVELS] == [1] * 5


def test_level_words_that_begin_alike_are_named():
    with pytest.raises(ConfigError, match=r"model: .*excellent 7, good 8, fair 7"):
        require_five([7, 8, 7, 9, 10], "model")


def test_a_folder_of_another_model_needs_transformers(tmp_path, state, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    folder = oracle.write_folder(tmp_path / "llava", state, config={"model_type": "llava"})
    with pytest.raises(MissingExtra, match=r"isptune\[transformers\]"):
        qalign(str(folder))

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from isptune.errors import ConfigError
from objectives.encoders.bundled_encoder import (
    CROP_SIDE,
    VIEW_SIDE,
    BundledEncoder,
    build,
    pack,
    views_of,
)
from objectives.encoders.bundled_network import (
    TONE_EDGES,
    TONE_FEATURES,
    ImageNetwork,
    TextNetwork,
    Widths,
    tone_shares,
)
from objectives.encoders.interface import ImageTextEncoder
from objectives.encoders.quality_words import words_of

SMALL = Widths((4, 6, 8, 8), (4, 6, 6, 8, 8), 6, 16, 12, 8, 2, 1, 10)
WORDS = ["a", "bad", "good", "image", "photo", "the"]


@pytest.fixture
def networks() -> tuple[ImageNetwork, TextNetwork]:
    torch.manual_seed(5)
    image, text = ImageNetwork(SMALL), TextNetwork(SMALL, len(WORDS))
    for layer in image.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean = 0.3 * torch.randn_like(layer.bias)
            layer.running_var = torch.rand_like(layer.bias) + 0.5
            layer.weight.data = torch.rand_like(layer.bias) + 0.5
            layer.bias.data = 0.3 * torch.randn_like(layer.bias)
    return image.eval(), text.eval()


@pytest.fixture
def file(networks: tuple[ImageNetwork, TextNetwork], tmp_path: Path) -> Path:
    path = tmp_path / "encoder.safetensors"
    pack(*networks, WORDS, 12.5, path)
    return path


def test_folding_the_normalisations_changes_nothing(networks: tuple[ImageNetwork, TextNetwork]):
    image, _ = networks
    pictures = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        before = image(*views_of(pictures))
        after = image.folded()(*views_of(pictures))
    # The same sums in another order, in single precision, through twenty layers.
    assert torch.allclose(before, after, atol=1e-4)


def test_a_file_gives_back_the_networks_to_the_precision_of_half_floats(
    networks: tuple[ImageNetwork, TextNetwork], file: Path
):
    image, _ = networks
    encoder = BundledEncoder(file)
    pictures = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        expected = image.embeddings(image(*views_of(pictures)))
    assert torch.allclose(encoder.encode_images(pictures), expected, atol=5e-3)
    assert encoder.temperature == 12.5
    assert isinstance(encoder, ImageTextEncoder)
    assert list(encoder.weights) == ["encoder.safetensors"]


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (7, 40), (32, 32), (300, 451), (577, 576), (800, 640)])
def test_images_of_any_size_get_directions_of_length_one(file: Path, size: tuple[int, int]):
    embeddings = BundledEncoder(file).encode_images(torch.rand(2, 3, *size))
    assert embeddings.shape == (2, 12)
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(2), atol=1e-5)


def test_an_image_gets_the_same_direction_alone_and_in_a_batch(file: Path):
    encoder, pictures = BundledEncoder(file), torch.rand(9, 3, 48, 64)
    together = encoder.encode_images(pictures)
    alone = torch.cat([encoder.encode_images(picture[None]) for picture in pictures])
    assert torch.allclose(together, alone, atol=1e-5)
    assert encoder.encode_images(pictures[:0]).shape == (0, 12)


def test_flat_images_get_finite_directions(file: Path):
    flat = torch.stack([torch.zeros(3, 64, 64), torch.ones(3, 64, 64)])
    assert BundledEncoder(file).encode_images(flat).isfinite().all()


def test_large_pictures_are_seen_through_nine_crops_from_corner_to_corner():
    picture = torch.rand(1, 3, 800, 640)
    crops, view, _ = views_of(picture)
    assert crops.shape == (1, 9, 3, CROP_SIDE, CROP_SIDE)
    assert torch.equal(crops[0, 0], picture[0, :, :CROP_SIDE, :CROP_SIDE])
    assert torch.equal(crops[0, 8], picture[0, :, -CROP_SIDE:, -CROP_SIDE:])
    assert max(view.shape[-2:]) == VIEW_SIDE


def test_shares_of_tones_are_those_of_a_histogram():
    picture = (torch.rand(1, 3, 90, 100) * 1.2 - 0.1).clamp(0, 1)
    planes = picture[0].numpy().reshape(3, -1).astype(np.float64)
    spread = planes.max(0) - planes.min(0)
    rows = [*planes, planes.mean(0), spread]
    edges = [-1.0, *TONE_EDGES, 2.0]
    expected = np.concatenate([np.histogram(row, edges)[0] / row.size for row in rows])
    found = tone_shares(picture)[0].exp().numpy() - 1e-3
    assert found.shape == (TONE_FEATURES,)
    # Edges are moved to a grid of 1/1024: a uniform density moves at most that share across one.
    assert np.abs(found - expected).max() < 3 / 1024


def test_padding_does_not_change_a_prompt(file: Path):
    encoder = BundledEncoder(file)
    together = encoder.encode_prompts(encoder.embed_prompts(["good photo", "a bad image the photo"]))
    alone = encoder.encode_prompts(encoder.embed_prompts(["good photo"]))
    assert torch.allclose(together[:1], alone, atol=1e-6)


def test_gradients_reach_the_tokens_of_a_prompt(file: Path):
    encoder = BundledEncoder(file)
    prompts = encoder.embed_prompts(["good photo"])
    tokens = prompts.embeddings.clone().requires_grad_()
    encoder.encode_prompts(type(prompts)(tokens, prompts.ends))[0, 0].backward()
    assert tokens.grad is not None
    assert tokens.grad.abs().sum() > 0


def test_words_are_read_in_lower_case_and_without_punctuation():
    assert words_of("Good photo, isn't it?") == ["good", "photo", "isn't", "it"]


@pytest.mark.parametrize("prompt", ["", "...", "a dog", "good " * 11])
def test_prompts_that_it_cannot_read_are_refused(file: Path, prompt: str):
    with pytest.raises(ConfigError, match=r"1 to 10 words|know 6 words about image quality"):
        BundledEncoder(file).embed_prompts([prompt])


def test_a_file_of_another_layout_is_refused_with_its_keys(file: Path, tmp_path: Path):
    tensors = load_file(file)
    tensors["image.extra"] = tensors.pop("text.embed.bias")
    from safetensors import safe_open

    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    other = tmp_path / "other.safetensors"
    save_file(tensors, other, metadata)
    with pytest.raises(ConfigError, match=r"text\.embed\.bias"):
        build(str(other))


@pytest.mark.parametrize("damage", ["truncated", "pickle", "no metadata", "other widths"])
def test_a_damaged_file_is_refused(file: Path, tmp_path: Path, damage: str):
    other = tmp_path / "other.safetensors"
    if damage == "truncated":
        other.write_bytes(file.read_bytes()[:-100])
    elif damage == "pickle":
        other.write_bytes(pickle.dumps({"a": 1}))
    elif damage == "no metadata":
        save_file(load_file(file), other)
    else:
        metadata = {"format": "isptune bundled encoder 1", "widths": json.dumps({"depth": 3})}
        save_file(load_file(file), other, metadata)
    with pytest.raises(ConfigError, match="is no bundled encoder"):
        build(str(other))
    with pytest.raises(ConfigError, match="no such file"):
        build(str(tmp_path / "missing.safetensors"))


@pytest.mark.slow
def test_building_it_loads_no_compiler():
    """Random numbers and sums on the device "meta" would: more than two seconds of each start."""
    program = "import sys; from objectives.encoders.bundled_encoder import build; build()"
    program += "; sys.exit('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0

"""The encoder `lite`: files of its layout, and pictures of any size."""

import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from isptune.errors import ConfigError
from objectives.encoders.bundled_network import TextNetwork
from objectives.encoders.efficientnet_lite import BLOCK_MEANS, pretrained
from objectives.encoders.interface import ImageTextEncoder
from objectives.encoders.lite_encoder import FORMAT, FeatureNetwork, LiteEncoder, LiteWidths, build, pack
from objectives.encoders.picture_features import FEATURES, picture_features
from objectives.no_reference.scene_statistics import brisque_features

SMALL = LiteWidths(8, 12, 6, 10, 12, 8, 2, 1, 10)
WORDS = ["a", "bad", "good", "image", "photo", "the"]


@pytest.fixture
def networks():
    torch.manual_seed(5)
    image, text = FeatureNetwork(SMALL), TextNetwork(SMALL.text(), len(WORDS))
    image.mean.normal_()
    image.deviation.uniform_(0.5, 2.0)
    return image.eval(), text.eval()


@pytest.fixture
def file(networks, tmp_path):
    path = tmp_path / "encoder.safetensors"
    pack(*networks, WORDS, 12.5, path)
    return path


@pytest.fixture(scope="module")
def network():
    return pretrained()


def test_a_file_gives_back_the_networks_to_the_precision_of_half_floats(networks, file, network):
    image, _ = networks
    encoder, pictures = LiteEncoder(file), torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        expected = image.embeddings(image(picture_features(pictures, network)))
    assert torch.allclose(encoder.encode_images(pictures), expected, atol=5e-3)
    assert encoder.temperature == 12.5
    assert isinstance(encoder, ImageTextEncoder)
    assert list(encoder.weights) == ["encoder.safetensors", "efficientnet-lite0-57934424.pth"]


def test_features_are_blocks_and_then_statistics(network):
    pictures = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        features = picture_features(pictures, network)
        blocks = network.block_means(torch.nn.functional.avg_pool2d(pictures, 2))
    assert features.shape == (2, FEATURES)
    assert torch.allclose(features[:, :BLOCK_MEANS], blocks)
    natural = brisque_features(pictures).float()
    assert torch.allclose(features[:, BLOCK_MEANS : BLOCK_MEANS + natural.shape[1]], natural)


@pytest.mark.slow
def test_a_large_picture_has_the_features_of_its_crops_on_average(network):
    """One that repeats looks the same in every crop, and as a whole."""
    tile = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        small, large = (picture_features(tile.repeat(1, 1, n, n), network) for n in (6, 12))
    natural = slice(BLOCK_MEANS, BLOCK_MEANS + 36)
    # Borders, where the window of the statistics is continued, are another share of crops than of the whole.
    assert torch.allclose(small[:, natural], large[:, natural], rtol=0.05, atol=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (7, 40), (64, 64), (300, 451), (1100, 640)])
def test_images_of_any_size_get_directions_of_length_one(file, size):
    embeddings = LiteEncoder(file).encode_images(torch.rand(2, 3, *size))
    assert embeddings.shape == (2, 12)
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(2), atol=1e-5)


def test_an_image_gets_the_same_direction_alone_and_in_a_batch(file):
    encoder, pictures = LiteEncoder(file), torch.rand(5, 3, 64, 64)
    together = encoder.encode_images(pictures)
    alone = torch.cat([encoder.encode_images(picture[None]) for picture in pictures])
    assert torch.allclose(together, alone, atol=1e-5)
    assert encoder.encode_images(pictures[:0]).shape == (0, 12)


def test_flat_images_get_finite_directions_and_nan_stays_nan(file):
    flat = torch.stack([torch.zeros(3, 64, 64), torch.ones(3, 64, 64), torch.full((3, 64, 64), torch.nan)])
    embeddings = LiteEncoder(file).encode_images(flat)
    assert embeddings[:2].isfinite().all()
    assert embeddings[2].isnan().all()


def test_padding_does_not_change_a_prompt_and_unknown_words_are_refused(file):
    encoder = LiteEncoder(file)
    together = encoder.encode_prompts(encoder.embed_prompts(["good photo", "a bad image the photo"]))
    alone = encoder.encode_prompts(encoder.embed_prompts(["good photo"]))
    assert torch.allclose(together[:1], alone, atol=1e-6)
    with pytest.raises(ConfigError, match="6 words about image quality, and 'dog' is none"):
        encoder.embed_prompts(["a dog"])


@pytest.mark.parametrize(
    "damage", ["truncated", "pickle", "no metadata", "other widths", "huge", "deviation"]
)
def test_a_damaged_file_is_refused(file, tmp_path, damage):
    other = tmp_path / "other.safetensors"
    tensors, metadata = load_file(file), {"format": FORMAT, "words": json.dumps(WORDS), "temperature": "12.5"}
    widths = dict(zip(LiteWidths.__dataclass_fields__, (8, 12, 6, 10, 12, 8, 2, 1, 10), strict=True))
    if damage == "truncated":
        other.write_bytes(file.read_bytes()[:-100])
    elif damage == "pickle":
        other.write_bytes(pickle.dumps({"a": 1}))
    elif damage == "no metadata":
        save_file(tensors, other)
    elif damage == "other widths":
        save_file(tensors, other, {**metadata, "widths": json.dumps({"depth": 3})})
    elif damage == "huge":
        save_file(tensors, other, {**metadata, "widths": json.dumps({**widths, "fused": 10**12})})
    else:
        tensors["image.deviation"] = torch.zeros(FEATURES)
        save_file(tensors, other, {**metadata, "widths": json.dumps(widths)})
    with pytest.raises(ConfigError, match=r"is no lite encoder|deviations that are not above 0"):
        build(str(other))
    with pytest.raises(ConfigError, match="no such file"):
        build(str(tmp_path / "missing.safetensors"))

"""CLIP's towers against a second implementation, the official one's numbers and Pillow; layouts."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from isptune.errors import ConfigError
from isptune.scenes.scene import bundled
from objectives.checkpoints.reading import read_checkpoint
from objectives.encoders.clip.layouts import ShapeHints, load_clip
from objectives.encoders.clip.preprocessing import DEVIATION, MEAN, Preprocessing
from tests.objectives.encoders.clip import oracles

TOLERANCE = 2e-6
"""Of unit vectors in float32: the order of sums differs."""

TEXT_HEADS = 4

RECORDED = {
    ("vit", 64, 64, False): [
        [0.091582, -0.048681, 0.051021, 0.06052],
        [0.080034, -0.003102, 0.043896, -0.069801],
    ],
    ("vit", 64, 64, True): [
        [0.142562, -0.022471, 0.010962, 0.0828],
        [0.139159, 0.016739, 0.000639, 0.069155],
    ],
    ("vit", 97, 150, False): [
        [0.153313, -0.046356, -0.026513, -0.00063],
        [0.072432, -0.040317, 0.067472, -0.036343],
    ],
    ("vit", 97, 150, True): [
        [0.213539, -0.060142, -0.089994, 0.022613],
        [0.164123, -0.041768, 0.064162, 0.02834],
    ],
    ("rn", 64, 64, False): [
        [-0.024901, 0.03202, -0.02005, -0.133469],
        [-0.024605, 0.031902, -0.019956, -0.133483],
    ],
    ("rn", 64, 64, True): [
        [-0.015323, 0.038265, -0.013171, -0.14341],
        [-0.014841, 0.037977, -0.012966, -0.143551],
    ],
    ("rn", 97, 150, False): [
        [-0.022974, 0.033439, -0.019125, -0.133867],
        [-0.022934, 0.033552, -0.019065, -0.134094],
    ],
    ("rn", 97, 150, True): [
        [-0.014582, 0.042559, -0.011377, -0.144674],
        [-0.014645, 0.042605, -0.01135, -0.144781],
    ],
}
"""The first four numbers of normalised image embeddings that pyiqa 0.1.16's copy of CLIP-IQA's network gave for the
state and the pixels that `clip_oracles` makes."""

RECORDED_TEXT = [[0.124605, -0.016091, 0.197369, -0.078391], [0.224934, -0.080065, -0.036719, -0.081464]]


@pytest.fixture(scope="module")
def states():
    return {
        "vit": oracles.made_state(oracles.vit_layout()),
        "rn": oracles.made_state(oracles.resnet_layout()),
    }


@pytest.fixture(scope="module")
def networks(states, tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "state.pt"
    return {name: load_clip(state, path, ShapeHints(text_heads=TEXT_HEADS)) for name, state in states.items()}


@pytest.fixture(scope="module")
def photo():
    """8-bit levels of coffee, 300 x 401."""
    return (bundled("coffee")[0].image[:, :, 60:360, 100:501] * 255).round() / 255


def tokens_by_hand():
    tokens = torch.zeros(2, 77, dtype=torch.long)
    tokens[0, :4] = torch.tensor([510, 7, 300, 511])
    tokens[1, :9] = torch.tensor([510, 1, 2, 3, 499, 77, 76, 5, 511])
    return tokens


@pytest.mark.parametrize("case", RECORDED, ids=str)
def test_images_are_encoded_as_by_the_official_code_and_by_a_second_implementation(case, states, networks):
    name, height, width, with_positions = case
    pixels = oracles.made_pixels(height, width)
    ours = F.normalize(networks[name].visual(pixels, positions=with_positions))
    torch.testing.assert_close(ours[:, :4], torch.tensor(RECORDED[case]), atol=TOLERANCE, rtol=0)
    oracle = oracles.encode_by_name(name, states[name], pixels, with_positions)
    torch.testing.assert_close(ours, oracle, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("name", ["vit", "rn"])
def test_text_is_encoded_as_by_the_official_code_and_by_a_second_implementation(name, states, networks):
    tokens, network = tokens_by_hand(), networks[name]
    ours = F.normalize(network(network.token_embedding(tokens), tokens.argmax(1)))
    torch.testing.assert_close(ours[:, :4], torch.tensor(RECORDED_TEXT), atol=TOLERANCE, rtol=0)
    oracle = F.normalize(oracles.encode_text(states[name], tokens, TEXT_HEADS))
    torch.testing.assert_close(ours, oracle, atol=TOLERANCE, rtol=0)


def test_networks_without_quick_gelu_have_the_exact_one(states, tmp_path):
    network = load_clip(states["vit"], tmp_path, ShapeHints(quick_gelu=False, text_heads=TEXT_HEADS))
    pixels, tokens = oracles.made_pixels(64, 64), tokens_by_hand()
    ours = torch.cat(
        [network.visual(pixels, True), network(network.token_embedding(tokens), tokens.argmax(1))]
    )
    images = oracles.encode_vit(states["vit"], pixels, 1, True, quick=False)
    texts = oracles.encode_text(states["vit"], tokens, TEXT_HEADS, quick=False)
    torch.testing.assert_close(ours, torch.cat([images, texts]), atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_deeper_and_wider_networks_are_told_from_their_tensors(tmp_path):
    layout = oracles.resnet_layout(width=32, blocks=(1, 2, 1, 3), grid=3, text_width=64, text_layers=3)
    state = oracles.made_state(layout)
    pixels = oracles.made_pixels(70, 96)
    ours = F.normalize(load_clip(state, tmp_path).visual(pixels, positions=True))
    oracle = F.normalize(oracles.encode_resnet(state, pixels, 16, True))
    torch.testing.assert_close(ours, oracle, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("name", ["vit", "rn"])
def test_archives_as_openai_ships_them_are_read(name, states, tmp_path):
    """In half precision, with three sizes as tensors among the weights, as TorchScript."""
    module = torch.nn.Module()
    for key, value in states[name].items():
        *parents, last = key.split(".")
        owner = module
        for parent in parents:
            if parent not in dict(owner.named_children()):
                owner.add_module(parent, torch.nn.Module())
            owner = getattr(owner, parent)
        owner.register_buffer(last, value.half() if value.is_floating_point() else value)
    for note in ("input_resolution", "context_length", "vocab_size"):
        module.register_buffer(note, torch.tensor(64))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is being retired; published files are still made of it
        torch.jit.script(module).save(str(tmp_path / "small.pt"))
    network = load_clip(read_checkpoint(tmp_path / "small.pt"), tmp_path, ShapeHints(text_heads=TEXT_HEADS))
    halved = {key: value.half().float() for key, value in states[name].items()}
    pixels = oracles.made_pixels(64, 64)
    ours = F.normalize(network.visual(pixels, positions=True))
    torch.testing.assert_close(
        ours, oracles.encode_by_name(name, halved, pixels, True), atol=TOLERANCE, rtol=0
    )


@pytest.mark.parametrize("name", ["vit", "rn"])
def test_names_are_exactly_those_of_the_published_layout(name, states, networks):
    assert set(networks[name].state_dict()) == set(states[name])


def test_a_wrong_layout_is_refused_with_the_names_that_are_wrong(states, tmp_path):
    state = dict(states["vit"])
    del state["visual.transformer.resblocks.1.ln_2.bias"]
    state["visual.extra"] = torch.zeros(2)
    state["transformer.resblocks.0.mlp.c_fc.weight"] = torch.zeros(192, 47)
    with pytest.raises(ConfigError) as refusal:
        load_clip(state, tmp_path / "mine.pt", ShapeHints(text_heads=TEXT_HEADS))
    message = str(refusal.value)
    for part in ("mine.pt", "missing: visual.transformer.resblocks.1.ln_2.bias", "unexpected: visual.extra"):
        assert part in message
    assert "transformer.resblocks.0.mlp.c_fc.weight [192, 47] for [192, 48]" in message


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"positional_embedding": None}, "missing: positional_embedding"),
        ({"visual.conv1.weight": torch.zeros(3)}, "visual.conv1.weight has the shape"),
        ({"visual.positional_embedding": torch.zeros(18, 96)}, "no square grid"),
        ({"logit_scale": torch.tensor(float("nan"))}, "not finite: logit_scale"),
    ],
)
def test_tensors_that_make_no_network_are_refused(change, reason, states, tmp_path):
    state = {**states["vit"], **change}
    state = {key: value for key, value in state.items() if value is not None}
    with pytest.raises(ConfigError, match=reason):
        load_clip(state, tmp_path, ShapeHints(text_heads=TEXT_HEADS))


def test_heads_that_do_not_divide_the_channels_are_refused(states, tmp_path):
    with pytest.raises(ConfigError, match="48 channels do not divide into 5"):
        load_clip(states["vit"], tmp_path, ShapeHints(text_heads=5))


SIZES = [(384, 512), (301, 225), (64, 64), (64, 99), (40, 31), (32, 32), (480, 640), (20, 300)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_crops_are_those_of_pillow(size, photo):
    """The tolerance asked for is 2e-3 after normalisation; a level of 255 would be 0.015."""
    height, width = size
    image = photo.repeat(1, 1, 2, 2)[:, :, :height, :width]
    levels = (image[0] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    shorter = min(size)
    resized = Image.fromarray(levels).resize(
        (int(64 * width / shorter), int(64 * height / shorter)), Image.Resampling.BICUBIC
    )
    left, top = round((resized.width - 64) / 2), round((resized.height - 64) / 2)
    cut = torch.tensor(list(resized.crop((left, top, left + 64, top + 64)).tobytes())).view(64, 64, 3)
    expected = (cut.permute(2, 0, 1) / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(
        3, 1, 1
    )
    torch.testing.assert_close(Preprocessing(64).crop(image)[0], expected, atol=1e-5, rtol=0)


def test_odd_margins_are_split_as_each_library_does(photo):
    image = photo[:, :, :64, :67]
    columns = image[:, :, :, 2:66], image[:, :, :, 1:65]  # 1.5 is rounded to 2, or cut to 1
    for ours, cut in zip((Preprocessing(64), Preprocessing(64, floor=True)), columns, strict=True):
        torch.testing.assert_close(ours.crop(image), ours.normalise(cut), atol=1e-5, rtol=0)

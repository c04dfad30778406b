"""Published CLIPs as encoders: how they see images, files of three kinds, and what is refused or missing."""

import json

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from isptune.errors import ConfigError, MissingExtra, ScoreError
from isptune.scenes.scene import bundled
from objectives.encoders.build import build_encoder
from objectives.encoders.clip import encoder as clip_encoder
from objectives.encoders.clip import tokenizer as clip_tokenizer
from objectives.encoders.clip.files import OPENAI_SHA256
from objectives.encoders.clip.preprocessing import MEAN, Preprocessing
from objectives.encoders.interface import ImageTextEncoder, Prompts
from tests.objectives.encoders.clip import oracles

TOLERANCE = 2e-6
"""Of unit vectors in float32: the order of sums differs."""

MERGES = ["g o", "o d</w>", "go od</w>", "p h", "o t", "ph ot", "phot o</w>", "b a", "ba d</w>"]


@pytest.fixture(scope="module")
def states():
    return {
        "vit": oracles.made_state(oracles.vit_layout()),
        "rn": oracles.made_state(oracles.resnet_layout()),
    }


@pytest.fixture(scope="module")
def photo():
    """8-bit levels of coffee, 300 x 401."""
    return (bundled("coffee")[0].image[:, :, 60:360, 100:501] * 255).round() / 255


@pytest.fixture
def folder(tmp_path, states):
    """Both checkpoints in their own folders, with a tokenizer that knows "good", "bad" and "photo"."""
    for name in ("vit", "rn"):
        place = tmp_path / name
        place.mkdir()
        width = 514 + len(MERGES)
        layout = oracles.vit_layout if name == "vit" else oracles.resnet_layout
        save_file(oracles.made_state(layout(vocabulary=width, text_width=64)), place / "model.safetensors")
        oracles.made_table(place / clip_tokenizer.TABLE_NAME, MERGES)
    return tmp_path


@pytest.mark.slow
def test_encoders_of_a_checkpoint_are_image_text_encoders_with_unit_vectors(folder, photo):
    for name in ("vit", "rn"):
        encoder = build_encoder(f"openai:{folder}/{name}/model.safetensors")
        assert isinstance(encoder, ImageTextEncoder)
        assert encoder.temperature == pytest.approx(20.0855, rel=1e-5)  # exp(3)
        assert sorted(encoder.weights) == [clip_tokenizer.TABLE_NAME, "model.safetensors"]
        prompts = encoder.embed_prompts(["good photo", "bad photo!"])
        for embeddings in (encoder.encode_images(photo), encoder.encode_prompts(prompts)):
            torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(len(embeddings)))
            assert embeddings.dtype == torch.float32


@pytest.mark.slow
def test_views_are_a_crop_with_positions_or_the_whole_image_with_or_without(folder, photo):
    pixels = Preprocessing(64).normalise(photo)
    for name, usual in (("vit", "crop"), ("rn", "native")):
        path = folder / name / "model.safetensors"
        state = oracles.made_state(
            (oracles.vit_layout if name == "vit" else oracles.resnet_layout)(vocabulary=523, text_width=64)
        )
        expected = {
            "crop": oracles.encode_by_name(name, state, Preprocessing(64).crop(photo), True),
            "native": oracles.encode_by_name(name, state, pixels, False),
            "positions": oracles.encode_by_name(name, state, pixels, True),
        }
        for view, embedding in expected.items():
            ours = build_encoder(f"openai:{path}+{view}").encode_images(photo)
            torch.testing.assert_close(ours, embedding, atol=1e-5, rtol=0)
        assert torch.equal(build_encoder(f"openai:{path}").encode_images(photo),
                           build_encoder(f"openai:{path}+{usual}").encode_images(photo))  # fmt: skip


def test_an_image_is_encoded_the_same_alone_and_in_portions(folder, photo, monkeypatch):
    encoder = build_encoder(f"openai:{folder}/rn/model.safetensors")
    batch = torch.cat([photo, photo.flip(3), torch.zeros_like(photo)])
    together = encoder.encode_images(batch)
    monkeypatch.setattr(clip_encoder, "_PIXELS_AT_ONCE", {"cpu": 1})
    torch.testing.assert_close(encoder.encode_images(batch), together, atol=1e-6, rtol=0)


def test_bfloat16_is_near_float32_and_gives_float32(folder, photo):
    path = f"openai:{folder}/rn/model.safetensors"
    exact, rough = build_encoder(path), build_encoder(f"{path}+bf16")
    ours = rough.encode_images(photo)
    assert ours.dtype == torch.float32
    assert not torch.equal(ours, exact.encode_images(photo))
    assert float((ours * exact.encode_images(photo)).sum()) > 0.999


def test_gradients_reach_the_token_embeddings(folder):
    encoder = build_encoder(f"openai:{folder}/vit/model.safetensors")
    prompts = encoder.embed_prompts(["good photo", "a bad photo"])
    soft = prompts.embeddings.clone().requires_grad_()
    encoder.encode_prompts(Prompts(soft, prompts.ends))[:, 0].sum().backward()
    reached = soft.grad.abs().sum(2) > 0
    assert reached.sum(1).tolist() == (prompts.ends + 1).tolist()  # what stands behind the end is not read


def test_images_smaller_than_the_network_takes_are_refused_with_their_size(folder):
    for name, side in (("vit", 16), ("rn", 32)):
        encoder = build_encoder(f"openai:{folder}/{name}/model.safetensors+native")
        assert encoder.encode_images(torch.zeros(1, 3, side, side)).isfinite().all()
        with pytest.raises(ScoreError, match=f"{side + 8}x{side - 1}"):
            encoder.encode_images(torch.zeros(1, 3, side - 1, side + 8))


def as_transformers(state, heads):
    """The same network in the layout of Hugging Face's CLIPModel; written from its list of names."""
    renamed = {"logit_scale": state["logit_scale"]}
    names = {"attn.out_proj": "self_attn.out_proj", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
             "ln_1": "layer_norm1", "ln_2": "layer_norm2"}  # fmt: skip
    for key, value in state.items():
        model, rest = ("vision_model", key[7:]) if key.startswith("visual.") else ("text_model", key)
        if "resblocks" in rest:
            layer, part = rest.split("resblocks.")[1].split(".", 1)
            start = f"{model}.encoder.layers.{layer}."
            if "in_proj" in part:
                for letter, third in zip("qkv", value.chunk(3), strict=True):
                    renamed[f"{start}self_attn.{letter}_proj.{part.split('_')[-1]}"] = third.clone()
            else:
                stem, _, kind = part.rpartition(".")
                renamed[f"{start}{names[stem]}.{kind}"] = value
    table = "embeddings.position_embedding.weight"
    renamed |= {
        f"text_model.{table}": state["positional_embedding"],
        f"vision_model.{table}": state["visual.positional_embedding"],
        "text_model.embeddings.token_embedding.weight": state["token_embedding.weight"],
        "vision_model.embeddings.class_embedding": state["visual.class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": state["visual.conv1.weight"],
        "text_projection.weight": state["text_projection"].T.contiguous(),
        "visual_projection.weight": state["visual.proj"].T.contiguous(),
        "vision_model.embeddings.position_ids": torch.arange(17)[None],
    }
    for part in ("weight", "bias"):
        renamed[f"text_model.final_layer_norm.{part}"] = state[f"ln_final.{part}"]
        renamed[f"vision_model.pre_layrnorm.{part}"] = state[f"visual.ln_pre.{part}"]
        renamed[f"vision_model.post_layernorm.{part}"] = state[f"visual.ln_post.{part}"]
    return renamed


CONFIG = {
    "model_type": "clip",
    "text_config": {"num_attention_heads": 4, "hidden_act": "gelu"},
    "vision_config": {"num_attention_heads": 3, "hidden_act": "gelu", "image_size": 64},
}


@pytest.fixture
def transformers_folder(tmp_path):
    state = oracles.made_state(oracles.vit_layout(vocabulary=514 + len(MERGES)))
    save_file(as_transformers(state, 3), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    tokenizer = clip_tokenizer.read_table(made(tmp_path / "table.gz"))
    (tmp_path / "vocab.json").write_text(json.dumps(dict(tokenizer.ids)))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n")
    return tmp_path, state


def made(path):
    oracles.made_table(path, MERGES)
    return path


def test_folders_of_transformers_hold_the_same_network_under_other_names(transformers_folder, photo):
    folder, state = transformers_folder
    encoder = build_encoder(f"hf:{folder}")
    image = Preprocessing(64, floor=True).crop(photo)
    expected = F.normalize(oracles.encode_vit(state, image, 3, True, quick=False))
    torch.testing.assert_close(encoder.encode_images(photo), expected, atol=TOLERANCE, rtol=0)
    prompts = encoder.embed_prompts(["good photo"])
    tokens = torch.zeros(1, 77, dtype=torch.long)
    tokens[0, :4] = torch.tensor([521, 514, 518, 522])  # start, good, photo, end: as the merges are numbered
    expected = F.normalize(oracles.encode_text(state, tokens, 4, quick=False))
    torch.testing.assert_close(encoder.encode_prompts(prompts), expected, atol=TOLERANCE, rtol=0)
    assert sorted(encoder.weights) == ["merges.txt", "model.safetensors", "vocab.json"]


def test_the_preprocessing_of_a_folder_is_followed(transformers_folder, photo):
    folder, state = transformers_folder
    asked = {
        "size": {"shortest_edge": 80},
        "crop_size": {"height": 64, "width": 64},
        "image_mean": [0.5, 0.4, 0.3],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(asked))
    image = Preprocessing(64, 80, (0.5, 0.4, 0.3), floor=True).crop(photo)
    expected = F.normalize(oracles.encode_vit(state, image, 3, True, quick=False))
    torch.testing.assert_close(
        build_encoder(f"hf:{folder}").encode_images(photo), expected, atol=TOLERANCE, rtol=0
    )


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("config.json", {**CONFIG, "model_type": "siglip"}, "'siglip', not 'clip'"),
        ("config.json", {**CONFIG, "text_config": {"hidden_act": "relu"}}, "hidden_act"),
        ("config.json", ["clip"], "no object"),
        ("preprocessor_config.json", {"resample": 2}, "resample = 2; only 3"),
        ("preprocessor_config.json", {"crop_size": {"height": 224, "width": 200}}, "cropping to"),
        ("preprocessor_config.json", {"image_mean": "grey"}, "not three numbers"),
    ],
)
def test_folders_that_say_something_unknown_are_refused(file, content, reason, transformers_folder):
    folder, _ = transformers_folder
    (folder / file).write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=reason):
        build_encoder(f"hf:{folder}")


def test_a_checkpoint_of_open_clip_follows_the_configuration_beside_it(folder, photo):
    place = folder / "vit"
    place.joinpath("model.safetensors").rename(place / "open_clip_model.safetensors")
    state = oracles.made_state(oracles.vit_layout(vocabulary=523, text_width=64))
    vision, image = (
        {"width": 96, "layers": 2, "head_width": 32, "image_size": 64},
        Preprocessing(64).crop(photo),
    )
    for model, heads, quick in (
        (None, 1, False),
        ({"quick_gelu": True, "vision_cfg": vision, "text_cfg": {"heads": 1}}, 3, True),
    ):
        if model is not None:
            config = {"model_cfg": model, "preprocess_cfg": {"mean": list(MEAN)}}
            (place / "open_clip_config.json").write_text(json.dumps(config))
        ours = build_encoder(f"open_clip:{place}").encode_images(photo)
        expected = F.normalize(oracles.encode_vit(state, image, heads, True, quick=quick))
        torch.testing.assert_close(ours, expected, atol=TOLERANCE, rtol=0)
    (place / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": {"text_cfg": {"hf_model_name": "x"}}})
    )
    with pytest.raises(ConfigError, match="hf_model_name = 'x'"):
        build_encoder(f"open_clip:{place}")


def test_quick_gelu_can_be_asked_for_where_no_configuration_lies(folder, photo):
    path = f"{folder}/vit/model.safetensors"
    as_openai = build_encoder(f"openai:{path}").encode_images(photo)
    assert torch.equal(build_encoder(f"open_clip:{path}+quickgelu").encode_images(photo), as_openai)
    assert not torch.allclose(build_encoder(f"open_clip:{path}").encode_images(photo), as_openai, atol=1e-4)


@pytest.fixture
def empty_caches(tmp_path, monkeypatch):
    """A home without weights, and no package that brings the tokenizer's table."""
    for variable in ("HOME", "TORCH_HOME", "HF_HOME", "ISPTUNE_WEIGHTS"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "ISPTUNE_ALLOW_DOWNLOADS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(clip_tokenizer, "_package_folders", list)
    return tmp_path


@pytest.mark.parametrize("name", ["RN50", "ViT-B/32", "ViT-L/14"])
def test_missing_weights_of_openai_are_named_with_hash_and_place(name, empty_caches):
    with pytest.raises(MissingExtra) as refusal:
        build_encoder(f"openai:{name}")
    for part in (f"{name.replace('/', '-')}.pt", OPENAI_SHA256[name], ".cache/clip", "https://"):
        assert part in str(refusal.value)


def test_another_file_under_the_name_of_openais_is_refused(empty_caches):
    place = empty_caches / "TORCH_HOME" / "hub" / "clip"
    place.mkdir(parents=True)
    (place / "RN50.pt").write_bytes(b"something else")
    with pytest.raises(ConfigError, match=r"RN50\.pt: its sha256 is .* that of OpenAI's RN50 afeb0e10"):
        build_encoder("openai:RN50")


def test_a_missing_table_of_merges_is_named_with_hash_and_place(empty_caches, states):
    save_file(states["vit"], empty_caches / "mine.safetensors")
    with pytest.raises(MissingExtra) as refusal:
        build_encoder(f"openai:{empty_caches}/mine.safetensors")
    for part in (
        clip_tokenizer.TABLE_NAME,
        clip_tokenizer.TABLE_SHA256,
        str(empty_caches / "ISPTUNE_WEIGHTS"),
    ):
        assert part in str(refusal.value)


def test_a_tokenizer_with_more_tokens_than_the_network_embeds_is_refused(tmp_path, states):
    save_file(states["vit"], tmp_path / "mine.safetensors")
    made(tmp_path / clip_tokenizer.TABLE_NAME)
    with pytest.raises(ConfigError, match="has 523 tokens, the network embeds 512"):
        build_encoder(f"openai:{tmp_path}/mine.safetensors")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("openai", "needs a name or a path"),
        ("openai:RN51", "no such file, and no network of OpenAI; these are RN50"),
        ("openai:RN50+crops", "unknown word 'crops'; known: crop, native, positions, bf16"),
        ("openai:RN50+crop+native", "seen in one way"),
        ("hf:nothing-here", "nothing-here"),
        ("open_clip:nothing-here", "nothing-here"),
    ],
)
def test_specs_that_name_nothing_are_refused(spec, reason, empty_caches):
    with pytest.raises(ConfigError, match=reason.replace("+", r"\+")):
        build_encoder(spec)


def test_a_folder_without_tensors_is_refused_with_what_it_holds(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ConfigError, match=r"holds notes\.txt; hf reads model\.safetensors"):
        build_encoder(f"hf:{tmp_path}")

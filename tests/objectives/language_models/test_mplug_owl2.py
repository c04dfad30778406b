"""mPLUG-Owl2 at a tiny size, against a second implementation and the authors' own."""

import json
import pickle
import struct

import pytest
import torch
from safetensors.torch import save_file

from isptune.errors import ConfigError
from objectives.language_models.mplug_owl2 import MPlugOwl2, OwlSize, size_of
from objectives.language_models.mplug_owl2_checkpoint import load_mplug_owl2, weights_files
from tests.objectives.language_models import mplug_owl2_oracle as oracle

BEFORE, AFTER = [1, 17, 5, 40, 22, 9], [3, 60, 8, 33]

WORDS = [2, 9, 30, 47, 63]
AUTHORS_SAY = [
    [0.9117095, -1.2549945, 2.3472116, -1.1126639, 0.1488004],
    [1.2610133, -0.9462215, 2.4245949, -1.3140785, 0.3107775],
    [1.5749102, -1.1040481, 2.5468545, -0.8582351, 0.0952964],
]
"""Logits of five words for the recipe's tensors and pixels, by the authors' code (as pyiqa 0.1.16 ships it, with
transformers 5.23.0, float32, eager attention)."""


@pytest.fixture(scope="module")
def state():
    return oracle.tensors_by_recipe()


@pytest.fixture(scope="module")
def network(state):
    network = MPlugOwl2(size_of(oracle.CONFIG))
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def run(network, count=3, before=BEFORE, after=AFTER):
    with torch.no_grad():
        return network(oracle.pixels_by_recipe(count), torch.tensor(before), torch.tensor(after))


def relative(ours, theirs):
    theirs = torch.as_tensor(theirs).double()
    return float((ours.double() - theirs).abs().max() / theirs.abs().max())


def test_logits_are_those_of_the_authors(network):
    # The bar is 1e-4; float32 gives 4e-7.
    assert relative(run(network)[:, WORDS], AUTHORS_SAY) < 1e-5


@pytest.mark.parametrize(("before", "after"), [(BEFORE, AFTER), ([1], [60]), ([1, 2, 3], list(range(20)))])
def test_logits_are_those_of_the_second_implementation(network, state, before, after):
    theirs = oracle.logits(state, oracle.pixels_by_recipe(2), before, after)
    assert relative(run(network, 2, before, after), theirs) < 1e-5


def test_names_and_shapes_are_the_official_ones(network):
    ours = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert ours == oracle.official_shapes()


@pytest.mark.slow
def test_the_published_size_has_the_published_number_of_parameters():
    with torch.device("meta"):
        network = MPlugOwl2(OwlSize())
    # Two shards of 9.99 and 6.42 GB, two bytes a number.
    assert sum(tensor.numel() for tensor in network.state_dict().values()) * 2 == pytest.approx(
        16.41e9, rel=2e-3
    )


def test_fewer_heads_of_keys_serve_several_of_queries(state):
    config = {**oracle.CONFIG, "num_key_value_heads": 2}
    grouped, repeated = dict(state), dict(state)
    for name in state:
        if ".k_proj." in name or ".v_proj." in name:
            heads = state[name].view(4, 12, 48)[:2]
            grouped[name] = heads.reshape(24, 48)
            repeated[name] = heads.repeat_interleave(2, 0).reshape(48, 48)
    networks = [MPlugOwl2(size_of(config)), MPlugOwl2(size_of(oracle.CONFIG))]
    for network, tensors in zip(networks, (grouped, repeated), strict=True):
        network.load_state_dict(tensors)
    # The same products in another order.
    torch.testing.assert_close(run(networks[0]), run(networks[1]), atol=1e-5, rtol=1e-5)


def test_a_folder_is_loaded_as_it_was_written(tmp_path, state, network):
    loaded, weights = load_mplug_owl2(oracle.write_folder(tmp_path / "owl", state), None)
    assert torch.equal(run(loaded), run(network))
    assert sorted(weights) == ["config.json", "model.safetensors"]
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def shards(folder, state, suffix):
    """Spread a state over three files with an index; tables of rotary positions, as old files have, beside."""
    oracle.write_folder(folder, state)
    (folder / "model.safetensors").unlink()
    extra = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(6)}
    parts = [{**extra}, {}, {}]
    for number, (name, tensor) in enumerate(state.items()):
        parts[number % 3][name] = tensor.clone()
    base = {"safetensors": "model", "bin": "pytorch_model"}[suffix]
    places = {}
    for number, part in enumerate(parts, 1):
        file = f"{base}-{number:05}-of-00003.{suffix}"
        places.update(dict.fromkeys(part, file))
        if suffix == "bin":
            torch.save(part, folder / file)
        else:
            save_file(part, folder / file)
    (folder / f"{base}.{suffix}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return folder


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_shards_give_the_same_network(tmp_path, state, network, suffix):
    loaded, weights = load_mplug_owl2(shards(tmp_path / "owl", state, suffix), None)
    assert torch.equal(run(loaded), run(network))
    assert len(weights) == 4


def test_safetensors_are_preferred(tmp_path, state):
    folder = shards(tmp_path / "owl", state, "bin")
    shards(folder, state, "safetensors")
    assert {file.suffix for file in weights_files(folder)} == {".safetensors"}


@pytest.mark.slow
@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16])
def test_half_precision_computes_in_bfloat16_unless_told_otherwise(tmp_path, state, network, stored):
    folder = oracle.write_folder(
        tmp_path / "owl", {name: tensor.to(stored) for name, tensor in state.items()}
    )
    half, _ = load_mplug_owl2(folder, None)
    whole, _ = load_mplug_owl2(folder, torch.float32)
    assert (half.dtype, whole.dtype) == (torch.bfloat16, torch.float32)
    assert run(half).dtype == torch.float32
    # bfloat16 has 8 bits of precision, and rounds some ten times on the way.
    assert relative(run(whole), run(network)) < 0.03
    assert relative(run(half), run(network)) < 0.1


@pytest.mark.slow
def test_a_wrong_layout_is_refused_with_the_names(tmp_path, state):
    missing = {name: tensor for name, tensor in state.items() if "vit_eos" not in name}
    llama = {
        name.replace("multiway.0.", ""): tensor for name, tensor in state.items() if "multiway.1" not in name
    }
    reshaped = {**state, "lm_head.weight": torch.zeros(65, 48)}
    whole = {**state, "lm_head.weight": torch.zeros(64, 48, dtype=torch.int64)}
    spoilt = {**state, "model.norm.weight": torch.full((48,), torch.nan)}
    endless = {**state, "lm_head.weight": state["lm_head.weight"] / 0}
    for number, (tensors, said) in enumerate(
        (
            (missing, r"missing: model\.visual_abstractor\.vit_eos"),
            (llama, r"unexpected: model\.layers\.0\.input_layernorm\.weight.* and 5 more"),
            (reshaped, r"lm_head\.weight \[65, 48\] for \[64, 48\]"),
            (whole, r"of another kind: lm_head\.weight torch\.int64"),
            (spoilt, r"not finite: model\.norm\.weight"),
            (endless, r"not finite: lm_head\.weight"),
        )
    ):
        with pytest.raises(ConfigError, match=said):
            load_mplug_owl2(oracle.write_folder(tmp_path / str(number), tensors), None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "llama"}, "model_type is 'llama'"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_scaling"),
        ({"attention_bias": True}, "attention_bias"),
        ({"hidden_act": "gelu"}, "hidden_act"),
        ({"hidden_size": 50}, "twice its heads"),
        ({"num_key_value_heads": 3}, "those of keys"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000"),
        ({"vocab_size": -1}, "vocab_size"),
        ({"vocab_size": True}, "vocab_size"),
        ({"rms_norm_eps": "small"}, "rms_norm_eps"),
        ({"visual_config": {"visual_abstractor": {"grid_size": 5}}}, "grid"),
        ({"visual_config": "none"}, "visual_config"),
    ],
)
def test_configurations_that_cannot_be_built_are_refused(change, said):
    with pytest.raises(ConfigError, match=said):
        size_of({**oracle.CONFIG, **change})


def test_the_base_of_rotary_positions_is_read_where_newer_files_keep_it():
    parameters = {"rope_type": "default", "rope_theta": 500.0}
    assert size_of({**oracle.CONFIG, "rope_parameters": parameters}).language.rotary_base == 500
    assert size_of({**oracle.CONFIG, "rope_theta": 700.0}).language.rotary_base == 700
    with pytest.raises(ConfigError, match="rope_type"):
        size_of({**oracle.CONFIG, "rope_parameters": {"rope_type": "yarn"}})


def test_an_empty_configuration_is_the_published_size():
    assert size_of({"model_type": "mplug_owl2"}) == OwlSize()


class _Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('run')",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle.dumps({"lm_head.weight": _Evil()}), "could run"),
        (b"", "cannot be read"),
        (struct.pack("<Q", 2**60) + b"{}", "cannot be read"),
    ],
)
def test_hostile_and_damaged_shards_are_refused(tmp_path, state, content, said):
    folder = oracle.write_folder(tmp_path / "owl", state)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        load_mplug_owl2(folder, None)


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"weight_map": {"lm_head.weight": "../secret.bin"}}, "no name of a file beside it"),
        ({"weight_map": {"lm_head.weight": 3}}, "no name of a file beside it"),
        ({"weight_map": {"lm_head.weight": "gone.bin"}}, "gone.bin, which is not beside it"),
        ({"weight_map": {}}, "no weight_map"),
        ([], "holds no table"),
        ("{", "is not JSON that can be read"),
    ],
)
def test_a_bad_index_is_refused(tmp_path, state, index, said):
    folder = oracle.write_folder(tmp_path / "owl", state)
    text = index if isinstance(index, str) else json.dumps(index)
    (folder / "model.safetensors.index.json").write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_mplug_owl2(folder, None)


def test_an_empty_folder_is_refused_with_what_it_lacks(tmp_path, state):
    with pytest.raises(ConfigError, match=r"config\.json: no such file"):
        load_mplug_owl2(tmp_path, None)
    folder = oracle.write_folder(tmp_path / "owl", state)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"no model\.safetensors and no pytorch_model\.bin"):
        load_mplug_owl2(folder, None)

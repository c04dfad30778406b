"""Checkpoints in every container: the same tensors come out, and nothing in a hostile file runs."""

import os
import pickle
import warnings
import zipfile

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from isptune.errors import ConfigError, MissingExtra
from objectives.checkpoints.reading import load_strictly, published_file, read_checkpoint, sha256_of


class Network(nn.Module):
    """Parameters, buffers, views, a submodule, and attributes that are no tensors."""

    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(1, 7).t())
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.register_buffer("table", torch.randn(3, 4).half()[:, 1:3])
        self.register_buffer("absent", None)
        self.sizes, self.names, self.scale = [1, 2], ["a"], 2.5

    def forward(self, x):
        return x @ self.weights


@pytest.fixture
def network():
    torch.manual_seed(3)
    return Network().eval()


def save_torchscript(module, path, trace=False):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is being retired; published files are still made of it
        made = torch.jit.trace(module, torch.zeros(2, 7)) if trace else torch.jit.script(module)
        torch.jit.save(made, str(path))


def write(network, kind, path):
    state = network.state_dict()
    prefixed = {f"module.{key}": value for key, value in state.items()}
    match kind:
        case "safetensors":
            save_file({key: value.contiguous() for key, value in state.items()}, path)
        case "zip":
            torch.save(state, path)
        case "legacy":
            torch.save(state, path, _use_new_zipfile_serialization=False)
        case "wrapped":
            torch.save({"epoch": 3, "model": {"state_dict": prefixed, "prompt_num": 10}}, path)
        case "script":
            save_torchscript(network, path)
        case "trace":
            save_torchscript(network, path, trace=True)


KINDS = ("safetensors", "zip", "legacy", "wrapped", "script", "trace")


@pytest.mark.parametrize("kind", KINDS)
def test_every_container_gives_the_tensors_of_the_state_dictionary(network, kind, tmp_path):
    path = tmp_path / "file.pt"
    write(network, kind, path)
    state, expected = read_checkpoint(path), network.state_dict()
    assert set(state) == set(expected)
    for key, value in expected.items():
        assert state[key].dtype == value.dtype
        assert torch.equal(state[key], value)
        assert not state[key].requires_grad
    other = Network()
    load_strictly(other, state, path)
    assert all(torch.equal(other.state_dict()[key], value) for key, value in expected.items())


def test_a_bare_tensor_has_no_name(tmp_path):
    torch.save(nn.Parameter(torch.arange(3.0)), tmp_path / "prompt.pth")
    assert read_checkpoint(tmp_path / "prompt.pth")[""].tolist() == [0, 1, 2]


class Trace:
    """Pickled, it is a call that makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def rewritten(source, target, change):
    """A copy of a zip file in which `change(name, content)` gives each entry's content and compression."""
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w") as after:
        for entry in before.infolist():
            content, compression = change(entry.filename, before.read(entry))
            after.writestr(entry.filename, content, compression)


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle", "pickle 5", "script", "safetensors", "tar"])
def test_a_pickle_that_would_run_code_is_refused_and_does_not(network, kind, tmp_path):
    path, trace = tmp_path / "bad.pt", tmp_path / "trace"
    hostile = {"weights": torch.zeros(3), "more": Trace(trace)}
    match kind:
        case "zip" | "legacy":
            torch.save(hostile, path, _use_new_zipfile_serialization=kind == "zip")
        case "pickle" | "pickle 5" | "safetensors":
            path = tmp_path / ("bad.safetensors" if kind == "safetensors" else "bad.pt")
            path.write_bytes(pickle.dumps(Trace(trace), 5 if kind == "pickle 5" else 2))
        case "script":
            save_torchscript(network, tmp_path / "good.pt")
            bad = pickle.dumps(Trace(trace), 2)
            rewritten(tmp_path / "good.pt", path, lambda n, c: (bad if n.endswith("/data.pkl") else c, 0))
        case "tar":
            import tarfile

            with tarfile.open(path, "w") as archive:
                (tmp_path / "storages").write_bytes(pickle.dumps(Trace(trace), 2))
                archive.add(tmp_path / "storages", "storages")
                archive.add(tmp_path / "storages", "tensors")
                archive.add(tmp_path / "storages", "pickle")
    with pytest.raises(ConfigError) as refused:
        read_checkpoint(path)
    assert not trace.exists()
    assert "\n" not in str(refused.value)
    assert "weights_only" not in str(refused.value)  # torch's advice would have the user run it
    if kind in ("zip", "legacy", "script"):
        assert f"{os.mkdir.__module__}.mkdir" in str(refused.value)
    # The trap is a real one: loaded carelessly, it would have left its trace.
    pickle.loads(pickle.dumps(Trace(trace)))
    assert trace.exists()


def test_the_code_of_a_torchscript_archive_is_never_read(network, tmp_path):
    save_torchscript(network, tmp_path / "good.pt")
    rewritten(tmp_path / "good.pt", tmp_path / "odd.pt", lambda n, c: (b"no code" if "/code/" in n else c, 0))
    assert torch.equal(read_checkpoint(tmp_path / "odd.pt")["weights"], network.weights)


@pytest.mark.parametrize(
    ("pickled", "reason"),
    [
        (b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.", "refer to themselves"),
        (b"\x80\x02cbuiltins\neval\n.", "builtins.eval"),
        (b"\x80\x02ctorch\nload\n.", "torch.load"),
        (b"\x80\x02ctorch.jit._pickle\nbuild_intlist\nX\x04\x00\x00\x00os.x\x85R.", "no tensors"),
        (b"\x80\x02ctorch.serialization\nload\n.", "torch.serialization.load"),
        (b"\x80\x02X\x04\x00\x00\x00spam\x8a\x01\x05\x86Q.", "cannot be read"),
        (b"\x80\x02", "cannot be read"),
    ],
)
def test_other_pickles_in_a_torchscript_archive_are_refused(network, pickled, reason, tmp_path):
    save_torchscript(network, tmp_path / "good.pt")
    rewritten(
        tmp_path / "good.pt", tmp_path / "a.pt", lambda n, c: (pickled if n.endswith("/data.pkl") else c, 0)
    )
    with pytest.raises(ConfigError, match=reason):
        read_checkpoint(tmp_path / "a.pt")


def test_a_tensor_larger_than_its_bytes_is_refused(network, tmp_path):
    save_torchscript(network, tmp_path / "good.pt")
    rewritten(
        tmp_path / "good.pt", tmp_path / "cut.pt", lambda n, c: (c[:4] if n.endswith("/data/0") else c, 0)
    )
    with pytest.raises(ConfigError, match="1 numbers of 7"):
        read_checkpoint(tmp_path / "cut.pt")


def test_compressed_tensors_which_could_swell_are_refused(network, tmp_path):
    save_torchscript(network, tmp_path / "good.pt")
    rewritten(tmp_path / "good.pt", tmp_path / "zip.pt", lambda n, c: (c, zipfile.ZIP_DEFLATED))
    with pytest.raises(ConfigError, match="is compressed"):
        read_checkpoint(tmp_path / "zip.pt")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.97])
def test_truncated_files_are_refused_in_one_line(network, kind, part, tmp_path):
    path = tmp_path / "file.pt"
    write(network, kind, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ConfigError, match="file.pt: cannot be read as a checkpoint") as refused:
        read_checkpoint(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (3, "a value of type int, no tensors by name"),
        ({}, "an empty dict"),
        ({"a": [torch.zeros(1)]}, "a value of type list as 'a'"),
        ({"a": torch.zeros(1), "epoch": 7}, "a value of type int as 'epoch'"),
        ({1: torch.zeros(1)}, "as '1'"),
        ({"a": torch.zeros(2).to_sparse()}, "sparse"),
        ([torch.zeros(2)], "a value of type list"),
    ],
)
def test_files_that_hold_something_else_say_what(content, reason, tmp_path):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(ConfigError, match=reason):
        read_checkpoint(tmp_path / "other.pt")


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(ConfigError, match="absent.pt: no such checkpoint"):
        read_checkpoint(tmp_path / "absent.pt")


def test_layouts_that_differ_are_named_key_by_key(network, tmp_path):
    path = tmp_path / "a.pt"
    state = dict(network.state_dict())
    moved = {f"encoder.{key}": value for key, value in state.items()}
    with pytest.raises(ConfigError, match=r"missing: weights, .* and 5 more; unexpected: encoder\.weights"):
        load_strictly(network, moved, path)
    with pytest.raises(ConfigError, match=r"of another shape: weights \[2\] for \[7, 1\]"):
        load_strictly(network, {**state, "weights": torch.zeros(2)}, path)
    with pytest.raises(ConfigError, match=r"of another kind: table torch.int64 for torch.float16"):
        load_strictly(network, {**state, "table": state["table"].long()}, path)
    with pytest.raises(ConfigError, match="not finite: stem.0.bias"):
        load_strictly(network, {**state, "stem.0.bias": torch.full((4,), torch.nan)}, path)
    without = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    load_strictly(network, without, path)


def test_half_precision_is_widened_to_the_network_s_own_type(network, tmp_path):
    halves = {
        key: value.half() if value.is_floating_point() else value
        for key, value in network.state_dict().items()
    }
    other = Network()
    load_strictly(other, halves, tmp_path / "a.pt")
    assert other.weights.dtype == torch.float32
    assert torch.equal(other.weights, network.weights.half().float())


def test_published_files_are_found_checked_and_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("ISPTUNE_WEIGHTS", str(tmp_path / "weights"))
    ask = ("net.pth", "release `weights` of someone/net", "abc123")
    place = str(tmp_path / "weights" / "net.pth")
    with pytest.raises(MissingExtra) as missing:
        published_file(*ask)
    for part in ("net.pth", "abc123", "release `weights` of someone/net", place):
        assert part in str(missing.value)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "net.pth").write_bytes(b"tensors")
    with pytest.raises(ConfigError, match="its sha256 is"):
        published_file(*ask)
    actual = sha256_of(tmp_path / "weights" / "net.pth")
    for known in (None, actual, actual[:12]):
        assert str(published_file(ask[0], ask[1], known)) == place
    assert str(published_file(*ask, path=tmp_path / "weights")) == place  # one's own file is not compared
    with pytest.raises(ConfigError, match="no such file of weights"):
        published_file(*ask, path=tmp_path / "elsewhere")

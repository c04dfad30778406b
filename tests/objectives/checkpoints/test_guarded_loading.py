"""A third party's constructor may neither download nor run code out of a checkpoint."""

import os
import pickle
import sys
import urllib.request

import pytest
import torch

from objectives.checkpoints.guarded_loading import WeightsMissing, explain_missing, guarded


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


def test_pickled_code_is_not_run_even_if_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Bomb()}, "bad.pth")
    with guarded(), pytest.raises(pickle.UnpicklingError):
        torch.load("bad.pth", weights_only=False)
    assert not (tmp_path / "exploded").exists()


def test_tensors_are_loaded_and_their_files_noted(tmp_path):
    path = tmp_path / "good.pth"
    torch.save({"weight": torch.arange(3)}, path)
    with guarded() as files:
        state = torch.load(str(path), weights_only=False)
    assert state["weight"].tolist() == [0, 1, 2]
    assert files == [path]


def test_download_is_refused_with_the_file_and_its_place(tmp_path):
    target = tmp_path / "net.pth"
    with guarded(), pytest.raises(WeightsMissing) as caught:
        torch.hub.download_url_to_file("https://example.org/net.pth", str(target))
    assert explain_missing(RuntimeError("wrapped")) is None
    told = explain_missing(caught.value)
    assert told == f"the file net.pth, which is not at {target} (get it from https://example.org/net.pth)"


def test_error_is_explained_by_what_it_came_from():
    error = RuntimeError("no model")
    error.__cause__ = WeightsMissing("https://example.org/ViT.pt")
    assert f"ViT.pt, which is not at {torch.hub.get_dir()}/clip/ViT.pt" in explain_missing(error)


def test_address_of_a_repository_names_it():
    error = OSError("Cannot reach https://huggingface.co/timm/vit/resolve/main/model.safetensors: offline")
    assert "`hf download timm/vit`" in explain_missing(error)


def test_everything_is_put_back(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    before = (torch.load, torch.jit.load, torch.hub.download_url_to_file, urllib.request.urlopen, sys.stdout)

    def fail_inside():
        with guarded():
            assert os.environ["HF_HUB_OFFLINE"] == "1"
            assert torch.load is not before[0]
            print("chatter")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    after = (torch.load, torch.jit.load, torch.hub.download_url_to_file, urllib.request.urlopen, sys.stdout)
    assert after == before
    assert "HF_HUB_OFFLINE" not in os.environ


def test_downloads_are_left_alone_where_the_user_allows_them(monkeypatch, capsys):
    monkeypatch.setenv("ISPTUNE_ALLOW_DOWNLOADS", "1")
    before = torch.hub.download_url_to_file
    with guarded():
        assert torch.hub.download_url_to_file is before
        print("Downloading")
    assert capsys.readouterr() == ("", "Downloading\n")

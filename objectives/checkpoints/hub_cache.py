"""Models of the Hugging Face hub by what they are called: in the cache, or downloaded if that was asked for."""

import importlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from isptune.errors import ConfigError, MissingExtra, one_line
from objectives.checkpoints.guarded_loading import ALLOW_DOWNLOADS, downloads_allowed, repository_missing

_FILES = ("*.json", "*.safetensors", "*.bin", "*.model", "*.txt", "*.jinja")
"""What a model needs; no code."""


def cache_folder() -> Path:
    """Where the hub's own library keeps what it downloads; its environment variables move it."""
    home = os.environ.get("HF_HOME")
    if not home:
        home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    given = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(given or Path(home) / "hub").expanduser()


def cached_model(repository: str, complete: Callable[[Path], bool]) -> Path | None:
    """The folder of a model in the cache, of its main version first; None without a complete one."""
    folder = cache_folder() / f"models--{repository.replace('/', '--')}"
    names = sorted(path for path in (folder / "refs").rglob("*") if path.is_file())
    names.sort(key=lambda path: path.name != "main")
    for name in names:
        commit = name.read_text(errors="replace").strip()
        snapshot = folder / "snapshots" / commit
        if re.fullmatch("[0-9a-f]{40}", commit) and snapshot.is_dir() and complete(snapshot):
            return snapshot
    return None


def model_folder(name: str, complete: Callable[[Path], bool]) -> Path:
    """The folder that a path or the name of a repository (`owner/model`) stands for.

    Raises:
        ConfigError: it is neither, or cannot be downloaded.
        MissingExtra: the repository is not in the cache, and downloads are not allowed; says how to get it.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
        raise ConfigError(f"{one_line(name)}: no such folder, and no name of a model on a hub (owner/model)")
    cached = cached_model(name, complete)
    if cached is None and downloads_allowed():
        return _download(name)
    if cached is None:
        raise MissingExtra(
            f"{name} is no folder here; needed is {repository_missing(name)}; or allow downloads: {ALLOW_DOWNLOADS}=1"
        )
    return cached


def _download(repository: str) -> Path:
    try:
        hub = importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise MissingExtra(
            f"to download {repository} needs huggingface_hub; get it by: pip install 'isptune[transformers]'"
        ) from error
    try:
        return Path(hub.snapshot_download(repository, allow_patterns=list(_FILES)))
    except Exception as error:  # whatever a network and a hub may answer
        raise ConfigError(f"{repository} cannot be downloaded: {one_line(str(error)[:200])}") from error

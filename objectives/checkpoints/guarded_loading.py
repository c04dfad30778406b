"""Builds a third party's model without surprises: no download unasked, no code out of a checkpoint."""

import contextlib
import importlib
import io
import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

ALLOW_DOWNLOADS = "ISPTUNE_ALLOW_DOWNLOADS"
"""Set to 1, this environment variable lets published weights be downloaded."""


class WeightsMissing(Exception):
    """A file that is not here and would have been downloaded; turned into MissingExtra by the caller."""

    def __init__(self, url: str, path: str | None = None):
        self.url, self.path = url, path
        super().__init__(f"{url} is not at {path}" if path else url)


def downloads_allowed() -> bool:
    """Whether the user has asked for downloads."""
    return os.environ.get(ALLOW_DOWNLOADS, "") == "1"


@contextlib.contextmanager
def guarded() -> Iterator[list[Path]]:
    """While open: torch.load takes tensors only, downloads raise WeightsMissing, stdout stays clean.

    Gives a list that fills with the files that torch loads meanwhile.

    It replaces functions of the whole process and puts them back; objectives are built one after another,
    before any thread works.
    """
    with contextlib.ExitStack() as stack:
        loaded: list[Path] = []
        stack.enter_context(_without_logged_chatter())
        stack.enter_context(replaced(torch, "load", _noting(loaded, _load_tensors_only(torch.load))))
        stack.enter_context(replaced(torch.jit, "load", _noting(loaded, torch.jit.load)))
        if downloads_allowed():
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        else:
            # "Downloading ..." is printed even when it is then refused.
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
            stack.enter_context(_offline())
        yield loaded


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Give an attribute another value for a while."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _load_tensors_only(load: Any) -> Any:
    def load_tensors_only(*arguments: Any, **options: Any) -> Any:
        # weights_only=False, which some libraries ask for, would run whatever the file tells it to.
        return load(*arguments, **{**options, "weights_only": True})

    return load_tensors_only


def _noting(loaded: list[Path], load: Any) -> Any:
    def load_and_note(source: Any, *arguments: Any, **options: Any) -> Any:
        path = getattr(source, "name", source)  # an open file says what it is called
        if isinstance(path, str | os.PathLike):
            loaded.append(Path(path))
        return load(source, *arguments, **options)

    return load_and_note


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    import urllib.request

    before = os.environ.get("HF_HUB_OFFLINE")
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(replaced(urllib.request, "urlopen", _refuse_download))
            stack.enter_context(replaced(torch.hub, "download_url_to_file", _refuse_download))
            with contextlib.suppress(ImportError):
                constants = importlib.import_module("huggingface_hub.constants")
                stack.enter_context(replaced(constants, "HF_HUB_OFFLINE", True))
            # The name is bound at import; by then the guard above may not have been in place.
            bound = sys.modules.get("pyiqa.utils.download_util")
            if bound is not None:
                stack.enter_context(replaced(bound, "download_url_to_file", _refuse_download))
            yield
    finally:
        if before is None:
            del os.environ["HF_HUB_OFFLINE"]
        else:
            os.environ["HF_HUB_OFFLINE"] = before


def _refuse_download(source: Any, path: Any = None, *_: Any, **__: Any) -> Any:
    raise WeightsMissing(getattr(source, "full_url", str(source)), None if path is None else str(path))


@contextlib.contextmanager
def _without_logged_chatter() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def explain_missing(error: BaseException) -> str | None:
    """What file is missing and where it belongs, if that is what an error comes from; else None."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, WeightsMissing):
            name = Path(seen.path or seen.url).name
            place = seen.path or f"{torch.hub.get_dir()}/clip/{name}"
            return f"the file {name}, which is not at {place} (get it from {seen.url})"
        hub = re.search(r"huggingface\.co/([\w.-]+/[\w.-]+)/resolve/", str(seen))
        if hub:
            return repository_missing(hub[1])
        seen = seen.__cause__ or seen.__context__
    return None


def is_offline_refusal(error: BaseException) -> bool:
    """Whether an error comes from the Hugging Face hub being off limits."""
    seen: BaseException | None = error
    while seen is not None:
        if type(seen).__name__ in ("LocalEntryNotFoundError", "OfflineModeIsEnabled"):
            return True
        seen = seen.__cause__ or seen.__context__
    return isinstance(error, OSError)


def repository_missing(*repositories: str) -> str:
    """Where repositories of the Hugging Face hub belong."""
    home = os.environ.get("HF_HOME", "~/.cache/huggingface")
    commands = " and ".join(f"`hf download {repository}`" for repository in repositories)
    return (
        f"{' and '.join(repositories)} of the Hugging Face hub, not in {home}/hub ({commands} puts it there)"
    )

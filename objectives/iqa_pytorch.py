"""Any metric of pyiqa (IQA-PyTorch) by name: `iqa_pytorch:musiq`.

pyiqa is an extra, not a dependency: it is licensed under PolyForm Noncommercial 1.0.0, and many of the weights
that it loads have licences of their own. Nothing of it is part of isptune.

Weights are looked for where pyiqa keeps them: `$TORCH_HOME/hub/pyiqa` (by default `~/.cache/torch/hub/pyiqa`),
`hub/checkpoints` and `hub/clip` beside it, and `$HF_HOME/hub`. What is missing is named, with where to put it;
it is downloaded only with ISPTUNE_ALLOW_DOWNLOADS=1. Checkpoints are loaded as tensors only, though pyiqa asks
for pickles: one that cannot be is refused, since it could run code.
"""

import hashlib
import importlib
import logging
import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import torch

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, IsptuneError, MissingExtra, ScoreError, UnknownName
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from objectives.checkpoints.guarded_loading import (
    ALLOW_DOWNLOADS,
    explain_missing,
    guarded,
    is_offline_refusal,
    repository_missing,
)
from objectives.checkpoints.torchvision_shim import import_torchvision
from objectives.full_reference.objective import OneImage, matching_reference

INSTALL = "pip install 'isptune[pyiqa]'"

SETS = ("fid", "fid_dinov2", "fid_mmd", "inception_score")
"""Metrics of pyiqa that score a folder as a whole, and so cannot score an image."""

ONE_BY_ONE = ("qalign", "compare2score", "topiq_nr-face", "topiq_nr_swin-face")
"""Metrics, and families of them, that take one image at a time (pyiqa asserts it); they are looped here."""

HUB_REPOSITORIES = {
    "qalign": ("q-future/one-align",),
    "compare2score": ("q-future/Compare2Score", "VQA-CityU/Compare2Score_1"),
    "maniqa": ("timm/vit_base_patch8_224.augreg2_in21k_ft_in1k",),
    "qrealign-lite": ("q-future/Q-ReAlign-Lite-4B",),
    "qrealign-pro": ("q-future/Q-ReAlign-Pro-9B",),
    "qrealign": ("q-future/Q-ReAlign-Mini-0.8B",),
}
"""What families of metrics load from the Hugging Face hub, whose errors do not always say."""

CHUNK = 8
"""Images at once: some metrics need 0.6 GB an image of 512x512."""


@final
class PyiqaMetric:
    """A metric of pyiqa as an objective, with the direction, range and kind that pyiqa declares.

    Its weights are the files that torch loaded; NIQE's kin, which read Matlab files, list none. Metrics that crop at
    random see the same seed in every call.
    """

    def __init__(self, metric: Any, files: Sequence[Path] = ()):
        self.name = f"iqa_pytorch:{metric.metric_name}"
        self.facts = ObjectiveFacts(
            direction="minimize" if metric.lower_better else "maximize",
            range=_parse_range(metric.score_range),
            source="pyiqa (IQA-PyTorch; Chen and Mo 2022), PolyForm Noncommercial 1.0.0; see there for the metric's "
            "paper",
            uses_reference=metric.metric_mode == "FR",
            weights={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
        )
        self.chunk = 1 if metric.metric_name.startswith(ONE_BY_ONE) else CHUNK
        self._metric = metric

    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image; NaN for an image that holds one. Raises ScoreError."""
        reference = matching_reference(self.name, images, scene) if self.facts.uses_reference else None
        scores = torch.full((len(images),), math.nan, device=images.device)
        # pyiqa refuses a whole batch for one NaN.
        sound = images.isfinite().flatten(1).all(1).nonzero()[:, 0]
        self._metric.to(images.device)
        for index in sound.split(self.chunk):
            scores[index] = self._score(images[index].float().clamp(0, 1), reference)
        return scores

    def _score(self, images: Images, reference: OneImage | None) -> Scores:
        pair = (images,) if reference is None else (images, reference.expand_as(images))
        try:
            with torch.no_grad(), torch.random.fork_rng(_devices(images)):
                torch.manual_seed(0)
                result = self._metric(*pair)
        except torch.OutOfMemoryError:
            raise  # the evaluator halves the batch
        except (RuntimeError, ValueError, AssertionError, IndexError) as error:
            raise ScoreError(f"{self.name}: {_first_line(error)}") from error
        result = torch.as_tensor(result[0] if isinstance(result, tuple) else result)
        if result.numel() != len(images):
            raise ScoreError(f"{self.name} gave {result.numel()} scores for {len(images)} images")
        return result.detach().flatten().float()


def build(argument: str | None) -> PyiqaMetric:
    """Any metric of pyiqa by name (iqa_pytorch:musiq); pyiqa is an extra with a non-commercial licence.

    Raises:
        ConfigError: no name was given, the metric scores sets of images, or its weights may not be loaded.
        UnknownName: pyiqa has no metric of that name.
        MissingExtra: pyiqa, a package that it needs, or a file of weights is not here; says how to get it.
    """
    if not argument:
        raise ConfigError("iqa_pytorch needs the name of a metric of pyiqa, such as iqa_pytorch:musiq")
    pyiqa = _import_pyiqa()
    if argument in SETS:
        raise ConfigError(
            f"iqa_pytorch:{argument} scores a set of images as a whole, and cannot score one image"
        )
    known = [name for name in pyiqa.list_models() if name not in SETS]
    if argument not in known:
        raise UnknownName("metric of pyiqa", argument, known)
    metric, files = _create(pyiqa, argument)
    logging.getLogger(__name__).warning(
        "iqa_pytorch:%s: pyiqa is licensed for non-commercial use only (PolyForm Noncommercial 1.0.0)",
        argument,
    )
    return PyiqaMetric(metric, files)


def _import_pyiqa() -> Any:
    try:
        with guarded():
            import_torchvision()
            return importlib.import_module("pyiqa")
    except ImportError as error:
        raise MissingExtra(
            f"iqa_pytorch needs the package {error.name or 'pyiqa'} ({_first_line(error)}); get it by: {INSTALL} "
            "(pyiqa is licensed for non-commercial use only)"
        ) from error


def _create(pyiqa: Any, name: str) -> tuple[Any, list[Path]]:
    # TOPIQ's own weights hold the backbone's: those of ImageNet need not be there.
    options = {"backbone_pretrain": False} if name.startswith("topiq") else {}
    try:
        with guarded() as files:
            return pyiqa.create_metric(name, device=torch.device("cpu"), **options), files
    except Exception as error:  # whatever a third party's constructor may raise
        raise _explained(name, error) from error


def _explained(name: str, error: Exception) -> IsptuneError:
    missing = explain_missing(error)
    family = next((family for family in HUB_REPOSITORIES if name.startswith(family)), None)
    if missing is None and family and is_offline_refusal(error):
        missing = repository_missing(*HUB_REPOSITORIES[family])
    if missing:
        return MissingExtra(f"iqa_pytorch:{name} needs {missing}; or allow downloads: {ALLOW_DOWNLOADS}=1")
    # pyiqa leaves out a metric whose module does not import, and then does not find it.
    if isinstance(error, ImportError) or (isinstance(error, KeyError) and "registry" in str(error)):
        return MissingExtra(
            f"iqa_pytorch:{name} needs a package that is not installed: {_first_line(error)}; all that pyiqa "
            f"needs: {INSTALL}"
        )
    if isinstance(error, pickle.UnpicklingError):
        return ConfigError(
            f"iqa_pytorch:{name}: its checkpoint holds more than tensors and is not loaded, since it could run "
            f"code: {_first_line(error)}"
        )
    return ConfigError(f"iqa_pytorch:{name} cannot be built: {type(error).__name__}: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _parse_range(declared: str | None) -> tuple[float, float]:
    """`0, 1`, `0, ~` and `0, ~1` as pyiqa writes them; what has a tilde is no bound."""
    low, _, high = (declared or "~, ~").partition(",")
    return _bound(low, -math.inf), _bound(high, math.inf)


def _bound(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:
        return otherwise


def _devices(images: Images) -> list[int]:
    return [images.device.index or 0] if images.device.type == "cuda" else []

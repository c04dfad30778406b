"""Parameters of NIQE and BRISQUE on disk: ours, and those that others have published.

Nothing here runs code out of a file: safetensors, Matlab's and NumPy's arrays without pickles, OpenCV's YAML.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from isptune.errors import ConfigError

_FEATURES = 36


@dataclass(frozen=True, eq=False)
class PristineModel:
    """The multivariate Gaussian of NIQE's features over blocks of pristine photographs."""

    mean: Float64[Tensor, "36"]
    covariance: Float64[Tensor, "36 36"]


@dataclass(frozen=True, eq=False)
class Regression:
    """A support vector regression with a Gaussian kernel over scaled features.

    Attributes:
        low, high: per feature, what is scaled to -1 and to 1; nothing is cut off beyond.
        support_vectors: scaled.
        coefficients, offset: prediction = sum of coefficients * kernel + offset.
        gamma: kernel = exp(-gamma |x - support vector|^2).
        opencv: whether the features are those of OpenCV's computation.
        files: what it was read from.
    """

    low: Float64[Tensor, "36"]
    high: Float64[Tensor, "36"]
    support_vectors: Float64[Tensor, "vectors 36"]
    coefficients: Float64[Tensor, " vectors"]
    offset: float
    gamma: float
    opencv: bool = False
    files: tuple[Path, ...] = ()

    def predict(self, features: Float[Tensor, "batch 36"]) -> Float64[Tensor, " batch"]:
        """One prediction a row of features."""
        device = features.device
        low, high = self.low.to(device), self.high.to(device)
        scaled = (features.double() - low) / (high - low) * 2 - 1
        differences = scaled.unsqueeze(1) - self.support_vectors.to(device)
        kernel = torch.exp(-self.gamma * differences.square().sum(2))
        return kernel @ self.coefficients.to(device) + self.offset


def read_pristine_model(path: Path) -> PristineModel:
    """Read NIQE's parameters: ours (.safetensors), the authors' (.mat), BasicSR's (.npz). Raises ConfigError."""
    readers = {
        ".safetensors": (_read_safetensors, "mean", "covariance"),
        ".mat": (_read_matlab, "mu_prisparam", "cov_prisparam"),
        ".npz": (_read_numpy, "mu_pris_param", "cov_pris_param"),
    }
    _require_file(path, tuple(readers))
    reader, mean_key, covariance_key = readers[path.suffix.lower()]
    arrays = _guarded(reader, path)
    missing = [key for key in (mean_key, covariance_key) if key not in arrays]
    if missing:
        raise ConfigError(f"{path}: holds {', '.join(arrays)}; parameters of NIQE need {', '.join(missing)}")
    mean = np.asarray(arrays[mean_key], np.float64).reshape(-1)
    covariance = np.asarray(arrays[covariance_key], np.float64)
    if mean.shape != (_FEATURES,) or covariance.shape != (_FEATURES, _FEATURES):
        raise ConfigError(
            f"{path}: parameters of NIQE are a mean of {_FEATURES} and a covariance of "
            f"{_FEATURES}x{_FEATURES}; got {mean.shape} and {covariance.shape}"
        )
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise ConfigError(f"{path}: holds parameters that are NaN or infinite")
    return PristineModel(torch.from_numpy(mean.copy()), torch.from_numpy(covariance.copy()))


def read_regression(path: Path) -> Regression:
    """Read BRISQUE's regression: ours (.safetensors) or OpenCV's (.yml). Raises ConfigError."""
    _require_file(path, (".safetensors", ".yml", ".yaml"))
    if path.suffix.lower() == ".safetensors":
        return _our_regression(path)
    return _opencv_regression(path, _range_file(path))


def _our_regression(path: Path) -> Regression:
    arrays = _guarded(_read_safetensors, path)
    keys = ("low", "high", "support_vectors", "coefficients", "offset", "gamma")
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise ConfigError(f"{path}: holds {', '.join(arrays)}; a regression also needs {', '.join(missing)}")
    tensors = {key: torch.from_numpy(np.asarray(arrays[key], np.float64)) for key in keys}
    return _checked(
        Regression(
            *(tensors[key] for key in keys[:4]),
            offset=float(tensors["offset"]),
            gamma=float(tensors["gamma"]),
            files=(path,),
        ),
        path,
    )


def _opencv_regression(path: Path, range_path: Path) -> Regression:
    svm = _guarded(_read_opencv_svm, path)
    low, high = _guarded(_read_opencv_range, range_path)
    vectors = torch.tensor(svm["support_vectors"], dtype=torch.float64)
    regression = Regression(
        low=torch.from_numpy(low.astype(np.float64)),
        high=torch.from_numpy(high.astype(np.float64)),
        support_vectors=vectors,
        coefficients=torch.tensor(svm["alpha"], dtype=torch.float64),
        offset=-svm["rho"],
        gamma=svm["gamma"],
        opencv=True,
        files=(path, range_path),
    )
    return _checked(regression, path)


def _checked(regression: Regression, path: Path) -> Regression:
    shapes = [tuple(part.shape) for part in (regression.low, regression.high, regression.support_vectors)]
    count = regression.coefficients.shape[0] if regression.coefficients.ndim == 1 else 0
    if count == 0 or shapes != [(_FEATURES,), (_FEATURES,), (count, _FEATURES)]:
        raise ConfigError(
            f"{path}: a regression of BRISQUE has {_FEATURES} features; got ranges and support vectors of "
            f"shapes {shapes} and {count} coefficients"
        )
    return regression


def _range_file(path: Path) -> Path:
    """The ranges that belong to a model: the same name with `range` for `model`, in the same folder."""
    found = path.with_name(path.name.replace("model", "range"))
    if found == path or not found.is_file():
        raise ConfigError(
            f"{path}: the ranges of the features must lie beside it as {found.name}"
            if found != path
            else f"{path}: a model is named ...model....yml, and its ranges beside it ...range....yml"
        )
    return found


def _require_file(path: Path, suffixes: tuple[str, ...]) -> None:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file of parameters")
    if path.suffix.lower() not in suffixes:
        raise ConfigError(f"{path}: parameters are read from {', '.join(suffixes)}; not from {path.suffix!r}")


def _guarded(reader: Any, path: Path) -> Any:
    """What the reader makes of the file. Raises ConfigError for whatever a damaged file makes it raise."""
    import cv2
    from safetensors import SafetensorError

    damaged = (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, NotImplementedError)
    try:
        return reader(path)
    except (*damaged, SafetensorError, zipfile.BadZipFile, cv2.error) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"{path}: cannot be read as parameters: {reason}") from error


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(path)


def _read_matlab(path: Path) -> dict[str, np.ndarray]:
    from scipy.io import loadmat

    return {key: value for key, value in loadmat(path).items() if not key.startswith("__")}


def _read_numpy(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def _read_opencv_svm(path: Path) -> dict[str, Any]:
    import cv2

    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    try:
        svm = storage.getNode("opencv_ml_svm")
        kernel, decision = svm.getNode("kernel"), svm.getNode("decision_functions").at(0)
        kind = (svm.getNode("svmType").string(), kernel.getNode("type").string())
        if kind != ("EPS_SVR", "RBF"):
            raise ValueError(f"it is an SVM of type {kind}; BRISQUE's is EPS_SVR with kernel RBF")
        vectors = svm.getNode("support_vectors")
        return {
            "gamma": kernel.getNode("gamma").real(),
            "rho": decision.getNode("rho").real(),
            "support_vectors": [_numbers(vectors.at(i)) for i in range(vectors.size())],
            "alpha": _numbers(decision.getNode("alpha")),
        }
    finally:
        storage.release()


def _numbers(node: Any) -> list[float]:
    return [node.at(i).real() for i in range(node.size())]


def _read_opencv_range(path: Path) -> np.ndarray:
    import cv2

    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    try:
        ranges = storage.getNode("range").mat()
    finally:
        storage.release()
    if ranges is None or ranges.shape != (2, _FEATURES):
        raise ValueError(f"the ranges are 2x{_FEATURES} numbers")
    return ranges

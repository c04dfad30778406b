"""Lets a torchvision that was built for CUDA import beside a torch that was built without.

Such a torchvision cannot load its compiled part, and then fails at import because it registers shape
functions for two operators that nobody has defined. Declared without an implementation they suffice: models
and transforms work, `ops.nms` and the codecs raise when called.
"""

import importlib
import sys
from functools import lru_cache

import torch


def import_torchvision() -> None:
    """Import torchvision, declaring its missing operators if need be. Raises ImportError without it."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
        half_imported = [name for name in sys.modules if name.partition(".")[0] == "torchvision"]
        for name in half_imported:
            del sys.modules[name]
        _declare_operators()
        importlib.import_module("torchvision")


@lru_cache(maxsize=1)
def _declare_operators() -> torch.library.Library:
    # The declaration lasts as long as the library object, which the cache keeps.
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library

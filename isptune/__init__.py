"""isptune: finds the parameter values at which a camera's image signal processor makes its best pictures.

| | |
|---|---|
| `tune`, `compare` | one optimisation; which objective leads an optimiser best |
| `score`, `distort`, `describe` | one picture or several |
| `load_run` | a run that was kept |
| `pipeline`, `objective` | decorators for functions of one's own |
| `Real`, `Integer`, `Choice`, `Space` | what can be tuned |
| `Scene`, `photograph`, `load_scenes` | what a pipeline starts from |
| `IsptuneError` | the root of all errors |

A name is imported when it is first used: `import isptune` itself costs nothing and imports no torch.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from isptune.system.cores import prepare_threads
from isptune.version import __version__

if TYPE_CHECKING:
    from isptune.errors import IsptuneError
    from isptune.functions.objective import objective
    from isptune.functions.pipeline import pipeline
    from isptune.library.once import describe, distort, score
    from isptune.library.result import load_run
    from isptune.library.tune import compare, tune
    from isptune.scenes.scene import Scene, load_scenes, photograph
    from isptune.space import Choice, Integer, Real, Space

__all__ = [
    "Choice",
    "Integer",
    "IsptuneError",
    "Real",
    "Scene",
    "Space",
    "__version__",
    "compare",
    "describe",
    "distort",
    "load_run",
    "load_scenes",
    "objective",
    "photograph",
    "pipeline",
    "score",
    "tune",
]

_HOMES = {
    "IsptuneError": "errors",
    "objective": "functions.objective",
    "pipeline": "functions.pipeline",
    "describe": "library.once",
    "distort": "library.once",
    "score": "library.once",
    "load_run": "library.result",
    "compare": "library.tune",
    "tune": "library.tune",
    "Scene": "scenes.scene",
    "load_scenes": "scenes.scene",
    "photograph": "scenes.scene",
    "Choice": "space",
    "Integer": "space",
    "Real": "space",
    "Space": "space",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'isptune' has no attribute {name!r}")
    if "torch" not in sys.modules:
        prepare_threads()
    return getattr(import_module(f"isptune.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

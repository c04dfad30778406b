"""What stands in a set, a run's folder or a study acts only where its user says so.

Programs, servers, files of Python and pictures that a folder names are used where the command names them too, or says
`--trust`. Without that the command ends before anything is built, and tells what would have been started and sent. A
picture needs neither where it is the one whose hash the run has: whoever made the folder had it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.deeds import Named, deeds_of
from isptune.errors import ConfigError, RunFolderError, SceneError, one_line
from isptune.runs.constraints import parse_constraint
from isptune.runs.provenance import read_provenance
from isptune.runs.settings import RunSettings
from isptune.scenes.names import BUNDLED
from isptune.spec import split_name, split_options

if TYPE_CHECKING:  # what a report asks of this file needs no torch
    from isptune.scenes.scene import Scene

OPTION = "--trust"

_MADE_HERE = ("bundled", "chart")
"""Sources of scenes that read no file which a spec names."""


@dataclass(frozen=True)
class Trust:
    """What the user of a command said.

    Attributes:
        named: the plug-ins that the command itself names.
        all: whether to do whatever the folder names, after having been told what that is.
    """

    named: tuple[Named, ...] = ()
    all: bool = False


NOTHING_NAMED = Trust()


def pipeline(spec: str, options: Mapping[str, Any]) -> Named:
    """A pipeline with its options."""
    return Named("pipeline", spec, options)


def objectives(specs: Iterable[str]) -> list[Named]:
    """Some objectives."""
    return [Named("objective", spec) for spec in specs]


def whole_bench(settings: RunSettings) -> list[Named]:
    """All that a bench of these settings is built from, scenes aside."""
    limited = [parse_constraint(text).objective for text in settings.constraints]
    opinions = [spec for spec in settings.second_opinions if spec not in ("auto", "none")]
    return [
        pipeline(settings.pipeline, settings.pipeline_options),
        *objectives([*settings.objectives, *limited, *opinions]),
        Named("optimizer", settings.optimizer),
    ]


def require_trust(source: Path | str, wanted: Iterable[Named], trust: Trust) -> None:
    """Say what a folder or a set would have done, unless the user named it or trusts it.

    Args:
        source: the folder or file, for the message.
        wanted: what it names and is about to be built.
        trust: what the user said.

    Raises:
        ConfigError: something would be started or sent that the user did not name; or a key would go along to a server
            that the user did not name, which no `--trust` allows.
    """
    own = set(deeds_of(trust.named))
    strange = [deed for deed in deeds_of(wanted) if deed not in own]
    keys = [deed.key for deed in strange if deed.key]
    where = one_line(str(source))
    if keys:
        raise ConfigError(
            f"{where}: would {_listed([deed.what for deed in strange])}, and send {_listed(keys)}, which this command "
            "does not name; a key goes only where its user says: name that server on the command line or in "
            "OPENAI_BASE_URL, or unset the key"
        )
    if strange and not trust.all:
        raise ConfigError(
            f"{where}: would {_listed([deed.what for deed in strange])}, which this command does not name; what stands "
            f"in a folder or a set is not started and sent unasked: name it too, or give {OPTION} if you trust whoever "
            "made it"
        )


def require_known_pictures(folder: Path, settings: RunSettings, trust: Trust) -> None:
    """Refuse a run whose scenes are files of this machine that are not what it was made on.

    Raises:
        RunFolderError: the run does not have the hash of a picture that it names.
        SceneError: a picture is not there, or cannot be read.
    """
    held_out = [] if _is_share(settings.holdout) else settings.holdout
    specs = [spec for spec in [*settings.scenes, *held_out] if names_a_file(spec)]
    if specs and not trust.all:
        from isptune.scenes.scene import load_scenes

        refuse_unknown_pictures(folder, load_scenes(specs, settings.crop, settings.resize))


def refuse_unknown_pictures(folder: Path, scenes: "Sequence[Scene]") -> None:
    """Raise RunFolderError for a picture whose hash the run in a folder does not have."""
    known = set(read_provenance(folder).scenes.values())
    for scene in scenes:
        if scene.sha256 not in known:
            raise RunFolderError(
                f"{one_line(str(folder))}: the scene {scene.name!r} is not the picture that this run was made on"
            )


def names_a_file(spec: str) -> bool:
    """Whether a scene's spec stands for a file of this machine. Raises SceneError for one that cannot be a picture."""
    name, argument = split_name(spec)
    for path in (Path(spec), Path(split_options(argument)[0] or "")):
        if path.exists() and not (path.is_file() or path.is_dir()):  # to read a pipe may take for ever
            raise SceneError(f"{one_line(spec)}: is no file")
    return Path(spec).exists() or (name not in _MADE_HERE and not (name in BUNDLED and argument is None))


def _is_share(holdout: Sequence[str]) -> bool:
    try:
        return not holdout or bool(float(holdout[0]))
    except ValueError:
        return False


def _listed(texts: Sequence[str]) -> str:
    return "; ".join(texts)

"""The noise of cameras as darktable's users measured it: noiseprofiles.json of the installed program, or a copy of it.

For each camera and ISO it has pairs (a, b) for red, green and blue, the variance of a sample x in [0, 1] being a x + b.
Green's stand for the sensor, as in darktable's own profiled denoising: the others are those of channels that white
balance has multiplied. They are of pixels that went through darktable, and lower than those of the mosaic; the option
`scale` of a twin multiplies them.
"""

import shutil
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from isptune.errors import MissingExtra, SceneError
from isptune.scenes.camera_profile import NoiseAtISO
from isptune.system.records import parse_json, read_bytes

LARGEST = 1 << 25
"""Bytes of the file; that of darktable 4.2 has 1.4 million."""

NEAREST = 5
"""So many names are listed where a camera has no profile."""


def installed_profiles() -> Path:
    """The noiseprofiles.json of the installed darktable. Raises MissingExtra where there is none."""
    program = shutil.which("darktable-cli") or shutil.which("darktable")
    if program is not None:
        for folder in (Path(program), Path(program).resolve()):
            path = folder.parent.parent / "share" / "darktable" / "noiseprofiles.json"
            if path.is_file():
                return path
    raise MissingExtra(
        "darktable, whose noise profiles camera= takes, is not installed; on Debian and Ubuntu: apt-get install "
        "darktable, or give a copy of its noiseprofiles.json: noiseprofiles=FILE"
    )


def camera_noise(path: Path, camera: str) -> tuple[NoiseAtISO, ...]:
    """What darktable's file knows of a camera, by rising ISO.

    Args:
        path: of noiseprofiles.json.
        camera: maker and model, or the model alone where only one maker has it; case and signs do not matter.

    Raises:
        SceneError: the file cannot be read, or has no such camera; the nearest names are listed.
    """
    named = _profiles(path)
    found = {name: one for name, one in named.items() if _plain(camera) in _spellings(name, *one[:2])}
    if len(found) != 1:
        listed = sorted(found) or _nearest(camera, named)
        what = "is the model of several makers" if found else "has no noise profile in darktable"
        raise SceneError(
            f"camera = {camera!r} {what}; {'there are' if found else 'nearest'}: {', '.join(listed)}"
        )
    name, (_, _, profiles) = next(iter(found.items()))
    try:
        noise = {float(p["iso"]): _green(p) for p in reversed(profiles) if not p.get("skip", False)}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise SceneError(f"{path}: the profiles of {name} are not as darktable writes them") from error
    usable = {iso: pair for iso, pair in noise.items() if iso > 0 and 0 < pair[0] < 1 and abs(pair[1]) < 1}
    if not usable:
        raise SceneError(f"{path}: has no usable noise profile of {name}")
    # A fit can cross 0 above black: its line ends there.
    return tuple(NoiseAtISO(iso, a, max(b, 0.0)) for iso, (a, b) in sorted(usable.items()))


def _green(profile: dict[str, Any]) -> tuple[float, float]:
    return float(profile["a"][1]), float(profile["b"][1])


def _profiles(path: Path) -> dict[str, tuple[str, str, list[dict[str, Any]]]]:
    """Maker, model and profiles by the camera's full name; of a camera that stands there twice, the first."""
    said = parse_json(read_bytes(path, SceneError, LARGEST), str(path), SceneError, LARGEST)
    named: dict[str, tuple[str, str, list[dict[str, Any]]]] = {}
    try:
        for maker in said["noiseprofiles"]:
            for model in maker["models"]:
                own = str(model["model"])
                full = own if _plain(own).startswith(_plain(maker["maker"])) else f"{maker['maker']} {own}"
                named.setdefault(full, (str(maker["maker"]), own, list(model["profiles"])))
    except (KeyError, TypeError) as error:
        raise SceneError(f"{path}: is no noiseprofiles.json of darktable") from error
    return named


def _spellings(full: str, maker: str, model: str) -> set[str]:
    return {_plain(full), _plain(model), _plain(f"{maker} {model}")}


def _plain(name: str) -> str:
    """Letters and digits alone, in lower case."""
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _nearest(camera: str, named: dict[str, tuple[str, str, list[dict[str, Any]]]]) -> list[str]:
    """The names most like one; a bare model is compared with bare models too."""
    spelled = {spelling: name for name, one in named.items() for spelling in _spellings(name, *one[:2])}
    close = get_close_matches(_plain(camera), spelled, NEAREST * 2, cutoff=0.0)
    return list(dict.fromkeys(spelled[one] for one in close))[:NEAREST]

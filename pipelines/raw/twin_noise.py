"""Which noise a twin has: that of the shot, of a calibration, of darktable's profiles, or one that is said."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from isptune.errors import SceneError
from isptune.scenes.camera_profile import CameraProfile, NoiseAtISO, beyond, noise_at_iso, read_camera_profile
from isptune.scenes.noise_structure import Structure
from isptune.scenes.raw_capture import NoiseModel
from isptune.scenes.raw_tags import parse_noise
from pipelines.raw.darktable_noise import camera_noise, installed_profiles
from pipelines.raw.like_shot import Shot
from pipelines.raw.unprocessing import number

Said = tuple[NoiseAtISO, CameraProfile | None, tuple[str, ...]]

_LIMITS = {"row": (0.0, 0.2), "column": (0.0, 0.2), "hot": (0.0, 0.2), "greens": (-0.5, 0.5)}
"""Of what each kind of noise may be said to be."""


def said_noise(options: Mapping[str, str], shot: Shot | None) -> Said:
    """The noise, the profile of the camera if there is one, and a line for each thing to be told.

    Raises:
        SceneError: nothing says what the noise is, more than one thing does, or one cannot be used.
    """
    noise, profile, warnings = _noise(options, shot)
    scale = number(options.get("scale", "1"), "scale", 0, 1000)
    noise = replace(noise, shot=noise.shot * scale, read=noise.read * scale)
    if max(noise.model) >= 1:
        raise SceneError(f"the noise {noise.shot:g}, {noise.read:g} is not below 1, the range of the sensor")
    return replace(noise, **_switches(options)), profile, warnings


def _noise(options: Mapping[str, str], shot: Shot | None) -> Said:
    """What says the noise: one of the options, or the shot."""
    given = [key for key in ("noise", "profile", "camera") if key in options]
    if len(given) > 1:
        raise SceneError(f"twin: {' and '.join(given)} both say what the noise is; give one of them")
    profile = read_camera_profile(Path(options["profile"])) if "profile" in options else None
    iso = (
        number(options["iso"], "iso", 1, 1e7) if "iso" in options else shot.iso if shot is not None else None
    )
    structure = shot.structure if shot is not None else Structure()
    if "noise" in options:
        return _with_structure(iso, _given(options["noise"]), structure), profile, ()
    if not given:
        if shot is None:
            raise SceneError(
                "twin: nothing says which camera; give like=SHOT, profile=FILE, camera=NAME or noise=S,O"
            )
        noise, told = _of_shot(shot, iso)
        return noise, None, told
    if iso is None:
        raise SceneError(f"twin: {given[0]}= knows noise by ISO, and the shot knows none; give it: iso=N")
    if profile is not None:
        known, whose = profile.noise, options["profile"]
    else:
        file = Path(options["noiseprofiles"]) if "noiseprofiles" in options else installed_profiles()
        known, whose = camera_noise(file, options["camera"]), options["camera"]
    noise = noise_at_iso(known, iso, whose)
    if profile is None:  # of greens darktable says nothing, and they do not depend on ISO
        noise = replace(noise, greens=structure.greens)
    return noise, profile, tuple(beyond(known, iso, whose))


def _given(text: str) -> NoiseModel:
    model = NoiseModel(0.0, 0.0) if text == "off" else parse_noise(text)
    if isinstance(model, CameraProfile):
        raise SceneError(f"noise = {text!r} is a profile; a twin takes it as profile={text}")
    return model


def _of_shot(shot: Shot, iso: float | None) -> tuple[NoiseAtISO, tuple[str, ...]]:
    """What the shot shows, at its own ISO or, extrapolated, at another."""
    noise = _with_structure(shot.iso, shot.noise, shot.structure)
    if iso is None or iso == shot.iso:
        return noise, ()
    if shot.iso is None:
        raise SceneError(
            f"{shot.name} knows no ISO, so that its noise at iso={iso:g} cannot be said: give the shot's own behind "
            "its name, like=FILE%3Fiso=N, or a profile"
        )
    return noise_at_iso((noise,), iso, shot.name), tuple(beyond((noise,), iso, shot.name))


def _with_structure(iso: float | None, model: NoiseModel, found: Structure) -> NoiseAtISO:
    return NoiseAtISO(iso or 0.0, *model, found.row, found.column, found.hot, found.greens)


def _switches(options: Mapping[str, str]) -> dict[str, float]:
    """Kinds of noise that are said in place of what was found: a number, or off."""
    said: dict[str, float] = {}
    for key, (low, high) in _LIMITS.items():
        text = options.get(key, "auto")
        if text == "off":
            said[key] = 0.0
        elif text != "auto":
            try:
                said[key] = number(text, key, low, high)
            except SceneError as error:
                raise SceneError(f"{error}, nor auto or off") from error
    return said

"""RawTherapee's processing profiles (.pp3): which knob stands under which key, and the text of a profile.

Keys and neutral values as `rawtherapee-cli -O` of RawTherapee 5.9 writes them; ranges as its window offers them, or a
part of that. A partial profile is enough: what it does not say is neutral.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import ConfigError
from isptune.parameter_set import ParameterSet
from isptune.space import Candidate, Choice, Integer, Param, Real, Space, Value

Keys = Mapping[tuple[str, str], str]
"""Text by section and key."""


@dataclass(frozen=True)
class Knob:
    """A parameter, and the keys that it sets.

    Attributes:
        param: what is tuned.
        section, key: where its value goes.
        text: the value as the file has it.
        enables: whether a value other than the default turns the section's tool on.
    """

    param: Param
    section: str
    key: str
    text: Callable[[Value], str] = str
    enables: bool = False


def _mixed(position: int) -> Callable[[Value], str]:
    """A gain as a row of the channel mixer: thousandths of the channel itself, none of the others."""

    def text(gain: Value) -> str:
        parts = ["0", "0", "0"]
        parts[position] = str(round(float(gain) * 1000))
        return ";".join(parts) + ";"

    return text


def _on(value: Value) -> str:
    return "true" if value == "on" else "false"


_DEMOSAIC = (
    "amaze",
    "rcd",
    "lmmse",
    "igv",
    "dcb",
    "hphd",
    "eahd",
    "ahd",
    "vng4",
    "fast",
    "rcdvng4",
    "amazevng4",
)
_RECOVERY = ("off", "Luminance", "CIELab blending", "Blend", "Color")
_OFF_ON = ("off", "on")
_DENOISE, _SHADOWS = "Directional Pyramid Denoising", "Shadows & Highlights"
_CAPTURE, _TONES = "PostDemosaicSharpening", "FattalToneMapping"

KNOBS: Sequence[Knob] = (
    Knob(Choice("raw.hot_pixels", _OFF_ON, "off", help="remove bright and dead pixels"), "RAW", "HotPixelFilter", _on),
    Knob(Integer("raw.hot_pixel_threshold", 20, 200, 100, help="lower removes more"), "RAW", "HotDeadPixelThresh"),
    Knob(Choice("raw.auto_ca", _OFF_ON, "off", help="measure and correct lateral colour fringes"), "RAW", "CA", _on),
    Knob(Integer("raw.line_denoise", 0, 200, 0, help="against banding"), "RAW Bayer", "LineDenoise"),
    Knob(Integer("raw.green_equilibration", 0, 100, 0, unit="%", help="against maze patterns"),
         "RAW Bayer", "GreenEqThreshold"),
    Knob(Choice("demosaic.method", _DEMOSAIC, "amaze", help="lmmse and igv suit noise"), "RAW Bayer", "Method"),
    Knob(Integer("demosaic.false_color_steps", 0, 5, 0, help="medians on colour"), "RAW Bayer", "CcSteps"),
    Knob(Real("white_balance.red", 0.5, 2.0, 1.0, log=True, help="gain of red after the camera's white balance"),
         "Channel Mixer", "Red", _mixed(0), enables=True),
    Knob(Real("white_balance.blue", 0.5, 2.0, 1.0, log=True, help="gain of blue after the camera's white balance"),
         "Channel Mixer", "Blue", _mixed(2), enables=True),
    Knob(Real("exposure.compensation", -3.0, 3.0, 0.0, unit="EV", help="linear gain"), "Exposure", "Compensation"),
    Knob(Integer("exposure.black", -2000, 4000, 0, help="black point: higher deepens shadows"), "Exposure", "Black"),
    Knob(Integer("exposure.shadow_compression", 0, 100, 50, help="softens the black point"), "Exposure", "ShadowCompr"),
    Knob(Integer("exposure.highlight_compression", 0, 500, 0, help="softens clipping"), "Exposure", "HighlightCompr"),
    Knob(Integer("exposure.highlight_threshold", 0, 100, 0, help="where that begins"),
         "Exposure", "HighlightComprThreshold"),
    Knob(Choice("highlights.recovery", _RECOVERY, "off", help="how clipped highlights are filled"),
         "HLRecovery", "Method", enables=True),
    Knob(Integer("tone.brightness", -100, 100, 0, help="lifts mid-tones"), "Exposure", "Brightness"),
    Knob(Integer("tone.contrast", -100, 100, 0, help="around the picture's mean"), "Exposure", "Contrast"),
    Knob(Integer("tone.shadows", 0, 100, 0, help="lift shadows"), _SHADOWS, "Shadows", enables=True),
    Knob(Integer("tone.highlights", 0, 100, 0, help="lower highlights"), _SHADOWS, "Highlights", enables=True),
    Knob(Integer("tone.radius", 1, 100, 40, help="of both"), _SHADOWS, "Radius"),
    Knob(Integer("tone.compression", 0, 100, 0, help="of the dynamic range (Fattal)"), _TONES, "Amount", enables=True),
    Knob(Real("tone.dehaze", 0.0, 100.0, 0.0, help="strength of haze removal"), "Dehaze",
         "Strength", lambda value: str(round(float(value))), enables=True),
    Knob(Real("local_contrast.amount", 0.0, 1.0, 0.0, help="contrast of middle-sized things"),
         "Local Contrast", "Amount", enables=True),
    Knob(Integer("local_contrast.radius", 20, 200, 80, unit="px"), "Local Contrast", "Radius"),
    Knob(Integer("color.saturation", -100, 100, 0, help="of everything"), "Exposure", "Saturation"),
    Knob(Integer("color.vibrance_pastels", -100, 100, 0, help="of pale colours"), "Vibrance", "Pastels", enables=True),
    Knob(Integer("color.vibrance_saturated", -100, 100, 0, help="of strong colours"),
         "Vibrance", "Saturated", enables=True),
    Knob(Real("denoise.luma", 0.0, 100.0, 0.0, help="strength on brightness"), _DENOISE, "Luma", enables=True),
    Knob(Real("denoise.luma_detail", 0.0, 100.0, 50.0, help="how much fine detail is kept"), _DENOISE, "Ldetail"),
    Knob(Real("denoise.chroma", 0.0, 100.0, 0.0, help="strength on colour"), _DENOISE, "Chroma", enables=True),
    Knob(Real("denoise.gamma", 1.0, 3.0, 1.7, help="higher spares shadows"), _DENOISE, "Gamma"),
    Knob(Integer("denoise.impulse", 0, 100, 0, help="against single wrong pixels"),
         "Impulse Denoising", "Threshold", enables=True),
    Knob(Real("defringe.radius", 0.0, 5.0, 0.0, unit="px", help="against purple fringes"),
         "Defringing", "Radius", enables=True),
    Knob(Integer("capture_sharpening.iterations", 0, 60, 0, help="deconvolution after demosaicing"),
         _CAPTURE, "DeconvIterations", enables=True),
    Knob(Integer("sharpen.amount", 0, 1000, 0, help="unsharp mask"), "Sharpening", "Amount", enables=True),
    Knob(Real("sharpen.radius", 0.3, 3.0, 0.5, log=True, unit="px"), "Sharpening", "Radius"),
    Knob(Integer("sharpen.contrast_threshold", 0, 200, 20, help="areas of less contrast are left"),
         "Sharpening", "Contrast"),
    Knob(Integer("sharpen.halo_control", 0, 100, 0, help="higher holds halos back"),
         "Sharpening", "HalocontrolAmount"),
    Knob(Integer("sharpen.microcontrast", 0, 100, 0, help="contrast of texture"),
         "SharpenMicro", "Strength", enables=True),
)  # fmt: skip

SPACE = Space(tuple(knob.param for knob in KNOBS))

_FIXED: Keys = {
    ("Version", "AppVersion"): "5.9",
    ("Version", "Version"): "349",
    ("Exposure", "Auto"): "false",
    ("Exposure", "HistogramMatching"): "false",
    ("White Balance", "Setting"): "Camera",
    ("Channel Mixer", "Green"): "0;1000;0;",  # without it the other two are not read
    ("RAW Bayer", "Border"): "0",
    (_DENOISE, "Method"): "Lab",
    (_DENOISE, "LMethod"): "SLI",
    (_DENOISE, "CMethod"): "MAN",
    ("Sharpening", "Method"): "usm",
    (_CAPTURE, "DeconvIterCheck"): "false",
    (_TONES, "Threshold"): "30",
    ("Color Management", "OutputProfile"): "RTv4_sRGB",
}
"""What the knobs rely on. No border: pictures keep the size of the mosaic."""


def keys_of(values: Candidate) -> dict[tuple[str, str], str]:
    """Every key that a complete candidate sets, with its text."""
    keys = dict(_FIXED)
    tools: dict[str, bool] = {}
    for knob in KNOBS:
        value = values[knob.param.name]
        keys[knob.section, knob.key] = knob.text(value)
        if knob.enables:
            tools[knob.section] = tools.get(knob.section, False) or value != knob.param.default
    keys |= {(section, "Enabled"): "true" if on else "false" for section, on in tools.items()}
    if values["highlights.recovery"] == "off":
        keys["HLRecovery", "Method"] = "Blend"
    keys["RAW", "DeadPixelFilter"] = keys["RAW", "HotPixelFilter"]
    keys["Sharpening", "HalocontrolEnabled"] = "true" if values["sharpen.halo_control"] else "false"
    return keys


def to_pp3(values: Candidate, template: str = "") -> str:
    """A profile: the template's lines with the candidate's keys set in them, what it lacks at the end.

    Args:
        values: a complete candidate.
        template: another profile; keys that are no knob's are kept as they stand.
    """
    keys = keys_of(values)
    lines, section = [], ""
    for line in template.splitlines():
        if found := re.fullmatch(r"\[(.+)\]\s*", line):
            lines += _rest_of(section, keys)
            section = found.group(1)
        name = line.partition("=")[0].strip()
        text = keys.pop((section, name), None) if "=" in line else None
        lines.append(line if text is None else f"{name}={text}")
    lines += _rest_of(section, keys)
    for other in dict.fromkeys(name for name, _ in keys):
        lines += ["", f"[{other}]", *_rest_of(other, keys)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _rest_of(section: str, keys: dict[tuple[str, str], str]) -> list[str]:
    """The lines of a section's keys that are not set yet; they are taken out of `keys`."""
    own = [key for key in keys if key[0] == section]
    return [f"{key[1]}={keys.pop(key)}" for key in own]


def read_set(data: bytes, path: Path, template: bytes | None = None) -> ParameterSet | None:
    """What a profile says of the knobs; None for what is no profile. Keys of other tools are not looked at.

    Gains of white balance come back in thousandths, haze removal in whole numbers: a profile holds no more.

    Raises:
        ConfigError: a knob's text is no value that it can have.
    """
    text = data.decode("utf-8-sig", errors="replace")
    if not re.search(r"^\[Version\]\s*$", text, re.MULTILINE):
        return None
    keys = _keys_in(text)
    values: Candidate = {}
    for knob in KNOBS:
        off = knob.enables and keys.get((knob.section, "Enabled")) == "false"
        if knob.param.name == "sharpen.halo_control":
            off = keys.get((knob.section, "HalocontrolEnabled")) == "false"
        if off:
            values[knob.param.name] = knob.param.default
        elif (knob.section, knob.key) in keys:
            values[knob.param.name] = _value_of(knob, keys[knob.section, knob.key], path)
    return ParameterSet(path.stem, values, "rawtherapee") if values else None


def _keys_in(text: str) -> dict[tuple[str, str], str]:
    keys: dict[tuple[str, str], str] = {}
    section = ""
    for line in text.splitlines():
        if found := re.fullmatch(r"\[(.+)\]\s*", line):
            section = found.group(1)
        elif "=" in line:
            key, _, value = line.partition("=")
            keys[section, key.strip()] = value.strip()
    return keys


def _value_of(knob: Knob, text: str, path: Path) -> Value:
    param = knob.param
    if isinstance(param, Choice):
        value = {"true": "on", "false": "off"}.get(text, text) if knob.text is _on else text
        if value in param.options:
            return value
        raise ConfigError(
            f"{path}: {knob.key} = {text!r} in [{knob.section}] is none that {param.name} can have: "
            + ", ".join(param.options)
        )
    try:
        number = float(text.split(";")[0 if knob.key == "Red" else 2]) / 1000 if ";" in text else float(text)
        return round(number) if isinstance(param, Integer) else number
    except (ValueError, OverflowError, IndexError) as error:
        raise ConfigError(f"{path}: {knob.key} = {text!r} in [{knob.section}] is no number") from error

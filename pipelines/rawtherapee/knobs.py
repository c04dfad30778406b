"""The knobs of RawTherapee, and under which key of a processing profile (.pp3) each of them stands.

Keys and neutral values as `rawtherapee-cli -O` of RawTherapee 5.9 writes them; ranges as its window offers them, or a
part of that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from isptune.space import Choice, Integer, Param, Real, Space, Value

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


def switch(value: Value) -> str:
    """A choice of on and off as the file has it."""
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
_DENOISE, _SHADOWS, MIXER = "Directional Pyramid Denoising", "Shadows & Highlights", "Channel Mixer"
_CAPTURE, _TONES = "PostDemosaicSharpening", "FattalToneMapping"

KNOBS: Sequence[Knob] = (
    Knob(Choice("raw.hot_pixels", _OFF_ON, "off", help="remove bright and dead pixels"),
         "RAW", "HotPixelFilter", switch),
    Knob(Integer("raw.hot_pixel_threshold", 20, 200, 100, help="lower removes more"), "RAW", "HotDeadPixelThresh"),
    Knob(Choice("raw.auto_ca", _OFF_ON, "off", help="measure and correct lateral colour fringes"), "RAW", "CA", switch),
    Knob(Integer("raw.line_denoise", 0, 200, 0, help="against banding"), "RAW Bayer", "LineDenoise"),
    Knob(Integer("raw.green_equilibration", 0, 100, 0, unit="%", help="against maze patterns"),
         "RAW Bayer", "GreenEqThreshold"),
    Knob(Choice("demosaic.method", _DEMOSAIC, "amaze", help="lmmse and igv suit noise"), "RAW Bayer", "Method"),
    Knob(Integer("demosaic.false_color_steps", 0, 5, 0, help="medians on colour"), "RAW Bayer", "CcSteps"),
    Knob(Real("white_balance.red", 0.5, 2.0, 1.0, log=True, help="gain of red after the camera's white balance"),
         MIXER, "Red", enables=True),
    Knob(Real("white_balance.blue", 0.5, 2.0, 1.0, log=True, help="gain of blue after the camera's white balance"),
         MIXER, "Blue", enables=True),
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

TOOLS = frozenset(knob.section for knob in KNOBS if knob.enables)
"""Sections that hold a tool which can be off, by their key `Enabled`."""

NEUTRAL: Keys = {
    ("Version", "AppVersion"): "5.9",
    ("Version", "Version"): "349",
    ("Exposure", "Auto"): "false",
    ("Exposure", "HistogramMatching"): "false",
    ("White Balance", "Setting"): "Camera",
    ("RAW Bayer", "Border"): "0",
    ("Color Management", "OutputProfile"): "RTv4_sRGB",
}
"""What stands in the profile of those who give none, beside the knobs. No border: pictures keep the mosaic's size."""

RELIED_ON: Keys = {
    (MIXER, "Green"): "0;1000;0;",  # without it the other two are not read
    (_DENOISE, "Method"): "Lab",
    (_DENOISE, "LMethod"): "SLI",
    (_DENOISE, "CMethod"): "MAN",
    ("Sharpening", "Method"): "usm",
    (_CAPTURE, "DeconvIterCheck"): "false",
    (_TONES, "Threshold"): "30",
}
"""What a tool needs beside its knobs where it is turned on; one that is on already keeps what it has."""

UNSAID: Keys = {
    ("HLRecovery", "Method"): "Blend",
    (MIXER, "Red"): "1000;0;0;",
    (MIXER, "Blue"): "0;0;1000;",
    ("Sharpening", "Amount"): "200",
    ("Sharpening", "HalocontrolAmount"): "85",
    ("SharpenMicro", "Strength"): "20",
    ("Local Contrast", "Amount"): "0.20000000000000001",
    (_CAPTURE, "DeconvIterations"): "20",
    (_DENOISE, "Chroma"): "15",
    (_DENOISE, "Ldetail"): "0",
    ("Impulse Denoising", "Threshold"): "50",
    ("Defringing", "Radius"): "2",
    ("Dehaze", "Strength"): "50",
    (_TONES, "Amount"): "20",
}
"""What RawTherapee takes for a key that a profile does not say, where that is not the knob's default."""

FORMERLY: Mapping[tuple[str, str], tuple[str, str]] = {
    ("RAW", "HotPixelFilter"): ("RAW", "HotDeadPixels"),
    **{("RAW Bayer", key): ("RAW", key) for key in ("LineDenoise", "GreenEqThreshold", "Method", "CcSteps")},
}
"""Where RawTherapee before 4.2 had a key; it is still read from there."""

OVERRULED: Sequence[tuple[str, str, str, tuple[str, ...]]] = (
    ("Exposure", "Auto", "false", ("exposure.compensation", "exposure.black", "exposure.shadow_compression",
                                   "exposure.highlight_compression", "exposure.highlight_threshold",
                                   "tone.brightness", "tone.contrast")),
    ("Exposure", "HistogramMatching", "false", ("exposure.black",)),
    ("Sharpening", "Method", "usm", ("sharpen.amount", "sharpen.radius", "sharpen.halo_control")),
    (_DENOISE, "LMethod", "SLI", ("denoise.luma",)),
    (_DENOISE, "CMethod", "MAN", ("denoise.chroma",)),
)  # fmt: skip
"""Section, key and the text with which these knobs have a say; with any other, RawTherapee does not look at them."""

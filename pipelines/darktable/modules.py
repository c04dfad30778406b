"""darktable's modules as its XMP files hold them: the C structs of their parameters, and the knobs that fill them.

Layouts, versions and defaults are those that the modules of darktable 4.2.1 describe themselves with (their
introspection, read from the installed libraries); a later darktable upgrades them by their version.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isptune.space import Candidate, Choice, Integer, Real, Space

_OFF_ON = ("off", "on")
DEMOSAIC = {"rcd": 5, "amaze": 1, "ppg": 0, "vng4": 2, "lmmse": 6}
GREENS = {"off": 0, "local": 1, "full": 2, "both": 3}
HIGHLIGHTS = {"clip": 0, "lch": 1, "opposed": 5}

SPACE = Space(
    (
        Real("raw.denoise", 0.0, 0.1, 0.0, help="threshold of wavelet denoising before demosaicing; 0 is off"),
        Real("raw.hot_pixels", 0.0, 1.0, 0.0, help="strength of the removal of single bright pixels; 0 is off"),
        Real("raw.hot_pixel_threshold", 0.0, 0.2, 0.05, help="lower takes more pixels for hot"),
        Choice("highlights.mode", tuple(HIGHLIGHTS), "clip", help="how clipped highlights are filled"),
        Choice("demosaic.method", tuple(DEMOSAIC), "rcd", help="how colours are filled in; lmmse suits noise"),
        Choice("demosaic.match_greens", tuple(GREENS), "off", help="against maze patterns"),
        Integer("demosaic.color_smoothing", 0, 5, 0, help="passes of medians on colour, against specks"),
        Real("white_balance.red", 0.5, 2.0, 1.0, log=True, help="gain of red after the camera's white balance"),
        Real("white_balance.blue", 0.5, 2.0, 1.0, log=True, help="gain of blue after the camera's white balance"),
        Real("denoise.luma", 0.0, 1.0, 0.0, help="wavelet denoising of brightness; 0.5 is darktable's standard"),
        Real("denoise.chroma", 0.0, 1.0, 0.0, help="wavelet denoising of colour; 0.5 is darktable's standard"),
        Real("denoise.strength", 0.05, 20.0, 1.0, log=True, help="of both, times the noise profile"),
        Real("denoise.preserve_shadows", 0.0, 1.8, 1.0, help="lower denoises shadows more"),
        Real("exposure.ev", -3.0, 3.0, 0.7, unit="EV", help="linear gain"),
        Real("exposure.black", -0.05, 0.05, 0.0, help="black point: higher deepens shadows"),
        Real("haze.strength", -0.5, 0.9, 0.0, help="haze removal; below 0 adds haze"),
        Real("tone.shadows", -100.0, 100.0, 0.0, help="above 0 lifts shadows"),
        Real("tone.highlights", -100.0, 100.0, 0.0, help="below 0 lowers highlights"),
        Real("tone.radius", 5.0, 200.0, 100.0, log=True, unit="px", help="of shadows and highlights"),
        Real("tone.contrast", 0.5, 4.0, 1.5, log=True, help="slope of the sigmoid tone curve at middle grey"),
        Real("tone.skew", -1.0, 1.0, 0.0, help="where the curve is steeper: below 0 in shadows, above in highlights"),
        Real("tone.hue_preservation", 0.0, 100.0, 100.0, unit="%", help="how far the curve keeps hues"),
        Real("local_contrast.detail", -0.9, 3.0, 0.0, help="contrast of small things; below 0 smooths"),
        Real("color.contrast", -0.8, 0.8, 0.0, help="of the picture, around middle grey"),
        Real("color.chroma", -0.8, 0.8, 0.0, help="colourfulness at equal brightness"),
        Real("color.saturation", -0.8, 0.8, 0.0, help="colourfulness of everything"),
        Real("color.vibrance", -0.8, 0.8, 0.0, help="colourfulness of pale colours"),
        Real("color.brilliance", -0.4, 0.4, 0.0, help="brightness at equal saturation"),
        Real("sharpen.amount", 0.0, 2.0, 0.0, help="unsharp mask; 0 is off"),
        Real("sharpen.radius", 0.3, 8.0, 2.0, log=True, unit="px"),
        Real("sharpen.threshold", 0.0, 20.0, 0.5, help="smaller steps are left"),
    )
)  # fmt: skip


@dataclass(frozen=True)
class Module:
    """One entry of a history: a module's name, the version of its struct, and its parameters."""

    operation: str
    version: int
    params: bytes


def modules_of(values: Candidate) -> list[Module]:
    """The modules that a complete candidate turns on; what is not here darktable sets as its defaults."""
    numbers = {name: float(value) for name, value in values.items() if not isinstance(value, str)}
    words = {name: value for name, value in values.items() if isinstance(value, str)}
    return [
        *_raw_modules(numbers, words),
        *_tone_modules(numbers),
        *_color_modules(numbers),
        *_denoise(numbers),
        *_sharpen(numbers),
    ]


_OTHER = "mode "


def word_of(number: int, numbers: Mapping[str, int]) -> str:
    """A choice's word; of a mode that is not among ours, its number with `mode` before it."""
    return {value: word for word, value in numbers.items()}.get(number, f"{_OTHER}{number}")


def number_of(word: str, numbers: Mapping[str, int]) -> int:
    """The inverse of `word_of`."""
    return numbers[word] if word in numbers else int(word.removeprefix(_OTHER))


def _raw_modules(n: Mapping[str, float], words: Mapping[str, str]) -> list[Module]:
    smoothing = int(n["demosaic.color_smoothing"])
    greens = number_of(words["demosaic.match_greens"], GREENS)
    method = number_of(words["demosaic.method"], DEMOSAIC)
    # green_eq, median_thrs, color_smoothing, demosaicing_method, lmmse_refine, dual_thrs
    found = [Module("demosaic", 4, struct.pack("<ifiiif", greens, 0.0, smoothing, method, 1, 0.2))]
    # mode, blendL, blendC, strength, clip, noise_level, iterations, scales, candidating, combine, recovery, solid_color
    recovery = (
        number_of(words["highlights.mode"], HIGHLIGHTS),
        1.0,
        0.0,
        0.0,
        1.0,
        0.0,
        1,
        5,
        0.4,
        2.0,
        0,
        0.0,
    )
    found.append(Module("highlights", 4, struct.pack("<i5fii2fif", *recovery)))
    if n["raw.denoise"]:
        # threshold, x[4][5], y[4][5]: flat curves over all scales for all, red, green and blue
        curves = [step / 4 for step in range(5)] * 4 + [0.5] * 20
        found.append(Module("rawdenoise", 2, struct.pack("<f40f", n["raw.denoise"], *curves)))
    if n["raw.hot_pixels"]:
        # strength, threshold, markfixed, permissive
        hot = (n["raw.hot_pixels"], n["raw.hot_pixel_threshold"], 0, 0)
        found.append(Module("hotpixels", 1, struct.pack("<2f2i", *hot)))
    return found


def _tone_modules(n: Mapping[str, float]) -> list[Module]:
    # mode, black, exposure, deflicker_percentile, deflicker_target_level, compensate_exposure_bias
    exposure = (0, n["exposure.black"], n["exposure.ev"], 50.0, -4.0, 0)
    # middle_grey_contrast, contrast_skewness, white and black of the display, color_processing, hue_preservation
    sigmoid = (n["tone.contrast"], n["tone.skew"], 100.0, 0.0152, 0, n["tone.hue_preservation"])
    found = [
        Module("exposure", 6, struct.pack("<i4fi", *exposure)),
        Module("sigmoid", 1, struct.pack("<4fif", *sigmoid)),
    ]
    if n["haze.strength"]:
        found.append(Module("hazeremoval", 1, struct.pack("<2f", n["haze.strength"], 0.2)))
    if n["tone.shadows"] or n["tone.highlights"]:
        # order, radius, shadows, whitepoint, highlights, reserved2, compress, shadows_ccorrect, highlights_ccorrect,
        # flags, low_approximation, shadhi_algo
        tones = (0, n["tone.radius"], n["tone.shadows"], 0.0, n["tone.highlights"])
        tones = (*tones, 0.0, 50.0, 100.0, 50.0, 127, 1e-6, 0)
        found.append(Module("shadhi", 5, struct.pack("<i8fIfi", *tones)))
    if n["local_contrast.detail"]:
        # mode (local Laplacian), sigma_r, sigma_s, detail, midtone: 1 and 1 leave highlights and shadows alone
        laplacian = (1, 1.0, 1.0, n["local_contrast.detail"], 0.5)
        found.append(Module("bilat", 3, struct.pack("<i4f", *laplacian)))
    return found


def _color_modules(n: Mapping[str, float]) -> list[Module]:
    found = []
    balance = {
        31: n["color.contrast"], 17: n["color.chroma"], 19: n["color.saturation"],
        29: n["color.vibrance"], 24: n["color.brilliance"],
    }  # fmt: skip
    if any(balance.values()):
        # 32 floats in the order of the struct, all neutral at 0 but these; then saturation_formula
        neutral = {12: 1.0, 14: 1.0, 28: 0.1845, 30: 0.1845}  # shadows and highlights weight, two fulcrums
        floats = [{**neutral, **balance}.get(i, 0.0) for i in range(32)]
        found.append(Module("colorbalancergb", 5, struct.pack("<32fi", *floats, 1)))
    red, blue = n["white_balance.red"], n["white_balance.blue"]
    if (red, blue) != (1.0, 1.0):
        # Six rows of four: red, green, blue, saturation, lightness, grey; six flags; illuminant (as the pipeline has
        # it), fluorescent, LED, adaptation (none: the mix is of RGB), x, y, temperature, gamut, clip, version
        rows = [red, 0, 0, 0, 0, 1, 0, 0, 0, 0, blue, 0, *[0.0] * 12]
        rest = (*[0] * 6, 0, 2, 4, 4, 0.333, 0.333, 5003.0, 0.0, 1, 2)
        found.append(Module("channelmixerrgb", 3, struct.pack("<24f10i4f2i", *rows, *rest)))
    return found


def _denoise(n: Mapping[str, float]) -> list[Module]:
    luma, chroma = n["denoise.luma"], n["denoise.chroma"]
    if not (luma or chroma):
        return []
    # radius, nbhood, strength, shadows, bias, scattering, central_pixel_weight, overshooting
    floats = [1.0, 7.0, n["denoise.strength"], n["denoise.preserve_shadows"], 0.0, 0.0, 0.1, 1.0]
    profile = [-1.0, 0.0, 0.0, 0.0, 0.0, 0.0]  # a[0] = -1: of the camera's profile, or a general one
    # Curves over seven scales for all, R, G, B, brightness (Y0) and colour (U0V0); flat, the last two are used.
    positions = [step / 6 for step in range(7)] * 6
    heights = [value for level in (0.5, 0.5, 0.5, 0.5, luma, chroma) for value in [level] * 7]
    wavelets, adaptive, fixed_norm, new_transform, by_color = 1, 1, 1, 1, 1
    tail = (adaptive, fixed_norm, new_transform, by_color)
    packed = struct.pack("<8f6fi42f42f4i", *floats, *profile, wavelets, *positions, *heights, *tail)
    return [Module("denoiseprofile", 11, packed)]


def _sharpen(n: Mapping[str, float]) -> list[Module]:
    if not n["sharpen.amount"]:
        return []
    values = (n["sharpen.radius"], n["sharpen.amount"], n["sharpen.threshold"])
    return [Module("sharpen", 1, struct.pack("<3f", *values))]


def to_xmp(modules: Sequence[Module]) -> str:
    """A sidecar whose history holds these modules, each once, switched on."""
    entries = "\n".join(
        f'      <rdf:li darktable:num="{number}" darktable:operation="{module.operation}" darktable:enabled="1"'
        f' darktable:modversion="{module.version}" darktable:params="{module.params.hex()}"'
        ' darktable:multi_name="" darktable:multi_priority="0"/>'
        for number, module in enumerate(modules)
    )
    return _SIDECAR.format(count=len(modules), entries=entries)


_SIDECAR = """<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:darktable="http://darktable.sf.net/"
    darktable:xmp_version="5" darktable:raw_params="0" darktable:auto_presets_applied="1"
    darktable:history_end="{count}" darktable:iop_order_version="2">
   <darktable:history>
    <rdf:Seq>
{entries}
    </rdf:Seq>
   </darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""

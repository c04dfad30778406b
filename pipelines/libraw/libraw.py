"""LibRaw as a pipeline, by rawpy: the raw developer inside most free photography programs.

Its defaults are LibRaw's own with the camera's white balance. Native code may end its process (the wavelet denoising
of LibRaw 0.22.2 does), so it runs in a child: a crash or a time-out costs one trial.
"""

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, final

from isptune.arrays import Images, Params
from isptune.errors import ConfigError, RenderError
from isptune.facts import PipelineFacts
from isptune.scenes.images import to_images
from isptune.scenes.scene import Scene
from isptune.space import Candidate, Choice, Integer, Real, Space
from pipelines.external.installed import copy_option, timeout_option
from pipelines.external.native_child import NativeChild
from pipelines.external.scene_files import SceneFiles, candidates_of, part_of, stack
from pipelines.libraw.arguments import OF_THE_FILE, from_python, to_python

_OFF_ON = ("off", "on")
_DEMOSAIC = ("linear", "vng", "ppg", "ahd", "dcb", "dht", "aahd")
_FBDD = {"off": "Off", "light": "Light", "full": "Full"}
_HIGHLIGHTS = {"clip": 0, "ignore": 1, "blend": 2}

SPACE = Space(
    (
        Real("sensor.black_offset", -0.01, 0.01, 0.0, unit="of the range",
             help="added to the file's black level: higher takes haze out, too high clips shadows"),
        Real("sensor.white_scale", 0.8, 1.0, 1.0, help="times the file's white level: lower clips highlights earlier"),
        Real("sensor.adjust_maximum", 0.0, 1.0, 0.75,
             help="the brightest sample becomes the white level where it lies above so much of it; 0: never"),
        Real("white_balance.red", 0.5, 2.0, 1.0, log=True, help="times the camera's gain of red"),
        Real("white_balance.blue", 0.5, 2.0, 1.0, log=True, help="times the camera's gain of blue"),
        Real("lens.red_scale", 0.998, 1.002, 1.0, help="size of the red picture, against lateral colour fringes"),
        Real("lens.blue_scale", 0.998, 1.002, 1.0, help="size of the blue picture, against lateral colour fringes"),
        Choice("demosaic.algorithm", _DEMOSAIC, "ahd", help="how colours are filled in; linear is the softest"),
        Integer("demosaic.dcb_iterations", 0, 8, 0, help="passes of correction, of dcb only"),
        Choice("demosaic.dcb_enhance", _OFF_ON, "off", help="refinement of colours, of dcb only"),
        Choice("demosaic.four_color", _OFF_ON, "off", help="the two greens as colours of their own, against mazes"),
        Integer("demosaic.median_passes", 0, 5, 0, help="median filters on colour differences, against colour specks"),
        Choice("denoise.fbdd", tuple(_FBDD), "off", help="noise removal before demosaicing"),
        Real("denoise.wavelet", 0.0, 1000.0, 0.0, unit="of 65535", help="threshold of wavelet denoising; 0 is none"),
        Real("exposure.shift", 0.25, 8.0, 1.0, log=True, help="linear gain before everything else"),
        Real("exposure.preserve_highlights", 0.0, 1.0, 0.0, help="how far a gain above 1 spares highlights"),
        Choice("exposure.auto_bright", _OFF_ON, "on", help="brightens until some pixels clip"),
        Real("exposure.auto_bright_clip", 0.0001, 0.1, 0.01, log=True, unit="of the pixels",
             help="how many may clip when auto_bright is on"),
        Real("exposure.bright", 0.25, 4.0, 1.0, log=True, help="linear gain at the end"),
        Choice("highlights.mode", (*_HIGHLIGHTS, "reconstruct"), "clip", help="what becomes of clipped highlights"),
        Integer("highlights.reconstruct_to", 3, 9, 5, help="of reconstruct only: 3 favours white, 9 colour"),
        Real("tone.gamma", 1.0, 4.0, 2.222, help="power of the encoding: higher lifts shadows and mid-tones"),
        Real("tone.toe_slope", 1.0, 20.0, 4.5, help="slope of the encoding at black: lower deepens shadows"),
    )
)  # fmt: skip
"""After rawpy's documentation of `Params` and LibRaw's of `libraw_output_params_t`."""


@final
class LibRaw:
    """Pipeline and WritesParameterFiles: rawpy's `postprocess`, one call for each image of a batch."""

    space = SPACE

    def __init__(self, timeout_s: float = 120.0, half_size: bool = False, copy: bool = False):
        self.half_size = half_size
        self.facts = PipelineFacts(
            max_batch=1,
            uses_seed=False,
            versions={"rawpy": metadata.version("rawpy")},  # each brings its own LibRaw
            file_formats=("rawpy",),
            suffixes={"rawpy": ".py"},
            plain={"demosaic.median_passes": 0, "denoise.fbdd": "off", "denoise.wavelet": 0.0},
        )
        self.child = NativeChild(Path(__file__).with_name("child.py"), "LibRaw", timeout_s)
        self._originals = SceneFiles(originals=True)
        self._scenes = SceneFiles() if copy else self._originals

    def render(self, scene: Scene, params: Params, seed: int) -> Images:
        """Develop the scene's raw file for each candidate of the batch; the seed changes nothing.

        Raises:
            RenderError: the scene is a photograph, LibRaw cannot read it, crashed or took too long.
        """
        if scene.raw is None and "path" not in scene.metadata:
            raise RenderError(
                f"{scene.name} is a photograph; libraw needs a raw file, or unprocessed:FILE to make one of it"
            )
        batch = candidates_of(params, self.space)
        return stack([self._develop(scene, self.options(values), self._scenes) for values in batch], scene)

    def options(self, values: Candidate) -> dict[str, Any]:
        """What `pipelines.libraw.child.render` takes for a complete candidate."""
        highlights = _HIGHLIGHTS.get(str(values["highlights.mode"]), values["highlights.reconstruct_to"])
        optional: dict[str, Any] = {}
        if values["denoise.wavelet"]:
            optional["noise_thr"] = values["denoise.wavelet"]
        if values["exposure.shift"] != 1.0:
            optional["exp_shift"] = values["exposure.shift"]
            optional["exp_preserve_highlights"] = values["exposure.preserve_highlights"]
        return {
            "white_balance": [values["white_balance.red"], values["white_balance.blue"]],
            "black_offset": values["sensor.black_offset"],
            "white_scale": values["sensor.white_scale"],
            "demosaic_algorithm": str(values["demosaic.algorithm"]).upper(),
            "dcb_iterations": values["demosaic.dcb_iterations"],
            "dcb_enhance": values["demosaic.dcb_enhance"] == "on",
            "four_color_rgb": values["demosaic.four_color"] == "on",
            "median_filter_passes": values["demosaic.median_passes"],
            "fbdd_noise_reduction": _FBDD[str(values["denoise.fbdd"])],
            "chromatic_aberration": [values["lens.red_scale"], values["lens.blue_scale"]],
            "adjust_maximum_thr": values["sensor.adjust_maximum"],
            "no_auto_bright": values["exposure.auto_bright"] == "off",
            "auto_bright_thr": values["exposure.auto_bright_clip"],
            "bright": values["exposure.bright"],
            "highlight_mode": highlights,
            "gamma": [values["tone.gamma"], values["tone.toe_slope"]],
            "output_color": "sRGB",
            "half_size": self.half_size,
            **optional,
        }

    def parameter_file(self, file_format: str, candidate: Candidate, template: bytes | None) -> bytes:
        """The keyword arguments of rawpy's `postprocess` as a Python file, and what depends on the raw file.

        Raises:
            ConfigError: another format, or a template, which this one has not.
        """
        if file_format != "rawpy":
            raise ConfigError(f"libraw writes the format rawpy, not {file_format!r}")
        if template is not None:
            raise ConfigError("the format rawpy takes no template")
        return to_python(self.options(candidate)).encode()

    def render_file(self, file_format: str, data: bytes, scene: Scene) -> Images:
        """The scene as rawpy makes it of such a file's arguments, [1, 3, H, W]. Raises RenderError."""
        held = from_python(data, Path("the file"))
        options = dict(held["postprocess"])
        for key in ("output_bps", "use_camera_wb"):
            options.pop(key)
        options |= {key: held[name] for key, name in OF_THE_FILE.items()}
        return self._develop(scene, options, self._originals)

    def _develop(self, scene: Scene, options: Mapping[str, Any], files: SceneFiles) -> Images:
        pixels = self.child.ask({"file": str(files.path(scene)), "options": options})
        image = to_images(pixels, scene.name)
        return files.part(image, scene, smaller=2) if self.half_size else part_of(image, scene, files)


def build(argument: str | None, **options: Any) -> LibRaw:
    """`libraw`: LibRaw by rawpy; options `timeout_s` (of a picture; 120), `half_size` and `copy` (false).

    Raises:
        ConfigError: an argument, an unknown option, or a value that is not allowed.
    """
    if argument:
        raise ConfigError(
            f"libraw takes no argument, not {argument!r}; its options are half_size, copy and timeout_s"
        )
    copy, rest = copy_option(options)
    half_size = rest.pop("half_size", False)
    timeout_s = timeout_option("libraw", rest, "half_size", "copy")
    if not isinstance(half_size, bool):
        raise ConfigError(f"half_size = {half_size!r} must be true or false")
    return LibRaw(timeout_s, half_size, copy)

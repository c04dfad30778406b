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
from isptune.space import Candidate
from pipelines.external.native_child import NativeChild
from pipelines.external.scene_files import SceneFiles, candidates_of, part_of, stack
from pipelines.libraw.arguments import OF_THE_FILE, from_python, to_python
from pipelines.libraw.knobs import FBDD, HIGHLIGHTS, SPACE, options_of


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
        highlights = HIGHLIGHTS.get(str(values["highlights.mode"]), values["highlights.reconstruct_to"])
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
            "fbdd_noise_reduction": FBDD[str(values["denoise.fbdd"])],
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
    return LibRaw(*options_of(argument, options))

"""darktable as a pipeline: `darktable-cli` with a sidecar (.xmp) for each candidate.

Tested with darktable 4.2.1 (Debian package `darktable`). It runs without a window or OpenCL, in a configuration
folder of its own with nobody's presets, so that only what the sidecar says and darktable's defaults have a say.
"""

from pathlib import Path
from typing import Any, final

from isptune.arrays import Images, Params
from isptune.errors import ConfigError, RenderError
from isptune.facts import PipelineFacts
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.system.program import call_folder, run_program
from pipelines.darktable.modules import SPACE, modules_of, to_xmp
from pipelines.external.installed import find_program, timeout_option, version_of
from pipelines.external.scene_files import (
    SceneFiles,
    candidates_of,
    lasting_folder,
    read_result,
    stack,
    write_text,
)

PROGRAM, PACKAGE = "darktable-cli", "darktable"


@final
class Darktable:
    """Pipeline and WritesParameterFiles: one call of the program for each image of a batch."""

    space = SPACE

    def __init__(self, timeout_s: float = 120.0):
        self.timeout_s = timeout_s
        self.program = find_program(PROGRAM, PACKAGE)
        self.facts = PipelineFacts(
            max_batch=1,
            uses_seed=False,
            versions={PACKAGE: version_of([self.program, "--version"])},
            file_formats=("xmp",),
        )
        self._scenes = SceneFiles()
        self._settings: Path | None = None

    def render(self, scene: Scene, params: Params, seed: int) -> Images:
        """Develop the scene for each candidate of the batch; the seed changes nothing. Raises RenderError."""
        return stack([self._render(scene, values) for values in candidates_of(params, self.space)], scene)

    def _render(self, scene: Scene, values: Candidate) -> Images:
        source = self._scenes.path(scene)
        # Kept between calls, since making its databases takes longer than a small picture.
        settings = self._settings = self._settings or lasting_folder(self, "isptune-darktable-")
        with call_folder() as folder:
            sidecar, out = folder / "values.xmp", folder / "out.tif"
            write_text(sidecar, to_xmp(modules_of(values)))
            try:
                said = run_program(
                    [self.program, str(source), str(sidecar), str(out), *_OPTIONS, *_core(settings)],
                    folder,
                    self.timeout_s,
                    environment={"HOME": str(settings), "XDG_CACHE_HOME": str(settings)},
                )
                return read_result(out, said, scene)
            except RenderError:
                self._settings = None  # a program that was ended may have left locks or half a file
                raise

    def parameter_file(self, file_format: str, candidate: Candidate, template: bytes | None) -> bytes:
        """The candidate as a sidecar, which darktable loads beside a raw file or from its history panel.

        Raises:
            ConfigError: another format, or a template, which this one has not.
        """
        if file_format != "xmp":
            raise ConfigError(f"darktable writes the format xmp, not {file_format!r}")
        if template is not None:
            raise ConfigError("the format xmp takes no template: the sidecar holds the whole history")
        return to_xmp(modules_of(candidate)).encode()


_OPTIONS = ("--icc-type", "SRGB", "--apply-custom-presets", "false")


def _core(settings: Path) -> list[str]:
    folders = [word for kind in ("config", "cache", "tmp") for word in (f"--{kind}dir", str(settings))]
    depth = [
        "--conf",
        "plugins/imageio/format/tiff/bpp=16",
        "--conf",
        "plugins/imageio/format/tiff/compress=0",
    ]
    return ["--core", *folders, "--library", ":memory:", "--disable-opencl", *depth]


def build(argument: str | None, **options: Any) -> Darktable:
    """`darktable`: darktable-cli; option `timeout_s` (of a picture; 120).

    Raises:
        ConfigError: an argument, or an option that is not allowed.
        MissingExtra: the program is not installed.
    """
    if argument:
        raise ConfigError(f"darktable takes no argument, not {argument!r}; its option is timeout_s")
    return Darktable(timeout_option("darktable", options))

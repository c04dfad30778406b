"""RawTherapee as a pipeline: `rawtherapee-cli` with a profile (.pp3) for each candidate.

Tested with RawTherapee 5.9 (Debian package `rawtherapee`). It runs without a window, in a configuration folder of
its own, so that nobody's settings have a say; its defaults here are RawTherapee's neutral ones. Its denoising of luma
chooses FFTs by the clock: the same values may give another last digit of 16 bits, which sharpening enlarges.
"""

from typing import Any, final

from isptune.arrays import Images, Params
from isptune.errors import ConfigError
from isptune.facts import PipelineFacts
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.system.program import call_folder, run_program
from pipelines.external.installed import find_program, timeout_option, version_of
from pipelines.external.scene_files import (
    SceneFiles,
    candidates_of,
    read_result,
    stack,
    write_text,
)
from pipelines.rawtherapee.pp3 import SPACE, to_pp3

PROGRAM, PACKAGE = "rawtherapee-cli", "rawtherapee"


@final
class RawTherapee:
    """Pipeline and WritesParameterFiles: one call of the program for each image of a batch."""

    space = SPACE

    def __init__(self, timeout_s: float = 120.0):
        self.timeout_s = timeout_s
        self.program = find_program(PROGRAM, PACKAGE)
        self.facts = PipelineFacts(
            max_batch=1,
            uses_seed=False,
            versions={PACKAGE: version_of([self.program, "-h"])},
            file_formats=("pp3",),
        )
        self._scenes = SceneFiles()

    def render(self, scene: Scene, params: Params, seed: int) -> Images:
        """Develop the scene for each candidate of the batch; the seed changes nothing. Raises RenderError."""
        return stack([self._render(scene, values) for values in candidates_of(params, self.space)], scene)

    def _render(self, scene: Scene, values: Candidate) -> Images:
        source = self._scenes.path(scene)
        with call_folder() as folder:
            profile, out = folder / "values.pp3", folder / "out.tif"
            write_text(profile, to_pp3(values))
            argv = [
                self.program,
                "-q",
                "-o",
                str(out),
                "-t",
                "-b16",
                "-Y",
                "-p",
                str(profile),
                "-c",
                str(source),
            ]
            own = {name: str(folder / "settings") for name in ("RT_SETTINGS", "RT_CACHE", "HOME")}
            # With several threads the same profile does not give the same picture twice.
            own["OMP_NUM_THREADS"] = "1"
            said = run_program(argv, folder, self.timeout_s, environment=own)
            return read_result(out, said, scene)

    def parameter_file(self, file_format: str, candidate: Candidate, template: bytes | None) -> bytes:
        """The candidate as a profile; with a template, that profile with the candidate's keys set in it.

        Raises:
            ConfigError: another format, or a template that is no profile.
        """
        if file_format != "pp3":
            raise ConfigError(f"rawtherapee writes the format pp3, not {file_format!r}")
        try:
            text = (template or b"").decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ConfigError(f"the template is no pp3 profile: {error}") from error
        if template is not None and "[Version]" not in text:
            raise ConfigError("the template is no pp3 profile: it has no section [Version]")
        return to_pp3(candidate, text).encode()


def build(argument: str | None, **options: Any) -> RawTherapee:
    """`rawtherapee`: rawtherapee-cli; option `timeout_s` (of a picture; 120).

    Raises:
        ConfigError: an argument, or an option that is not allowed.
        MissingExtra: the program is not installed.
    """
    if argument:
        raise ConfigError(f"rawtherapee takes no argument, not {argument!r}; its option is timeout_s")
    return RawTherapee(timeout_option("rawtherapee", options))

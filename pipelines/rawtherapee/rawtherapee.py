"""RawTherapee as a pipeline: `rawtherapee-cli` with a profile (.pp3) for each candidate.

Tested with RawTherapee 5.9 (Debian package `rawtherapee`). It runs without a window, in a configuration folder of
its own, so that nobody's settings have a say. What the search starts from is the user's own profile, where one is
given, else RawTherapee's neutral one. Its denoising of luma chooses FFTs by the clock: the same values may give another
last digit of 16 bits, which sharpening enlarges.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from isptune.arrays import Images, Params
from isptune.deeds import Deed
from isptune.errors import ConfigError
from isptune.facts import EditedFile, PipelineFacts
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.system.program import call_folder, run_program
from isptune.system.records import read_bytes
from pipelines.external.installed import (
    find_program,
    started,
    version_of,
)
from pipelines.external.scene_files import (
    SMALLEST_RAW_FILE,
    SceneFiles,
    candidates_of,
    read_result,
    sha256_of,
    stack,
    write_bytes,
)
from pipelines.external.templates import template_notes
from pipelines.rawtherapee.for_the_program import films_folder, for_the_program
from pipelines.rawtherapee.keyfile import KeyFile
from pipelines.rawtherapee.pp3 import NEUTRAL_PROFILE, profile_of
from pipelines.rawtherapee.space import options_of

PROGRAM, PACKAGE = "rawtherapee-cli", "rawtherapee"

PLAIN = {
    "raw.line_denoise": 0,
    "demosaic.false_color_steps": 0,
    "denoise.luma": 0.0,
    "denoise.chroma": 0.0,
    "denoise.impulse": 0,
    "defringe.radius": 0.0,
    "capture_sharpening.iterations": 0,
    "sharpen.amount": 0,
    "sharpen.microcontrast": 0,
}
"""Where nothing smooths or sharpens."""


@final
class RawTherapee:
    """Pipeline and EditsParameterFiles: one call of the program for each image of a batch.

    Args:
        timeout_s: of a picture.
        profile: the user's own, which the search starts from; what no knob stands for stays as it is there.
        copy: develop a copy of the part of a raw file that the scene is, with its camera's tags, and not the file
            itself: faster where the part is small, and a little another picture.
    """

    def __init__(self, timeout_s: float = 120.0, profile: Path | None = None, copy: bool = False):
        self.timeout_s = timeout_s
        self.program = find_program(PROGRAM, PACKAGE)
        self.profile = NEUTRAL_PROFILE if profile is None else profile_of(read_bytes(profile), str(profile))
        self.space = self.profile.space
        self._films = films_folder()
        self._beside = None if profile is None else profile.resolve().parent
        versions = {PACKAGE: version_of([self.program, "-h"])}
        if profile is not None:
            versions["profile"] = sha256_of(profile)
        self.facts = PipelineFacts(
            max_batch=1, uses_seed=False, versions=versions, file_formats=("pp3",), plain=PLAIN
        )
        self._originals = SceneFiles(originals=True, at_least=SMALLEST_RAW_FILE, mirrors=False)
        self._scenes = SceneFiles() if copy else self._originals

    def render(self, scene: Scene, params: Params, seed: int) -> Images:
        """Develop the scene for each candidate of the batch; the seed changes nothing. Raises RenderError."""
        profiles = [self.profile.with_values(values) for values in candidates_of(params, self.space)]
        return stack([self._develop(scene, profile.file, self._scenes) for profile in profiles], scene)

    def render_file(self, file_format: str, data: bytes, scene: Scene) -> Images:
        """The scene as the program develops it by a profile, [1, 3, H, W]. Raises RenderError."""
        return self._develop(scene, KeyFile.of(data), self._originals)

    def _develop(self, scene: Scene, profile: KeyFile, files: SceneFiles) -> Images:
        source = files.path(scene)
        with call_folder() as folder:
            file, out = folder / "values.pp3", folder / "out.tif"
            write_bytes(file, for_the_program(profile, self._beside, self._films).to_bytes())
            argv = [
                self.program,
                "-q",
                "-o",
                str(out),
                "-t",
                "-b16",
                "-Y",
                "-p",
                str(file),
                "-c",
                str(source),
            ]
            own = {name: str(folder / "settings") for name in ("RT_SETTINGS", "RT_CACHE", "HOME")}
            # With several threads the same profile does not give the same picture twice.
            own["OMP_NUM_THREADS"] = "1"
            said = run_program(argv, folder, self.timeout_s, environment=own)
            return read_result(out, said, scene, files)

    def parameter_file(self, file_format: str, candidate: Candidate, template: bytes | None) -> bytes:
        """As `edited_file`, of a search that started from the pipeline's defaults."""
        return self.edited_file(file_format, candidate, {}, template).data

    def edited_file(
        self, file_format: str, candidate: Candidate, start: Candidate, template: bytes | None
    ) -> EditedFile:
        """The profile that the search started from with the candidate in it, or a template with what was tuned in it.

        Of a template everything stays that the candidate has as the search started.

        Raises:
            ConfigError: another format, or a template that is no profile.
        """
        if file_format != "pp3":
            raise ConfigError(f"rawtherapee writes the format pp3, not {file_format!r}")
        if template is None:
            return EditedFile(self.profile.with_values(candidate).file.to_bytes())
        start = {**self.space.default, **start}
        tuned = {name: value for name, value in candidate.items() if value != start[name]}
        into = profile_of(template, "the template")
        notes = template_notes(
            {name: f"the template has {why}" for name, why in into.locked.items()}, into.values, tuned, start
        )
        return EditedFile(into.with_values(tuned).file.to_bytes(), notes)


def build(argument: str | None, **options: Any) -> RawTherapee:
    """`rawtherapee`: rawtherapee-cli; options `profile` (a pp3 to start from), `copy` (false), `timeout_s` (120).

    Raises:
        ConfigError: an argument, an option that is not allowed, or a profile that is none.
        MissingExtra: the program is not installed.
    """
    return RawTherapee(*options_of(argument, options))


def deeds(argument: str | None, options: Mapping[str, Any]) -> list[Deed]:
    """The program that it starts for each picture, and what that is told to do."""
    return [started(PROGRAM, options.get("profile"))]

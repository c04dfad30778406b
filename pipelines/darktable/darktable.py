"""darktable as a pipeline: `darktable-cli` with a sidecar (.xmp) for each candidate.

Tested with darktable 4.2.1 (Debian package `darktable`). It runs without a window or OpenCL, in a configuration
folder of its own with nobody's presets, so that only what the sidecar says and darktable's defaults have a say. What
the search starts from is the user's own sidecar, where one is given.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from isptune.arrays import Images, Params
from isptune.deeds import Deed
from isptune.errors import ConfigError, RenderError
from isptune.facts import EditedFile, PipelineFacts
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.system.program import call_folder, run_program
from isptune.system.records import read_bytes
from pipelines.darktable.reading import NEUTRAL_SIDECAR, note_on, sidecar_of
from pipelines.darktable.sidecar import SidecarText
from pipelines.darktable.space import options_of
from pipelines.external.installed import (
    find_program,
    started,
    version_of,
)
from pipelines.external.scene_files import (
    SceneFiles,
    candidates_of,
    lasting_folder,
    read_result,
    sha256_of,
    stack,
    write_bytes,
)
from pipelines.external.templates import template_notes

PROGRAM, PACKAGE = "darktable-cli", "darktable"

PLAIN = {
    "raw.denoise": 0.0,
    "demosaic.color_smoothing": 0,
    "denoise.luma": 0.0,
    "denoise.chroma": 0.0,
    "sharpen.amount": 0.0,
}
"""Where nothing smooths or sharpens."""


@final
class Darktable:
    """Pipeline and EditsParameterFiles: one call of the program for each image of a batch.

    Args:
        timeout_s: of a picture.
        sidecar: the user's own, which the search starts from; what no knob stands for stays as it is there.
        copy: develop a copy of the part of a raw file that the scene is, with its camera's tags, and not the file
            itself: faster where the part is small, and a little another picture.
    """

    def __init__(self, timeout_s: float = 120.0, sidecar: Path | None = None, copy: bool = False):
        self.timeout_s = timeout_s
        self.program = find_program(PROGRAM, PACKAGE)
        self.sidecar = NEUTRAL_SIDECAR if sidecar is None else sidecar_of(read_bytes(sidecar), str(sidecar))
        self.space = self.sidecar.space
        if not self.space.params:
            raise ConfigError(f"{sidecar}: no knob can be set in this sidecar: {note_on(self.sidecar)}")
        versions = {PACKAGE: version_of([self.program, "--version"])}
        if sidecar is not None:
            versions["sidecar"] = sha256_of(sidecar)
        self.facts = PipelineFacts(
            max_batch=1, uses_seed=False, versions=versions, file_formats=("xmp",), plain=PLAIN
        )
        self._originals = SceneFiles(originals=True)
        self._scenes = SceneFiles() if copy else self._originals
        self._settings: Path | None = None

    def render(self, scene: Scene, params: Params, seed: int) -> Images:
        """Develop the scene for each candidate of the batch; the seed changes nothing. Raises RenderError."""
        sidecars = [self.sidecar.with_values(values) for values in candidates_of(params, self.space)]
        return stack([self._develop(scene, sidecar.text.data, self._scenes) for sidecar in sidecars], scene)

    def render_file(self, file_format: str, data: bytes, scene: Scene) -> Images:
        """The scene as the program develops it by a sidecar, [1, 3, H, W]. Raises RenderError."""
        return self._develop(scene, data, self._originals)

    def _develop(self, scene: Scene, data: bytes, files: SceneFiles) -> Images:
        source = files.path(scene)
        # Kept between calls, since making its databases takes longer than a small picture.
        settings = self._settings = self._settings or lasting_folder(self, "isptune-darktable-")
        with call_folder() as folder:
            sidecar, out = folder / "values.xmp", folder / "out.tif"
            write_bytes(sidecar, data)
            try:
                said = run_program(
                    [
                        self.program,
                        str(source),
                        str(sidecar),
                        str(out),
                        *_OPTIONS,
                        *_core(settings),
                        *_users_luts(),
                    ],
                    folder,
                    self.timeout_s,
                    environment={"HOME": str(settings), "XDG_CACHE_HOME": str(settings)},
                )
                _refuse_what_was_left_out(folder, data)
                return read_result(out, said, scene, files)
            except RenderError:
                self._settings = None  # a program that was ended may have left locks or half a file
                raise

    def parameter_file(self, file_format: str, candidate: Candidate, template: bytes | None) -> bytes:
        """As `edited_file`, of a search that started from the pipeline's defaults."""
        return self.edited_file(file_format, candidate, {}, template).data

    def edited_file(
        self, file_format: str, candidate: Candidate, start: Candidate, template: bytes | None
    ) -> EditedFile:
        """The sidecar that the search started from with the candidate in it, or a template with what was tuned in it.

        Of a template everything stays that the candidate has as the search started.

        Raises:
            ConfigError: another format, or a template that is no sidecar.
        """
        if file_format != "xmp":
            raise ConfigError(f"darktable writes the format xmp, not {file_format!r}")
        if template is None:
            return EditedFile(self.sidecar.with_values(candidate).text.data)
        start = {**self.space.default, **start}
        tuned = {name: value for name, value in candidate.items() if value != start[name]}
        into = sidecar_of(template, "the template")
        notes = template_notes(into.locked, into.values, tuned, start)
        return EditedFile(into.with_values(tuned).text.data, notes)


_LEFT_OUT = re.compile(
    r"\[dev_read_history\] (?:the )?module `(\w+)' (version mismatch: [^.\n]*|requested by)"
)


def _refuse_what_was_left_out(folder: Path, sidecar: bytes) -> None:
    """Raise RenderError if darktable left out a module that is on: it tells and goes on with another picture."""
    told = "".join((folder / name).read_text(errors="replace") for name in ("stdout.txt", "stderr.txt"))
    left_out = _LEFT_OUT.findall(told)
    entries = SidecarText(sidecar, "the sidecar").effective.values() if left_out else ()
    on = {entry.operation for entry in entries if entry.enabled}
    for module, why in left_out:
        if module in on:
            reason = why if why.startswith("version") else "it does not know it"
            raise RenderError(
                f"darktable leaves the module {module} of the sidecar out ({reason}); a newer one is needed"
            )


_OPTIONS = ("--icc-type", "SRGB", "--apply-custom-presets", "false")


def _users_luts() -> list[str]:
    """Where the user's own darktable has the tables that its module `lut3d` names, by its own settings."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    file = home / "darktable" / "darktablerc"
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    return [
        word
        for line in lines
        if line.startswith("plugins/darkroom/lut3d/def_path=")
        for word in ("--conf", line)
    ]


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
    """`darktable`: darktable-cli; options `sidecar` (an xmp to start from), `copy` (false), `timeout_s` (120).

    Raises:
        ConfigError: an argument, an option that is not allowed, or a sidecar that is none.
        MissingExtra: the program is not installed.
    """
    return Darktable(*options_of(argument, options))


def deeds(argument: str | None, options: Mapping[str, Any]) -> list[Deed]:
    """The program that it starts for each picture, and what that is told to do."""
    return [started(PROGRAM, options.get("sidecar"))]

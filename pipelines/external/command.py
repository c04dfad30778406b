"""Any program as a pipeline: `command:isp.toml` runs it once a candidate, without a shell.

The TOML file says how it is called and what may be tuned (`pipelines.external.description`). In the words of `command`

* `{scene}` is the path of the scene's file: the raw file, or a PNG of 16 bits for a photograph;
* `{params}` is the path of a file with the values, JSON (`{"denoise.strength": 0.5}`) or TOML (a table a stage);
* `{flags}`, as a word of its own, is one `--NAME=VALUE` for each parameter;
* `{NAME}` is the value of the parameter of that name;
* `{FILE}` is the path of a copy of a file that parameters are written to, by the name that their `write` has for it,
  such as `{iq.xml}`, with the candidate's values in it; `{files}` is the folder of these copies;
* `{out}` is where the picture must be written (sRGB; PNG, TIFF or JPEG), `{seed}` a whole number for its noise,
  and `{python}` the Python that runs isptune. `{{` and `}}` stand for braces. A command without `{seed}` is taken
  to draw no noise: the same values give the same picture, and are rendered once.

Its working directory is the folder of the TOML file. What goes wrong costs one trial: another exit status than 0, a
time-out (all of its processes are ended), a picture that is missing, broken or of another size.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

from isptune.arrays import Images, Params
from isptune.deeds import Deed
from isptune.errors import ConfigError, one_line
from isptune.facts import EditedFile, FileSet, PipelineFacts
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.system.argv import beside, filled, named_files, placeholders, shown_command
from isptune.system.program import call_folder, run_program
from pipelines.external.description import Description, files_taken, read_settings
from pipelines.external.exported_files import ExportedFiles
from pipelines.external.scene_files import (
    SceneFiles,
    candidates_of,
    read_result,
    stack,
    write_text,
)
from pipelines.external.settings import CommandSettings, described_command

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".ppm", ".bmp", ".webp")
PLACES = ("scene", "params", "flags", "out", "seed", "python", "files")
"""The placeholders that are not names of parameters."""


@final
class Command:
    """Pipeline, and all that has to do with parameter files: one call of a program for each image of a batch."""

    def __init__(self, description: Description[CommandSettings]):
        self.space = description.space
        self.settings = description.settings
        self.folder = description.path.parent
        self.flags = description.flags
        self.files = ExportedFiles(description)
        self._check(str(description.path))
        versions = {
            description.path.name: description.sha256,
            **named_files(self.settings.command, self.folder),
        }
        versions |= self.files.versions
        seeded = any("seed" in placeholders(word, description.path.name) for word in self.settings.command)
        self.facts = PipelineFacts(
            max_batch=1,
            uses_seed=seeded,
            versions=versions,
            file_formats=self.files.formats,
            left_out=self.files.left_out,
            suffixes=self.files.suffixes,
            plain=description.plain,
        )
        self._scenes = SceneFiles()

    def render(self, scene: Scene, params: Params, seed: int) -> Images:
        """Call the program for each candidate of the batch. Raises RenderError."""
        return stack(
            [self._render(scene, values, seed) for values in candidates_of(params, self.space)], scene
        )

    def _render(self, scene: Scene, values: Candidate, seed: int) -> Images:
        settings = self.settings
        source = self._scenes.path(scene)
        with call_folder() as folder:
            out = folder / f"out{settings.out_suffix}"
            file = folder / f"params.{settings.params_as}"
            existing = self.space.existing(values)
            write_values(file, existing)
            places = {"scene": str(source), "params": str(file), "out": str(out), "seed": str(seed)}
            places |= self.files.written(folder / "files", values)
            argv = self._argv({**places, "python": sys.executable}, values, existing)
            said = run_program(
                argv,
                folder,
                settings.timeout_s,
                work_in=self.folder,
                max_file_mb=settings.max_file_mb,
            )
            return read_result(out, said, scene, self._scenes, settings.size)

    def parameter_file(self, file_format: str, candidate: Candidate, template: bytes | None) -> bytes:
        """A file of the ISP with a candidate's values in it. Raises ConfigError."""
        return self.files.exported(file_format, candidate, {}, template).data

    def edited_file(
        self, file_format: str, candidate: Candidate, start: Candidate, template: bytes | None
    ) -> EditedFile:
        """A file of the ISP with what a candidate changes of the start. Raises ConfigError."""
        return self.files.exported(file_format, candidate, start, template)

    def file_of_series(
        self,
        file_format: str,
        number: float,
        at: Callable[[float], Candidate],
        start: Candidate,
        template: bytes | None,
    ) -> EditedFile:
        """The same for one ISO of a series, of which lists by ISO hold all. Raises ConfigError."""
        return self.files.exported(file_format, at(number), start, template, at)

    def set_of_file(self, data: bytes, path: Path) -> FileSet:
        """Where the parameters stand in a file of the user's own, which stands in for one of the ISP's."""
        return self.files.set_of_file(data, path)

    def _argv(self, places: Mapping[str, str], values: Candidate, existing: Candidate) -> list[str]:
        argv: list[str] = []
        known = {**places, **{name: str(value) for name, value in values.items()}}
        for word in self.settings.command:
            if word == "{flags}":
                argv += [f"{self.flags[name]}={value}" for name, value in existing.items()]
            else:
                argv.append(filled(word, known))
        return beside(argv, self.folder)

    def _check(self, file: str) -> None:
        settings = self.settings
        words = settings.command
        if not words:
            raise ConfigError(f'{file}: has no command = ["PROGRAM", "ARGUMENT", ...]')
        used = {place for word in words for place in placeholders(word, file)}
        known = [*PLACES, *self.files.names, *self.space.names]
        for place in sorted(used - set(known)):
            raise ConfigError(f"{file}: command names {{{place}}}; there are: {', '.join(known)}")
        if any("{flags}" in word and word != "{flags}" for word in words):
            raise ConfigError(
                f"{file}: {{flags}} in a command stands for several words: give it as a word of its own"
            )
        if "out" not in used:
            raise ConfigError(f"{file}: command does not name {{out}}, where the picture must be written")
        unread = [name for name in self.files.names if not used & {name, "files"}]
        if unread:
            raise ConfigError(
                f"{file}: command names neither {{{unread[0]}}} nor {{files}}: nobody would read that file"
            )
        if not used & {"params", "flags", *self.files.names, "files", *self.space.names}:
            raise ConfigError(
                f"{file}: command names no {{params}}, {{flags}} or parameter: nothing would be tuned"
            )
        stages = [
            name for name in self.space.names if any(n.startswith(f"{name}.") for n in self.space.names)
        ]
        if settings.params_as == "toml" and stages:
            raise ConfigError(
                f"{file}: {stages[0]!r} is a parameter and a stage, which TOML cannot hold; use json"
            )
        if settings.out_suffix.lower() not in SUFFIXES:
            raise ConfigError(
                f"{file}: out_suffix = {settings.out_suffix!r} is none of {', '.join(SUFFIXES)}"
            )


def write_values(file: Path, values: Candidate) -> None:
    """Write a candidate as JSON, flat, or as TOML with a table for each stage. Raises RenderError."""
    write_text(file, json.dumps(values, indent=1) if file.suffix == ".json" else _toml(values))


def build(argument: str | None, **options: Any) -> Command:
    """`command:FILE.toml`: any program that renders a picture; options win over the file's settings.

    Args:
        argument: path of the TOML file.
        options: any setting of the file but `command`: `timeout_s`, `params_as`, `out_suffix`, `size`, `max_file_mb`,
            `base`.

    Raises:
        ConfigError: no file is named, or the file or an option is wrong.
    """
    return Command(described_command(argument, options))


def deeds(argument: str | None, options: Mapping[str, Any]) -> list[Deed]:
    """The program that it starts for each picture, and the files that it gives it."""
    file = argument or ""
    try:
        settings = read_settings(file, CommandSettings, options)
    except ConfigError:
        return [Deed(f"start what {one_line(file)} says")]
    return [
        Deed(f"start {shown_command(settings.command, Path(file))}"),
        *files_taken(settings.base, Path(file)),
    ]


def _toml(values: Candidate) -> str:
    """TOML text: `stage.knob` becomes a knob in the table of its stage. JSON's strings are TOML's too."""
    lines = []
    for name, value in values.items():
        key = ".".join(json.dumps(part, ensure_ascii=False) for part in name.split("."))
        lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"

"""The parameter files of an ISP that is described by a TOML file: for its program, for export, and for import."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, final

from isptune.errors import ConfigError, RenderError
from isptune.facts import EditedFile, FileSet
from isptune.space import Candidate, Choice, Value
from pipelines.external.description import Description

FORMAT = "file"
"""How `isptune export` is asked for the file of an ISP that has one."""


@final
class ExportedFiles:
    """What pipelines do with the files that a description's parameters are written to; there may be none."""

    def __init__(self, description: Description[Any]):
        self.files = description.files
        self.space = description.space
        self.toml = description.path.name

    @property
    def names(self) -> list[str]:
        return self.files.names

    @property
    def versions(self) -> dict[str, str]:
        return self.files.versions

    @property
    def formats(self) -> tuple[str, ...]:
        """`file` where there is one, and each by its name."""
        return (*((FORMAT,) if len(self.names) == 1 else ()), *self.names)

    @property
    def left_out(self) -> Mapping[str, tuple[str, ...]]:
        """By format the parameters that do not stand in that file."""
        return {f: self.files.without_place(self._file(f), self.space.names) for f in self.formats}

    @property
    def suffixes(self) -> Mapping[str, str]:
        """By format how the file's name ends."""
        return {f: PurePosixPath(self._file(f)).suffix for f in self.formats}

    def written(self, folder: Path, values: Candidate) -> dict[str, str]:
        """Write the files with a candidate's values into a folder; their paths by placeholder. Raises RenderError."""
        paths = {name: folder / _inside(name) for name in self.names}
        try:
            for name, data in self._with(values).items():
                paths[name].parent.mkdir(parents=True, exist_ok=True)
                paths[name].write_bytes(data)
        except OSError as error:
            raise RenderError(f"the parameters cannot be written: {error.strerror}") from error
        return {"files": str(folder), **{name: str(path) for name, path in paths.items()}}

    def in_base64(self, values: Candidate) -> dict[str, str]:
        """The files with a candidate's values, by name, for a request in JSON. Raises RenderError."""
        return {name: base64.b64encode(data).decode() for name, data in self._with(values).items()}

    def exported(
        self,
        file_format: str,
        candidate: Candidate,
        start: Mapping[str, Value],
        template: bytes | None,
        at: Callable[[float], Candidate] | None = None,
    ) -> EditedFile:
        """A file with what a candidate changes of the start; of a template, or of the ISP's own. Raises ConfigError.

        With `at`, the candidate of each ISO, lists by ISO get the values of theirs.
        """
        if file_format not in self.formats:
            known = ", ".join(self.formats) or "none, since no parameter says where to write it"
            raise ConfigError(f"{self.toml} has no parameter file {file_format!r}; there are: {known}")
        name = self._file(file_format)
        files = self.files if template is None else self.files.with_file(name, template)
        before: Candidate = {**self.space.default, **start}
        data = files.edited(candidate, before, self.space, at)[name]
        lost = [n for n in files.without_place(name, self.space.names) if candidate[n] != before[n]]
        return EditedFile(data, tuple(self._elsewhere(name, n, before, candidate) for n in lost))

    def set_of_file(self, data: bytes, path: Path) -> FileSet:
        """What another file says of the parameters that stand in one of these. Raises ConfigError."""
        if not self.names:
            raise ConfigError(f"{path}: no parameter of {self.toml} says where it stands in a file")
        name = self.files.named(path)
        files = self.files.with_file(name, data)
        values: dict[str, Value] = {}
        for param in self.space:
            if any(write.file == name for write in files.writes.get(param.name, ())[:1]):
                options = param.options if isinstance(param, Choice) else None
                values[param.name] = param.check(files.start(param.name, options))
        return FileSet(values, {"base": str(path.resolve())})

    def _elsewhere(self, file: str, name: str, start: Candidate, candidate: Candidate) -> str:
        """What to say of a change that a file has no place for: it may stand in another one."""
        others = dict.fromkeys(write.file for write in self.files.writes.get(name, ()))
        before, after = (
            f"{v:.6g}" if isinstance(v, float) else str(v) for v in (start[name], candidate[name])
        )
        change = f"{file} has no place for a change of {name}: {before} -> {after}"
        return f"{change}; that stands in {', '.join(others)}" if others else change

    def _with(self, values: Candidate) -> dict[str, bytes]:
        try:
            return self.files.edited(values, self.space.default, self.space)
        except ConfigError as error:
            raise RenderError(str(error)) from error

    def _file(self, file_format: str) -> str:
        return self.names[0] if file_format == FORMAT and len(self.names) == 1 else file_format


def _inside(name: str) -> Path:
    """A file's path in a folder of copies: as the description has it, or its last part where that leads elsewhere."""
    path = PurePosixPath(name)
    return Path(path.name) if path.is_absolute() or ".." in path.parts else Path(path)

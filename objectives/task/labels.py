"""Labels of scenes: a table with the columns `file` and `label`, an index of the classes from 0."""

from pathlib import Path

from isptune.errors import ConfigError, SceneError, one_line
from isptune.scenes.scene import Scene
from isptune.system.tables import read_table
from objectives.task.scene_file import ByFile


class Labels:
    """Which class each scene shows.

    Args:
        path: of the table; columns beside `file` and `label` are ignored.
        classes: how many there are.

    Raises:
        ConfigError: the table cannot be read, lacks a column, or has a label that is no class.
    """

    def __init__(self, path: Path, classes: int):
        self._path = path
        table = read_table(path)
        file, label = table.place("file"), table.place("label")
        known: dict[str, int] = {}
        for row in table.rows:
            name, text = row.cells[file], row.cells[label]
            index = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else -1
            if not 0 <= index < classes or not name:
                raise ConfigError(
                    f"{one_line(str(path))}: line {row.line}: {one_line(text[:40])!r} for {one_line(name[:80])!r} is "
                    f"no index of a class, 0 to {classes - 1}"
                )
            if known.setdefault(name, index) != index:
                raise ConfigError(
                    f"{one_line(str(path))}: line {row.line}: a second label for {one_line(name[:80])}"
                )
        self._known = ByFile(known, one_line(str(path)))

    def of(self, scene: Scene) -> int:
        """The class of a scene. Raises SceneError where the table has none for its file."""
        label = self._known.of(scene)
        if label is None:
            raise SceneError(
                f"{scene.name}: has no label in {one_line(str(self._path))}, whose column file names photographs, such "
                f"as {scene.metadata.get('file', scene.name)}"
            )
        return label

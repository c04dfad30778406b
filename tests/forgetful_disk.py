"""A disk that forgets, at a power cut, what was not synced: which states a folder may be found in after one.

POSIX promises no more than this: what a file held when it was synced, and the names that a folder held when that was.
File systems keep names that were not synced, too, in the order in which they were made or not; and of a file that was
not synced nothing, its length with zeros in place of bytes, or all. So of each moment there are several states.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

State = Mapping[str, bytes | None]
"""What a folder holds: by path in it the bytes of a file, None for a folder."""

CALLS = ("fsync", "replace", "rename", "unlink", "mkdir", "rmdir", "truncate")


class ForgetfulDisk:
    """Follows what is synced below a folder, and keeps the states that a power cut may leave.

    Args:
        root: what it holds at the beginning is on the disk.
        synced_by_others: names of files that something which is not followed syncs by itself, as SQLite does.
    """

    def __init__(self, root: Path, synced_by_others: tuple[str, ...] = ()):
        self.root, self._by_others = root, synced_by_others
        self.states: dict[frozenset[tuple[str, bytes | None]], State] = {}
        self._synced: dict[int, bytes] = {}  # by inode
        self._names: dict[int, dict[str, int]] = {}
        self._gone = 0
        for path in (root, *root.rglob("*")):
            self._sync(path)

    @contextmanager
    def followed(self) -> Iterator["ForgetfulDisk"]:
        """Keep the states before and after whatever the block does to the disk."""
        with pytest.MonkeyPatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, self._followed(name, getattr(os, name)))
            yield self
        self._look()

    def _followed(self, name: str, call):
        def follow(*arguments, **options):
            self._look()
            if name == "fsync":  # the real disk need not be waited for
                self._sync(Path(os.readlink(f"/proc/self/fd/{arguments[0]}")))
                result = None
            else:
                result = call(*arguments, **options)
            self._forget_numbers()
            self._look()
            return result

        return follow

    def _sync(self, path: Path) -> None:
        if not path.is_relative_to(self.root):
            return
        if path.is_dir():
            self._names[path.stat().st_ino] = {one.name: one.lstat().st_ino for one in path.iterdir()}
        elif path.is_file():
            self._synced[path.stat().st_ino] = path.read_bytes()

    def _forget_numbers(self) -> None:
        """A file that is gone may still be on the disk, and its number may become another's."""
        there = {path.lstat().st_ino for path in (self.root, *self.root.rglob("*"))}
        for number in [n for n in {*self._synced, *self._names} if n > 0 and n not in there]:
            self._gone -= 1
            if number in self._synced:
                self._synced[self._gone] = self._synced.pop(number)
            else:
                self._names[self._gone] = self._names.pop(number)
            for names in self._names.values():
                for name, meant in names.items():
                    if meant == number:
                        names[name] = self._gone

    def now(self) -> list[State]:
        """The states that a power cut at this moment may leave."""
        before, self.states = self.states, {}
        self._look()
        found, self.states = list(self.states.values()), before | self.states
        return found

    def _look(self) -> None:
        for name in self._by_others:
            for path in self.root.rglob(name):
                self._sync(path)
        now = {str(path.relative_to(self.root)): path for path in sorted(self.root.rglob("*"))}
        for of_unsynced in (lambda new, old: old, lambda new, old: old + bytes(len(new[len(old) :]))):
            state: dict[str, bytes | None] = {}
            for name, path in now.items():
                if path.is_dir():
                    state[name] = None
                elif path.is_file():
                    new, old = path.read_bytes(), self._synced.get(path.lstat().st_ino, b"")
                    state[name] = new if new == old else of_unsynced(new, old)
            self._keep(state)
        self._keep(dict(self._on_disk("", self.root.stat().st_ino)))

    def _on_disk(self, place: str, folder: int) -> Iterator[tuple[str, bytes | None]]:
        """What is there if no name was kept but those that were synced."""
        for name, number in self._names.get(folder, {}).items():
            path = f"{place}{name}"
            if number in self._names or number not in self._synced:
                is_folder = number in self._names or (self.root / path).is_dir()
                yield path, None if is_folder else b""
                yield from self._on_disk(f"{path}/", number)
            else:
                yield path, self._synced[number]

    def _keep(self, state: State) -> None:
        self.states[frozenset(state.items())] = state


def found_after(state: State, folder: Path) -> Path:
    """A folder that holds what a power cut left."""
    folder.mkdir()
    for name, data in sorted(state.items()):
        path = folder / name
        if data is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return folder

"""Files are whole or not there, whatever ends the process or the power, and whoever made the folder."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from isptune.errors import DiskError, RunFolderError
from isptune.runs.log import LogWriter
from isptune.system import disk, temporary
from isptune.system.claim import LOCK, claimed
from isptune.system.disk import folder_in, new_folder_for, remove_unfinished, replacing, write_atomically
from tests.toys import SHORT, TOY

ROOT = Path(__file__).parents[2]


def test_everything_is_synced_before_it_is_moved_and_its_folder_after_that(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: done.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    )
    monkeypatch.setattr(os, "replace", lambda old, new: done.append((str(old), str(new))))
    write_atomically(tmp_path / "a.json", b"{}")
    temporary_name, (moved, target), folder = done
    assert (temporary_name, target, folder) == (moved, str(tmp_path / "a.json"), str(tmp_path))


def test_links_in_somebody_elses_folder_lead_nowhere(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    folder = tmp_path / "theirs"
    folder.mkdir()
    for name in ("report.html", "bench.json.part", "trials.jsonl", LOCK):
        (folder / name).symlink_to(mine)
    (folder / "plots").symlink_to(tmp_path)
    write_atomically(folder / "report.html", b"theirs")
    assert not (folder / "report.html").is_symlink()
    with pytest.raises(RunFolderError, match="cannot be used"), claimed(folder, RunFolderError):
        pass
    with pytest.raises(RunFolderError, match="cannot be written"), LogWriter(folder / "trials.jsonl"):
        pass
    with pytest.raises(DiskError, match="is a link"):
        folder_in(folder, "plots")
    assert mine.read_text() == "precious"


def test_temporary_names_cannot_be_guessed_and_are_never_reused(tmp_path):
    with replacing(tmp_path / "a") as first, replacing(tmp_path / "b") as second:
        first.write_bytes(b"1")
        second.write_bytes(b"2")
        assert first.name[2:] != second.name[2:]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / ".a.png.0123abcd.part").write_bytes(b"half")
    (tmp_path / ".mine_pictures.0123abcd.part").mkdir()
    (tmp_path / ".mine_pictures.0123abcd.part" / "01.png").write_bytes(b"half")
    (tmp_path / "my.part").write_bytes(b"mine")
    with new_folder_for(tmp_path / "mine_pictures") as part:
        (part / "01.png").write_bytes(b"whole")
    assert not (tmp_path / ".mine_pictures.0123abcd.part").exists()
    remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine_pictures", "my.part"]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_temporary_folders_of_processes_that_were_killed_are_removed(tmp_path, monkeypatch):
    code = "import os; from isptune.system.temporary import new_folder; new_folder('call'); os.kill(os.getpid(), 9)"
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, cwd=ROOT, check=False
    )
    (left,) = tmp_path.iterdir()
    monkeypatch.setattr(temporary.tempfile, "tempdir", str(tmp_path))
    own = temporary.new_folder("call")
    (tmp_path / "isptune-elsewhere-1-call-x").mkdir()
    temporary.remove_orphans()
    assert not left.exists()
    assert own.exists()
    assert (tmp_path / "isptune-elsewhere-1-call-x").exists()


@pytest.mark.slow
def test_what_is_damaged_of_a_finished_run_is_made_again_with_the_same_bytes(isptune, tmp_path):
    command = ("run", *TOY, *SHORT, "--out", "r")
    assert isptune(*command)[0] == 0
    run = tmp_path / "r"
    timed = ("timing.json", "report.html")  # which say how long it took
    keep = {p: p.read_bytes() for p in run.rglob("*") if p.name not in timed and p.is_file()}
    pictures = sorted((run / "images").iterdir())
    pictures[0].write_bytes(b"")
    pictures[1].unlink()
    (run / "timing.json").write_bytes(b"")
    (run / "recommended.json").write_bytes(keep[run / "recommended.json"][:100])
    (run / "trials.csv").write_bytes(b"")
    assert isptune(*command)[0] == 0
    assert {path: path.read_bytes() for path in keep} == keep
    pictures[0].write_bytes(b"\x89PNG")
    assert isptune(*command)[0] == 0
    assert {path: path.read_bytes() for path in keep} == keep
    json.loads((run / "recommended.json").read_text())


def test_files_are_written_in_one_place():
    """Nothing of ours moves a file over another but `isptune.system.disk`."""
    words = ("os.replace(", "os.rename(", ".replace(self.", "partial.replace(", ".rename(")
    for room in ("isptune", "objectives", "pipelines"):
        for file in (ROOT / room).rglob("*.py"):
            text = file.read_text()
            assert file == Path(disk.__file__) or not any(word in text for word in words), file


def test_the_next_to_write_beside_it_removes_what_a_killed_process_left_and_not_what_is_at_work(tmp_path):
    left, at_work, mine = (
        tmp_path / ".a.toml.0123abcd.part",
        tmp_path / ".b.toml.0123abcd.part",
        tmp_path / "my.part",
    )
    for path in (left, at_work, mine):
        path.write_bytes(b"half")
        os.utime(path, (1, 1))
    with at_work.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        write_atomically(tmp_path / "a.toml", b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [at_work.name, "a.toml", "my.part"]


def test_folders_and_files_that_grow_are_on_the_disk_before_what_goes_into_them(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: done.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    )
    disk.make_folder(tmp_path / "a" / "b")
    assert done == [str(tmp_path), str(tmp_path / "a")]
    disk.appending(tmp_path / "a" / "b" / "log").close()
    disk.appending(tmp_path / "a" / "b" / "log").close()
    assert done[2:] == [str(tmp_path / "a" / "b")]
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        disk.make_folder(tmp_path / "file")

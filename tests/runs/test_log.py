import csv
import errno
import json
import resource

import pytest

from isptune.errors import DiskError, RunFolderError
from isptune.runs.log import Generation, RunLog, Trial, write_csv


def _generation(index):
    trials = (
        Trial(0, {"x": 0.1 + index, "mode": "a"}, {"ssim": 0.5}, {}, (0.25, -0.5), 0.375, 0.3),
        Trial(1, {"x": 1e-17, "mode": "b"}, {}, {}, (1.0, 2.0), 1.5, 0.9, "cat: ssim gave nan"),
    )
    return Generation(index, 2**62 + index, trials)


def _write(folder, count):
    with RunLog(folder).open() as writer:
        for index in range(count):
            writer.append(_generation(index))


def test_generations_come_back_exactly(tmp_path):
    _write(tmp_path, 3)
    assert RunLog(tmp_path).generations() == [_generation(index) for index in range(3)]


@pytest.mark.parametrize("cut", [1, 2, 20, 200])
def test_a_torn_last_line_is_dropped_on_opening(tmp_path, cut):
    _write(tmp_path, 3)
    whole = (tmp_path / "trials.jsonl").read_bytes()
    (tmp_path / "trials.jsonl").write_bytes(whole[:-cut])
    assert RunLog(tmp_path).generations() == [_generation(0), _generation(1)]
    with RunLog(tmp_path).open() as writer:
        writer.append(_generation(2))
    assert (tmp_path / "trials.jsonl").read_bytes() == whole


def test_a_damaged_line_before_the_last_is_an_error_that_names_it(tmp_path):
    _write(tmp_path, 3)
    lines = (tmp_path / "trials.jsonl").read_bytes().split(b"\n")
    lines[1] = lines[1][:40]
    (tmp_path / "trials.jsonl").write_bytes(b"\n".join(lines))
    with pytest.raises(RunFolderError, match="line 2 is damaged"):
        RunLog(tmp_path).generations()


def test_a_full_disk_loses_no_finished_generation(tmp_path, monkeypatch):
    _write(tmp_path, 2)
    whole = (tmp_path / "trials.jsonl").read_bytes()

    def refuse(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with RunLog(tmp_path).open() as writer:
        monkeypatch.setattr("os.fsync", refuse)
        with pytest.raises(RunFolderError, match="No space left on device.*all earlier ones are safe"):
            writer.append(_generation(2))
    assert (tmp_path / "trials.jsonl").read_bytes() == whole


def test_a_file_that_may_not_grow_keeps_its_whole_lines(tmp_path):
    _write(tmp_path, 2)
    whole = (tmp_path / "trials.jsonl").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with RunLog(tmp_path).open() as writer:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 50, hard))
        try:
            with pytest.raises(RunFolderError, match="could not be written"):
                writer.append(_generation(2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "trials.jsonl").read_bytes() == whole


def test_json_files_are_replaced_in_one_step(tmp_path, monkeypatch):
    log = RunLog(tmp_path)
    log.write_json("a.json", {"x": float("nan"), "y": [1, float("inf")]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": None, "y": [1, None]}

    def refuse(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(DiskError, match="No space left"):
        log.write_json("a.json", {"x": 2})
    assert log.read_json("a.json") == {"x": None, "y": [1, None]}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_reading_a_folder_that_is_no_run_says_so(tmp_path):
    with pytest.raises(RunFolderError, match="is it a run folder"):
        RunLog(tmp_path).read_json("config.json")


def test_csv_has_a_row_for_each_trial(tmp_path):
    write_csv(tmp_path / "t.csv", [_generation(0), _generation(1)], ["blur", "noise"])
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert rows[2]["x"] == "1.1"
    assert rows[2]["d_2"] == "-0.5"
    assert rows[3]["ssim"] == ""
    assert rows[3]["error"] == "cat: ssim gave nan"

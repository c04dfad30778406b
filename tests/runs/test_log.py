import csv
import errno
import json
import resource

import pytest

from isptune.errors import DiskError, RunFolderError
from isptune.runs.files import read_table, write_record
from isptune.runs.log import Generation, RunLog, Trial, write_csv
from isptune.runs.settings import read_settings


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


def test_a_record_is_replaced_in_one_step(tmp_path, monkeypatch):
    write_record(tmp_path, "a.json", {"x": float("nan"), "y": [1, float("inf")]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"format": 1, "x": None, "y": [1, None]}

    def refuse(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(DiskError, match="No space left"):
        write_record(tmp_path, "a.json", {"x": 2})
    assert read_table(tmp_path, "a.json") == {"x": None, "y": [1, None]}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_reading_a_folder_that_is_no_run_says_so(tmp_path):
    with pytest.raises(RunFolderError, match="is it a run folder"):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ("found", "message"), [(2, "a newer one wrote it"), (0, "must be a whole"), ("1", "must be")]
)
def test_a_format_that_is_not_known_is_refused_and_costs_no_line_of_the_log(tmp_path, found, message):
    _write(tmp_path, 1)
    log = tmp_path / "trials.jsonl"
    log.write_text(log.read_text().replace('"format":1', f'"format":{json.dumps(found)}'))
    before = log.read_bytes()
    with pytest.raises(RunFolderError, match=message), RunLog(tmp_path).open():
        pass
    assert log.read_bytes() == before
    (tmp_path / "config.json").write_text(json.dumps({"format": found}))
    with pytest.raises(RunFolderError, match=rf"config\.json.*{message}"):
        read_settings(tmp_path)


def test_a_line_without_a_format_is_one_of_version_0_1(tmp_path):
    _write(tmp_path, 2)
    log = tmp_path / "trials.jsonl"
    log.write_text(log.read_text().replace('"format":1,', ""))
    assert RunLog(tmp_path).generations() == [_generation(0), _generation(1)]


def test_csv_has_a_row_for_each_trial(tmp_path):
    write_csv(tmp_path / "t.csv", [_generation(0), _generation(1)], ["blur", "noise"])
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert rows[2]["x"] == "1.1"
    assert rows[2]["d_2"] == "-0.5"
    assert rows[3]["ssim"] == ""
    assert rows[3]["error"] == "cat: ssim gave nan"

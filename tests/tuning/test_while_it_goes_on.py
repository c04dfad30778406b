"""What a run leaves while it goes on: times beside the log, pictures of the best so far; it decides nothing."""

import json

from isptune.runs.files import LIVE
from isptune.runs.times import Span, append_times, read_times
from isptune.tuning.live_pictures import LivePictures

TOY = ("--pipeline", "tint", "--objective", "redness", "--resize", "24", "--population", "4", "--generations", "3",
       "--confirm", "2", "--second-opinion", "none", "--device", "cpu", "--out", "r")  # fmt: skip


def test_each_trial_has_its_time_and_the_log_knows_no_clock(isptune, tmp_path, monkeypatch):
    seen = []
    update = LivePictures.update

    def watched(self, best):
        update(self, best)
        seen.append(sorted(path.name for path in (self._folder / LIVE).glob("*.png")))

    monkeypatch.setattr(LivePictures, "update", watched)
    status, _, error = isptune("run", *TOY)
    assert status == 0, error
    times = read_times(tmp_path / "r")
    assert [len(times[generation]) for generation in range(3)] == [4, 4, 4]
    spans = [span for generation in range(3) for span in times[generation]]
    assert all(span.began <= span.ended for span in spans)
    assert [span.ended for span in spans] == sorted(span.ended for span in spans)
    log = (tmp_path / "r" / "trials.jsonl").read_text()
    assert set(json.loads(log.splitlines()[0])) == {"format", "generation", "seed", "trials"}
    assert seen[0] == ["astronaut_best.png", "astronaut_start.png"]
    assert not (tmp_path / "r" / LIVE).exists()


def test_a_line_of_times_that_is_torn_or_from_elsewhere_is_passed_over(tmp_path):
    assert read_times(tmp_path) == {}
    append_times(tmp_path, 0, [Span(1.0, 2.0, 0.5)])
    with open(tmp_path / "times.jsonl", "a") as file:
        file.write('{"format": 1, "generation": 1, "tri\n[]\n')
    append_times(tmp_path, 0, [Span(3.0, 4.0, 0.5)])
    assert read_times(tmp_path) == {0: (Span(3.0, 4.0, 0.5),)}

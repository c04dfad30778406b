"""The live page: what it is told of runs, what it refuses, and that it outlives the server and the run."""

import fcntl
import json
import os

import pytest

from isptune.report.live.server import LINK, application
from isptune.report.live.state import find_runs, is_running, state_of
from isptune.runs.times import Span, append_times
from isptune.study.site.guard import Hosts
from isptune.study.site.server import owner_token
from tests.report.folders import write_images, write_run
from tests.study.served import Client

TOKEN = "t" * 32


@pytest.fixture
def runs(tmp_path):
    root = tmp_path / "runs"
    write_run(root / "compare" / "ssim", generations=4, finished=False)
    write_run(root / "mine", generations=2, choice=True)
    (root / "not-a-run").mkdir()
    return root


@pytest.fixture
def client(runs):
    with Client(application(runs, TOKEN, Hosts(("study",)))) as found:
        yield found


def test_all_runs_of_a_folder_are_found_and_links_out_of_it_are_not_followed(runs, tmp_path, client):
    write_run(tmp_path / "elsewhere", generations=1)
    os.symlink(tmp_path / "elsewhere", runs / "link")
    assert set(find_runs(runs)) == {"compare/ssim", "mine"}
    assert list(find_runs(runs / "mine")) == ["mine"]
    listed = {run["name"]: run["phase"] for run in client.get(f"/w/{TOKEN}/runs").json()}
    assert listed == {"compare/ssim": "stopped", "mine": "finished"}


def test_the_state_has_curves_knobs_and_the_time_left(runs, client):
    folder = runs / "compare" / "ssim"
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"generations": 10}))
    for generation in range(4):
        spans = [Span(100.0 * generation, 100.0 * generation + 60, 7.5)] * 8
        append_times(folder, generation, spans)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert is_running(folder)
        state = client.get(f"/w/{TOKEN}/state/compare/ssim").json()
    assert not is_running(folder)
    assert (state["phase"], state["done"], state["asked"]) == ("running", 32, 80)
    assert state["time"] == "4 min so far, about 6 min left of the search"  # 48 trials of 7.5 s
    (objective,) = state["objectives"]
    assert objective["x"] == [1, 2, 3, 4]
    best = objective["curves"]["best"]
    assert best == sorted(best)
    assert objective["best"] == pytest.approx(best[-1], rel=1e-4)
    assert [knob["name"] for knob in state["knobs"]] == ["denoise.strength", "sharpen.radius", "tone.points"]
    assert client.get(f"/w/{TOKEN}/state/compare/ssim").json()["phase"] == "stopped"
    append_times(runs / "mine", 0, [Span(0.0, 60.0, 7.5)] * 8)
    assert client.get(f"/w/{TOKEN}/state/mine").json()["time"] == "the search took 60 s"


def test_pictures_are_those_of_the_run_and_names_lead_nowhere_else(runs, client, tmp_path):
    (shown,) = client.get(f"/w/{TOKEN}/state/mine").json()["pictures"]
    assert set(shown) == {"scene", "left", "right", "reference"}
    left = client.get(f"/w/{TOKEN}/picture/{shown['left']}/mine")
    assert left.content == (runs / "mine" / "images" / "astronaut_default.png").read_bytes()
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    inside = runs / "mine" / "images" / "astronaut_recommended.png"
    inside.unlink()
    os.symlink(secret, inside)
    for address in (
        f"/w/{TOKEN}/picture/{shown['right']}/mine",
        f"/w/{TOKEN}/picture/7-left-1/mine",
        f"/w/{TOKEN}/picture/0-..-1/mine",
        f"/w/{TOKEN}/picture/0-left-1/../../etc",
        f"/w/{TOKEN}/state/../elsewhere",
        f"/w/{TOKEN}/state/%2e%2e/elsewhere",
        f"/w/{'x' * 32}/runs",
        f"/w/{'x' * 32}/state/mine",
        "/live/../server.py",
        "/live/server.py",
        "/",
    ):
        answer = client.get(address)
        assert answer.status_code == 404, address
        assert b"secret" not in answer.content


def test_requests_that_name_another_host_are_refused_and_answers_have_the_strict_headers(client):
    assert client.send("GET", f"/w/{TOKEN}", headers={"host": "evil.example"}).status_code == 400
    page = client.get(f"/w/{TOKEN}")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert client.post(f"/w/{TOKEN}/runs").status_code == 405


def test_the_link_stays_over_restarts_and_only_its_owner_can_read_it(runs):
    token = owner_token(runs, LINK)
    assert owner_token(runs, LINK) == token
    assert (runs / LINK).stat().st_mode & 0o777 == 0o600


def test_a_damaged_run_is_told_and_costs_the_others_nothing(runs, client):
    (runs / "mine" / "bench.json").write_text("{")
    listed = {run["name"]: run for run in client.get(f"/w/{TOKEN}/runs").json()}
    assert listed["mine"]["phase"] == "damaged"
    assert "bench.json" in listed["mine"]["error"]
    assert listed["compare/ssim"]["phase"] == "stopped"


def test_pictures_of_a_run_that_goes_on_are_its_start_and_the_best_so_far(tmp_path):
    write_run(tmp_path / "run", generations=2, finished=False)
    assert state_of("run", tmp_path / "run")["pictures"] == []
    write_images(tmp_path / "made", ["astronaut"])
    live = tmp_path / "run" / "live"
    live.mkdir()
    for label, kind in (("start", "default"), ("best", "recommended")):
        (live / f"astronaut_{label}.png").write_bytes(
            (tmp_path / "made" / f"astronaut_{kind}.png").read_bytes()
        )
    (shown,) = state_of("run", tmp_path / "run")["pictures"]
    assert set(shown) == {"scene", "left", "right"}

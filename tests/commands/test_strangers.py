"""Folders and sets from somebody else: looking at them starts nothing, sends nothing and reads no file of mine."""

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path

import pytest
import torch

from isptune.cli import COMMANDS
from isptune.commands.study import COMMANDS as STUDY_COMMANDS
from isptune.deeds import Named, deeds_of
from isptune.registry import installed
from isptune.scenes.images import write_image
from tests.toys import SHORT, TOY

EVIL_ISP = """
command = ["{python}", "-c", "import pathlib; pathlib.Path('was_here').touch()", "{scene}", "{params}", "{out}"]
[[param]]
name = "tint.red"
range = [-1.0, 1.0]
default = 0.0
[[param]]
name = "tint.green"
range = [-1.0, 1.0]
default = 0.0
"""
EVIL_METRIC = """
command = ["{python}", "-c", "import pathlib; pathlib.Path('was_here').touch()", "{images}"]
direction = "maximize"
"""
REMOTE = 'url = "URL/render"\nretries = 0\n' + EVIL_ISP.partition("\n")[2].partition("\n")[2]


@pytest.fixture
def listener():
    """A server that keeps what it was asked, and its address."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append((self.path, dict(self.headers)))
            self.send_error(500)

        do_GET = do_PUT = do_POST  # noqa: N815 - so they are called

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield asked, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def stranger(isptune, tmp_path, listener, monkeypatch):
    """Makes a run's folder as it may come by mail: a run that was made, with other settings put into it."""
    assert isptune("run", *TOY, *SHORT, "--out", "made")[0] == 0
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "isp.toml").write_text(EVIL_ISP)
    (evil / "metric.toml").write_text(EVIL_METRIC)
    (evil / "board.toml").write_text(REMOTE.replace("URL", listener[1]))
    (evil / "mine.py").write_text("import pathlib; pathlib.Path(__file__).with_name('was_here').touch()")
    write_image(tmp_path / "private.png", torch.rand(1, 3, 64, 64))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")

    config = tmp_path / "made" / "config.json"
    made = json.loads(config.read_text())

    def make(**settings):
        config.write_text(json.dumps({**made, **settings}))

    return make


HOSTILE = {
    "program": {"pipeline": "command:evil/isp.toml"},
    "server": {"pipeline": "remote:evil/board.toml"},
    "server in an option": {
        "pipeline": "remote:evil/board.toml",
        "pipeline_options": {"url": "http://elsewhere"},
    },
    "program that scores": {"objectives": ["command:evil/metric.toml"]},
    "program in a sum": {"objectives": ["weighted:1*redness+0.5*command:evil/metric.toml"]},
    "program as a limit": {"constraints": ["command:evil/metric.toml<=3"]},
    "program asked for its opinion": {"second_opinions": ["command:evil/metric.toml"]},
    "judge with my key": {"objectives": ["judge:endpoint:URL/v1?model=m"]},
    "file of Python": {"objectives": ["evil/mine.py:metric"]},
    "pipeline of Python": {"pipeline": "evil/mine.py:isp"},
    "picture of mine": {"scenes": ["private.png"]},
}

TINY = (*SHORT, "--crop", "16x16", "--out", "r")
BUILDING = [
    ("diff", "made"),
    ("diff", "made", "--on", "made"),
    ("study", "new", "st", "--from-run", "made", "--finalists", "2"),
    ("prompt", "make", "mine.csv", "--from-run", "made", "--no-page"),
    ("verify", "made", "--scene", "cat", "--crop", "16x16", "--confirm", "1"),
    ("import", "made", *TINY, "--scene", "cat"),
    ("run", "--start", "made", *TINY, "--scene", "cat"),
    ("compare", "--start", "made", *TINY, "--scene", "cat", "--objective", "redness", "--objective", "paleness"),
    ("tune-series", "--start", "made", *TINY, "--condition", "a=cat", "--condition", "b=rocket"),
]  # fmt: skip
"""What is done with a run's folder by each command that builds what a folder names."""

READING = [
    ("show", "made"),
    ("report", "made"),
    ("dashboard", "made", "--no-serve"),
    ("export", "made"),
    ("export", "made", "--format", "file"),
    ("compare", "made", "made", "--out", "c"),
    ("lookup", "made", "--iso", "100"),
    ("leaderboard", "made"),
]
"""And by those that only read it."""

TAKES_NO_FOLDER = {
    "agree",
    "score",
    "rank",
    "describe",
    "compare-images",
    "distort",
    "list",
    "completion",
    "init",
}
TAKES_A_STUDY = {
    "mos", "serve", "fit", "correlate", "weights", "judge", "simulate", "hand-out", "collect", "import", "export",
}  # fmt: skip


def test_every_command_is_walked():
    walked = {command[0] for command in [*BUILDING, *READING]}
    assert walked | TAKES_NO_FOLDER | {"tune-by-eye", "watch"} == set(COMMANDS)
    assert TAKES_A_STUDY | {"new"} == set(STUDY_COMMANDS)


@pytest.mark.slow
def test_no_command_that_looks_at_a_strangers_run_acts(isptune, stranger, listener, tmp_path):
    asked, url = listener
    for kind, settings in HOSTILE.items():
        stranger(**json.loads(json.dumps(settings).replace("URL", url)))
        # Sets bring their pipeline along and nothing else: the others need no import to be tried with.
        building = BUILDING if "pipeline" in settings else BUILDING[:5]
        for command in [*building, *(READING if kind == "program" else [])]:
            status, _, error = isptune(*command)
            assert len(error.splitlines()) <= 3, (kind, command, error)
            assert not list(tmp_path.rglob("was_here")), (kind, command)
            assert not asked, (kind, command)
            if command == ("diff", "made"):
                said = "is not the picture that this run" if kind == "picture of mine" else "would "
                assert (status > 0, said in error) == (True, True), (kind, error)
            assert kind != "picture of mine" or not (tmp_path / "mine_pictures").exists()
            for left in ("r", "st", "mine_pictures"):
                shutil.rmtree(tmp_path / left, ignore_errors=True)


@pytest.mark.slow
def test_a_program_is_shown_and_then_started_where_the_user_trusts_it(isptune, stranger, tmp_path):
    stranger(pipeline="command:evil/isp.toml")
    status, _, error = isptune("diff", "made")
    assert status == 2
    assert "made: would start {python} -c" in error.replace("'", "")
    assert f"in {tmp_path / 'evil'}, which this command does not name" in error
    assert "--trust" in error
    isptune("diff", "made", "--trust")  # it makes no picture, but it was started
    assert (tmp_path / "evil" / "was_here").exists()


@pytest.mark.slow
def test_what_the_command_names_needs_no_trust_and_what_a_set_adds_to_it_does(
    isptune, stranger, listener, tmp_path
):
    asked, url = listener
    (tmp_path / "set.toml").write_text('pipeline = "command:evil/isp.toml"\n[values]\n"tint.red" = 0.5\n')
    arguments = [*SHORT, "--scene", "cat", "--objective", "redness"]
    status, _, error = isptune("import", "set.toml", *arguments, "--out", "r")
    assert (status, "--trust" in error) == (2, True)
    isptune("import", "set.toml", "--pipeline", "command:evil/isp.toml", *arguments, "--out", "r")
    assert (tmp_path / "evil" / "was_here").exists()
    text = f'pipeline = "remote:evil/board.toml"\n[pipeline_options]\nurl = "{url}/other"\n'
    (tmp_path / "set.toml").write_text(text + '[values]\n"tint.red" = 0.5\n')
    status, _, error = isptune(
        "import", "set.toml", "--pipeline", "remote:evil/board.toml", *arguments, "--out", "q"
    )
    assert (status, f"send scenes to {url}/other" in error, asked) == (2, True, [])


@pytest.mark.slow
def test_a_key_goes_only_to_a_server_that_the_user_named(isptune, stranger, listener, monkeypatch):
    asked, url = listener
    stranger(objectives=[f"judge:endpoint:{url}/v1?model=m&retries=0"])
    status, _, error = isptune("diff", "made", "--trust")
    assert status == 2
    assert f"send the key in OPENAI_API_KEY to {url}" in error
    assert not asked
    monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
    status, _, error = isptune("diff", "made")
    assert (status, "--trust" in error, asked) == (2, True, [])
    isptune("diff", "made", "--trust")
    assert asked
    assert all(fields["Authorization"] == "Bearer sk-very-secret" for _, fields in asked)


@pytest.fixture
def study(isptune, tmp_path, listener):
    """A study from somebody else: its weights name a program, and one of its pictures is a link to one of mine."""
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "metric.toml").write_text(EVIL_METRIC)
    (tmp_path / "pictures" / "cat").mkdir(parents=True)
    for name in ("a", "b", "c"):
        write_image(tmp_path / "pictures" / "cat" / f"{name}.png", torch.rand(1, 3, 48, 64))
    assert isptune("study", "new", "st", "--images", "pictures", "--training", "0")[0] == 0
    stimuli = tmp_path / "st" / "stimuli.csv"
    head, *rows = stimuli.read_text().splitlines()
    stimuli.write_text("\n".join([head, *(f"{row}{number}" for number, row in enumerate(rows))]) + "\n")
    assert isptune("study", "simulate", "st", "--observers", "2")[0] == 0
    kept = {"objective": "weighted:0.5*command:evil/metric.toml+1*sharpness"}
    (tmp_path / "st" / "weights.json").write_text(json.dumps(kept))
    write_image(tmp_path / "private.png", torch.rand(1, 3, 48, 64))
    picture = tmp_path / "st" / "stimuli" / "cat" / "b.png"
    picture.unlink()
    picture.symlink_to(tmp_path / "private.png")
    return tmp_path / "st"


@pytest.mark.slow
def test_a_strangers_study_starts_nothing_and_shows_no_picture_of_mine(isptune, study, listener, tmp_path):
    asked, url = listener
    for command in (
        ("fit", "st"),
        ("correlate", "st", "--objectives", "sharpness"),
        ("correlate", "st", "--objectives", "study:st"),
        ("weights", "st", "--objectives", "sharpness"),
        ("judge", "st", "--judge", f"endpoint:{url}/v1?model=m&key=none&retries=0"),
        ("hand-out", "st", "sheets"),
        ("export", "st"),
    ):
        _, _, error = isptune("study", *command)
        assert "Traceback" not in error
        assert not list(tmp_path.rglob("was_here")), command
    assert not asked  # the judge got nothing: one of its pictures lies outside
    status, _, error = isptune(
        "run", *SHORT, "--objective", "study:st", "--scene", "cat", "--crop", "16x16", "--out", "r"
    )
    assert (status, "name the sum itself" in error) == (2, True)
    status, _, error = isptune("study", "serve", "st", "--port", "0")
    assert (status, "is a link out of the study" in error) == (1, True)


@pytest.mark.slow
def test_a_strangers_search_by_eye_is_told_before_it_is_gone_on_with(isptune, tmp_path, monkeypatch):
    import isptune.study.by_eye.server as server

    monkeypatch.setattr(server, "serve_search", lambda *_: None)
    command = [
        "tune-by-eye",
        "eye",
        "--pipeline",
        "tint",
        "--scene",
        "cat",
        "--crop",
        "64x48",
        "--device",
        "cpu",
    ]
    assert isptune(*command)[0] == 0
    assert isptune(*command)[0] == 0  # the same command goes on
    assert isptune("tune-by-eye", "eye")[0] == 0
    (tmp_path / "isp.toml").write_text(EVIL_ISP)
    there = json.loads((tmp_path / "eye" / "eye.json").read_text())
    (tmp_path / "eye" / "eye.json").write_text(json.dumps({**there, "pipeline": "command:isp.toml"}))
    status, _, error = isptune("tune-by-eye", "eye")
    assert (status, "--trust" in error) == (2, True)
    write_image(tmp_path / "private.png", torch.rand(1, 3, 64, 64))
    (tmp_path / "eye" / "eye.json").write_text(json.dumps({**there, "scene": "private.png"}))
    status, _, error = isptune("tune-by-eye", "eye")
    assert (status, "is not the picture that this search began with" in error) == (1, True)
    assert not (tmp_path / "was_here").exists()


def test_what_runs_programs_or_asks_servers_says_so():
    """Whoever of ours imports what starts programs or opens connections says what it would do."""
    for kind in ("pipeline", "objective", "judge", "scene", "optimizer"):
        for name, point in installed(kind).items():
            source = Path(import_module(point.module).__file__ or "").read_text()
            acts = any(word in source for word in ("run_program", "exchange(", "ChatServer", "version_of("))
            assert not acts or f"{kind}.{name}" in installed("deed"), f"{kind} {name}"


def test_sums_judges_and_their_like_tell_what_they_are_made_of(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (tmp_path / "metric.toml").write_text(EVIL_METRIC)
    told = deeds_of([Named("objective", f"weighted:0.5*unit(command:{tmp_path}/metric.toml)+1*ssim")])
    assert [deed.what.startswith("start {python}") or "start '{python}'" in deed.what for deed in told] == [
        True
    ]
    (deed,) = deeds_of([Named("objective", "judge:endpoint:http://localhost:1/v1?model=m?rivals=3")])
    assert (deed.what, deed.key) == ("send pictures to http://localhost:1", "")
    assert deeds_of([Named("objective", "ssim"), Named("pipeline", "synthetic")]) == []

"""Small studies with real pictures, and their server in a process of its own, for tests."""

import asyncio
import os
import re
import subprocess
import sys
import zlib
from contextlib import contextmanager

import cv2
import httpx
import numpy as np

from isptune.study.plan.folder import Plan, Stimulus, stimulus_file, write_study
from isptune.study.plan.schedule import schedule_of
from isptune.study.site.server import on_loopback
from isptune.study.votes.answers import Answers

SIZE = (60, 80)  # rows, columns
CONDITIONS = ("crisp_secret", "hazy_secret", "gritty_secret")
"""Names that must never reach an observer."""

SERVE = "from isptune.commands.study_serve import serve; serve()"
LINK = re.compile(r"(http://[^/\s]+)/(o|owner)/([A-Za-z0-9_-]{32})")


def picture(scene_number, condition_number):
    """A picture that shows by its colours what it is: scene in red, condition in green, a ramp in blue."""
    rows, columns = SIZE
    blue = np.tile(np.linspace(0, 255, columns), (rows, 1))
    rest = np.ones(SIZE)
    bgr = np.stack([blue, 40.0 * (1 + condition_number) * rest, 60.0 * (1 + scene_number) * rest], 2)
    return np.round(bgr).astype(np.uint8)


def small_study(folder, scenes=("pond_secret", "hill_secret"), picture_of=picture, **plan):
    """Three conditions a scene, a reference for the first scene, and notes in every file."""
    stimuli = []
    for s, scene in enumerate(scenes):
        for c, condition in enumerate(CONDITIONS):
            path = folder / stimulus_file(scene, condition)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(with_note(cv2.imencode(".png", picture_of(s, c))[1].tobytes(), condition))
            stimuli.append(
                Stimulus(scene, condition, stimulus_file(scene, condition), score=-987.125 * (c + 1))
            )
    (folder / "references").mkdir()
    cv2.imwrite(str(folder / "references" / f"{scenes[0]}.png"), picture_of(0, 4))
    known = {
        "title": "Ponds and hills",
        "schedule": "complete",
        "training": 1,
        "repeats": 1,
        "anchors": 0,
        "viewing": False,
    }
    return write_study(folder, Plan(**(known | plan)), stimuli)


def with_note(png, note):
    """The PNG file with a text chunk behind its header, as cameras and editors write them."""
    body = b"tEXt" + b"Title\0" + note.encode()
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return png[:33] + chunk + png[33:]


class Client:
    """Sends requests to an application in this process, without a network."""

    def __init__(self, app):
        self.app, self.runner = app, asyncio.Runner()

    def __enter__(self):
        self.lifespan = self.app.router.lifespan_context(self.app)
        self.runner.run(self.lifespan.__aenter__())
        return self

    def __exit__(self, *_):
        self.runner.run(self.lifespan.__aexit__(None, None, None))
        self.runner.close()

    def send(self, method, path, **request):
        async def sent():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://study") as client:
                return await client.request(method, path, **request)

        return self.runner.run(sent())

    def get(self, path):
        return self.send("GET", path)

    def post(self, path, **request):
        return self.send("POST", path, **request)


@contextmanager
def local_server(study, invite=1):
    """The same server in a thread, which starts faster: yields the owner's link and the observers' links."""
    with on_loopback(study) as (root, owner), Answers(study.answers_path, schedule_of(study)) as answers:
        links = [f"{root}/o/{answers.add_observer().token}" for _ in range(invite)]
        yield f"{root}/owner/{owner}", links


@contextmanager
def server(folder, invite=1, port=0):
    """A running `isptune study serve`: yields the process, the owner's link and the observers' links."""
    command = [sys.executable, "-c", SERVE, str(folder), "--port", str(port), "--invite", str(invite)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        lines = []
        while not lines or "Ctrl-C" not in lines[-1]:
            line = process.stdout.readline()
            assert line, "the server ended:\n" + "".join(lines)
            lines.append(line)
        links = [match.groups() for match in map(LINK.search, lines) if match]
        owner = next(f"{root}/owner/{token}" for root, kind, token in links if kind == "owner")
        yield process, owner, [f"{root}/o/{token}" for root, kind, token in links if kind == "o"]
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        process.stdout.close()

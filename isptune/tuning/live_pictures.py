"""Pictures of a run while it goes on: what it started from, and the best so far. They decide nothing, end with it."""

import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import final

from isptune.runs.files import LIVE, live_image_path
from isptune.runs.log import Trial
from isptune.scenes.images import write_image
from isptune.space import Candidate
from isptune.system.disk import folder_in
from isptune.tuning.bench import Bench

SCENES_SHOWN = 3
MOST_OF_THE_TIME = 0.03
"""Rendering and writing them may take this share of the search at most; the first ones are always made."""


@final
class LivePictures:
    """Writes RUN/live/SCENE_start.png and SCENE_best.png.

    Args:
        bench: of the run.
        folder: of the run.
    """

    def __init__(self, bench: Bench, folder: Path):
        self._bench, self._folder = bench, folder
        self._shown: Trial | None = None
        self._spent_s, self._began = 0.0, time.perf_counter()

    def update(self, best: Trial | None) -> None:
        """Show the best trial, if it is another one than before and there is time for it."""
        searched_s = time.perf_counter() - self._began
        if best is None or best is self._shown:
            return
        if self._shown is not None and self._spent_s > MOST_OF_THE_TIME * searched_s:
            return
        before = time.perf_counter()
        if self._shown is None:
            self._write("start", self._bench.space.complete({}))
        self._write("best", self._bench.space.complete(best.params))
        self._shown = best
        self._spent_s += time.perf_counter() - before

    def remove(self) -> None:
        """The run has pictures of its own now."""
        shutil.rmtree(self._folder / LIVE, ignore_errors=True)

    def _write(self, label: str, candidate: Candidate) -> None:
        evaluator, seed = self._bench.evaluator, self._bench.seeds.to_confirm()[0]
        with suppress(Exception):  # a plug-in may raise anything, and a disk may be full: it costs a picture
            folder_in(self._folder, LIVE)
            for scene in evaluator.scenes[:SCENES_SHOWN]:
                image = evaluator.render_one(candidate, scene, seed, keep=label == "start")
                write_image(live_image_path(self._folder, scene.name, label), image.cpu())

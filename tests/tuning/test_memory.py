import pytest
import torch

from isptune.errors import RenderError
from isptune.scenes.scene import load_scenes
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.memory import Memory
from isptune.tuning.run import run
from tests import toys
from tests.tuning.test_slow_pipelines import SETTINGS, Versioned, bench_of

pytestmark = pytest.mark.usefixtures("toys")


class _Counting:
    """Renders pictures of one value, and counts them."""

    def __init__(self):
        self.count = 0

    def __call__(self, candidates):
        self.count += len(candidates)
        return torch.stack([torch.full((3, 4, 4), float(one["x"])) for one in candidates])


def _candidates(*values):
    return [{"x": value} for value in values]


def test_what_is_known_is_not_rendered_again_and_the_order_is_kept():
    memory, render = Memory(draws_noise=False), _Counting()
    memory.rendered(_candidates(0.1, 0.2), 0, 7, False, render)
    images = memory.rendered(_candidates(0.3, 0.2, 0.3, 0.1), 0, 8, False, render)
    assert images[:, 0, 0, 0].tolist() == torch.tensor([0.3, 0.2, 0.3, 0.1]).tolist()
    assert render.count == 3
    memory.rendered(_candidates(0.1), 1, 7, False, render)  # another scene
    assert render.count == 4


def test_under_noise_only_what_will_be_asked_for_again_is_kept_and_under_its_seed_only():
    memory, render = Memory(draws_noise=True), _Counting()
    for _ in range(2):
        memory.rendered(_candidates(0.1), 0, 1, False, render)
    assert render.count == 2
    for _ in range(2):
        memory.rendered(_candidates(0.1), 0, 1, True, render)
    assert render.count == 3
    memory.rendered(_candidates(0.1), 0, 2, True, render)
    assert render.count == 4


def test_beyond_the_limit_what_nobody_asked_for_the_longest_goes_first():
    memory, render = Memory(draws_noise=False, limit_bytes=2 * 3 * 4 * 4 * 4), _Counting()
    for value in (0.1, 0.2, 0.1, 0.3):
        memory.rendered(_candidates(value), 0, 0, False, render)
    assert render.count == 3
    memory.rendered(_candidates(0.1), 0, 0, False, render)
    assert render.count == 3
    memory.rendered(_candidates(0.2), 0, 0, False, render)
    assert render.count == 4


def test_what_is_kept_does_not_change_with_what_was_given():
    memory, render = Memory(draws_noise=False), _Counting()
    memory.rendered(_candidates(0.1), 0, 0, False, render).zero_()
    assert memory.rendered(_candidates(0.1), 0, 0, False, render).max() > 0


def test_without_noise_no_candidate_of_a_run_is_rendered_twice(tmp_path):
    bench = bench_of(Versioned("1"))
    run(bench, tmp_path / "r")
    # 24 trials, the start, and what the optimizer itself recommends.
    assert sum(bench.pipeline.batches) <= SETTINGS.population * SETTINGS.generations + 2


def test_what_an_earlier_session_found_is_not_evaluated_again(tmp_path):
    folder = run(bench_of(Versioned("1")), tmp_path / "r")
    before = (folder / "recommended.json").read_bytes()
    (folder / "recommended.json").unlink()
    again = bench_of(Versioned("1"))
    run(again, folder)
    assert (folder / "recommended.json").read_bytes() == before
    assert (
        sum(again.pipeline.batches) <= 3
    )  # pictures of the start and of the recommended set, and the optimizer's


def test_a_failure_is_tried_again():
    class Moody(Versioned):
        fails = True

        def render(self, scene, params, seed):
            if self.fails:
                raise RenderError("not now")
            return super().render(scene, params, seed)

    pipeline = Moody("1")
    evaluator = Evaluator(pipeline, {"red": toys.redness(None)}, load_scenes(["cat"], resize="24"))
    start = [pipeline.space.complete({})]
    assert evaluator.evaluate(start, 0)[0].error == "cat: not now"
    pipeline.fails = False
    assert evaluator.evaluate(start, 0)[0].error is None

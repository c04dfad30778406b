import pytest

from isptune.bench import Bench
from isptune.errors import ConfigError
from isptune.run import run
from isptune.settings import RunSettings
from isptune.workers import workers

SETTINGS = RunSettings(
    scenes=("cat", "rocket"),
    resize="32",
    population=4,
    generations=2,
    confirm=2,
    second_opinions=("none",),
    device="cpu",
)


def test_spawned_processes_give_the_same_log(tmp_path):
    here = run(Bench(SETTINGS), tmp_path / "here")
    bench = Bench(SETTINGS)
    with workers("2", SETTINGS) as run_parts:
        bench.evaluator.run_parts = run_parts
        there = run(bench, tmp_path / "there")
    for name in ("trials.jsonl", "recommended.json"):
        assert (there / name).read_bytes() == (here / name).read_bytes()


@pytest.mark.parametrize("spec", ["0", "-1", "many", "dask:", "dask"])
def test_a_wrong_number_of_workers_is_refused(spec):
    with (
        pytest.raises(ConfigError, match="neither a number of processes nor dask:ADDRESS"),
        workers(spec, SETTINGS),
    ):
        pass

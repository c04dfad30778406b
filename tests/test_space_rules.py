"""Constraints between params, and params that exist with a choice only."""

import json

import numpy as np
import pytest

from isptune.errors import SpaceError
from isptune.functions.pipeline import FunctionPipeline
from isptune.optimizers.keeping_rules import keeping_rules
from isptune.parameter_set import ParameterSet, to_toml
from isptune.registry import build
from isptune.report.changes import between
from isptune.runs.description import describe_params
from isptune.runs.facts import BenchRecord
from isptune.space import Choice, Integer, Real, Space, existing_names
from isptune.system.records import convert, plain

LEVELS = (
    Real("tone.low", 0.0, 1.0, 0.1),
    Real("tone.high", 0.0, 1.0, 0.9),
    Integer("n", 0, 9, 3),
    Integer("m", 2, 5, 4),
)
METHOD = Choice("method", ("none", "nlm", "bm3d"), "none")
STRENGTH = Real("strength", 0.0, 2.0, 1.0, when={"method": ("nlm", "bm3d")})


def kept(space, **values):
    names = {"low": "tone.low", "high": "tone.high"}
    return space.kept({**space.default, **{names.get(k, k): v for k, v in values.items()}})


def test_what_breaks_an_order_is_moved_to_the_middle_and_what_keeps_it_stays():
    space = Space(LEVELS, constraints=("tone.low < tone.high", "m >= n"))
    fine = kept(space, low=0.2, high=0.3)
    assert (fine["tone.low"], fine["tone.high"]) == (0.2, 0.3)
    found = kept(space, low=0.8, high=0.4)
    assert found["tone.low"] < found["tone.high"]
    assert found["tone.low"] == pytest.approx(0.6, abs=1e-3)
    whole = kept(space, n=9, m=2)
    assert isinstance(whole["n"], int)
    assert whole["n"] <= whole["m"] <= 5


def test_any_candidate_ends_inside_its_ranges_and_in_all_orders():
    rng = np.random.default_rng(0)
    params = [
        Real(name, low, low + 1.0, low + 0.1 + 0.2 * k)
        for k, (name, low) in enumerate((("a", 0), ("b", 0.2), ("c", 0.4)))
    ]
    space = Space(
        (*params, Integer("i", 0, 3, 0), Integer("j", 0, 3, 3)), constraints=("a < b", "b < c", "i < j")
    )
    for _ in range(300):
        asked = space.from_unit(rng.random(5))
        found = space.kept(asked)
        space.refuse_broken(found)
        space.check(found)


def test_with_the_other_one_held_only_one_is_moved():
    space = (
        Space(LEVELS, constraints=("tone.low < tone.high",))
        .starting_at({"tone.high": 0.5})
        .select(["tone.low"])
    )
    found = space.kept({"tone.low": 0.9})
    assert found.keys() == {"tone.low"}
    assert 0.49 < found["tone.low"] < 0.5


def test_a_param_exists_with_its_choice_only_and_waits_at_its_default():
    space = Space((METHOD, STRENGTH))
    assert space.kept({"method": "none", "strength": 1.7}) == {"method": "none", "strength": 1.0}
    assert space.kept({"method": "nlm", "strength": 1.7}) == {"method": "nlm", "strength": 1.7}
    assert space.existing({"method": "none", "strength": 1.0}) == {"method": "none"}


def _with(name, **when):
    return Choice(name, ("x", "y"), "x", when=when)


def test_a_long_chain_of_choices_is_no_matter_of_depth():
    chain = [_with("c0"), *(_with(f"c{k}", **{f"c{k - 1}": "x"}) for k in range(1, 2000))]
    names = [param.name for param in chain]
    assert existing_names(chain, dict.fromkeys(names, "x")) == set(names)
    assert existing_names(chain, dict.fromkeys(names, "x") | {"c2": "y"}) == {"c0", "c1", "c2"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Space(LEVELS, constraints=("tone.low << n",)), "is not NAME < NAME"),
        (lambda: Space(LEVELS, constraints=("tone.low < nothing",)), "no number called 'nothing'"),
        (lambda: Space((METHOD, *LEVELS), constraints=("n < method",)), "no number called 'method'"),
        (lambda: Space(LEVELS, constraints=("tone.high < tone.low",)), "is broken: 0.9 and 0.1"),
        (
            lambda: Space(LEVELS, constraints=("tone.low < tone.high",)).starting_at({"tone.low": 0.95}),
            "is broken",
        ),
        (lambda: Space((STRENGTH,)), "'method', which is no other choice"),
        (lambda: Space((METHOD, Real("x", 0, 1, 0, when={"method": "nln"}))), "'nln' is none of its options"),
        (
            lambda: Space((_with("a", b="x"), _with("b", c="x"), _with("c", a="x"))),
            "a, b, c depend on each other",
        ),
    ],
)
def test_rules_that_cannot_be_are_refused(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


@pytest.mark.parametrize("spec", ["cma", "catcma", "es", "optuna", "random"])
def test_every_optimizer_asks_for_what_keeps_the_rules_and_finds_the_best_of_it(spec):
    """The best of all, low = 0.8 and high = 0.2, breaks the order; the best that keeps it is near the middle."""
    params = (*LEVELS[:2], *((METHOD, STRENGTH) if spec != "cma" else ()))
    space = Space(params, constraints=("tone.low < tone.high",))
    optimizer = keeping_rules(
        build("optimizer", spec, space, population=10, seed=0, budget=200, objectives=1), space
    )
    for _ in range(20):
        population = optimizer.ask()
        for candidate in population:
            space.refuse_broken(candidate)
            assert candidate == space.kept(candidate)
        losses = [[(c["tone.low"] - 0.8) ** 2 + (c["tone.high"] - 0.2) ** 2] for c in population]
        optimizer.tell(population, np.array(losses))
    best = optimizer.recommend()
    space.refuse_broken(best)
    assert abs(best["tone.low"] - 0.5) < 0.25


def test_a_function_without_rules_keeps_its_hash_and_one_with_others_is_another():
    def isp(scene, params):
        return scene.image

    def version(space):
        return next(iter(FunctionPipeline(isp, space).facts.versions.values()))

    plain = version(Space(LEVELS[:2]))
    assert version(list(LEVELS[:2])) == plain
    assert version(Space(LEVELS[:2], constraints=("tone.low < tone.high",))) != plain


DESCRIPTION = """
command = ["{python}", "isp.py", "{params}", "{scene}", "{out}"]
constraints = ["tone.low < tone.high"]

[[param]]
stage = "tone"
name = "low"
range = [0.0, 1.0]
default = 0.1

[[param]]
stage = "tone"
name = "high"
range = [0.0, 1.0]
default = 0.9

[[param]]
stage = "denoise"
name = "method"
type = "choice"
options = ["none", "nlm"]
default = "none"

[[param]]
stage = "denoise"
name = "strength"
range = [0.0, 1.0]
default = 0.5
when = { method = "nlm" }
"""

ISP = """
import json, shutil, sys
values = json.load(open(sys.argv[1]))
assert values["tone.low"] < values["tone.high"], values
assert ("denoise.strength" in values) == (values["denoise.method"] == "nlm"), values
shutil.copy(sys.argv[2], sys.argv[3])
"""


@pytest.mark.slow
def test_a_description_states_rules_and_programs_are_given_what_exists(isptune, tmp_path):
    (tmp_path / "isp.toml").write_text(DESCRIPTION)
    (tmp_path / "isp.py").write_text(ISP)
    status, _, err = isptune(
        "run", "--pipeline", "command:isp.toml", "--objective", "redness", "--scene", "cat", "--resize", "24",
        "--population", 6, "--generations", 2, "--confirm", 1, "--second-opinion", "none",
        "--device", "cpu", "--out", "r",
    )  # fmt: skip
    assert status == 0, err
    trials = [
        t
        for line in (tmp_path / "r" / "trials.jsonl").read_text().splitlines()
        for t in json.loads(line)["trials"]
    ]
    assert all(trial.get("error") is None for trial in trials), trials
    (tmp_path / "isp.toml").write_text(DESCRIPTION.replace('method = "nlm" }', 'method = "x" }'))
    assert (
        "denoise.strength: when denoise.method = 'x' is none of its options"
        in isptune("run", "--pipeline", "command:isp.toml", "--out", "q")[2]
    )


def test_reports_and_sets_say_which_knobs_do_not_exist_with_the_choices_made():
    params = (METHOD, STRENGTH)
    old, new = {"method": "nlm", "strength": 1.7}, {"method": "none", "strength": 1.0}
    notes = {change.param.name: change.note for change in between(params, old, new)}
    assert notes == {"method": "", "strength": "no longer used: only with method = nlm or bm3d"}
    assert {c.param.name: c.note for c in between(params, new, old)}["strength"].startswith("used now")
    assert "strength = 1.0  # not used: only with method = nlm or bm3d; 0 to 2" in to_toml(
        ParameterSet("a", new), params
    )
    assert "not used" not in to_toml(ParameterSet("a", old), params)
    held = BenchRecord(describe_params(params))
    back = convert(plain(held), BenchRecord, "bench.json").params
    assert [param.when for param in back] == [{}, {"method": ("nlm", "bm3d")}]
    assert Space(back).existing(new) == {"method": "none"}
    assert "when" not in plain(held)["space"][0]

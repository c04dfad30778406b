"""Every number that can be set has an upper bound: what is beyond it is refused in one line, at once."""

import time

import click
import pytest
import torch

from isptune.cli import cli
from isptune.errors import ConfigError
from isptune.runs.settings import BOUNDS, RunSettings
from isptune.scenes.images import write_image
from isptune.study.plan.folder import Plan

HUGE = ("1000000000", "9" * 30, "9" * 5000, "1e308", "inf", "nan", "-1", "²")


@pytest.mark.parametrize("name", BOUNDS)
def test_what_is_counted_says_its_bound_and_why(name):
    _, most, why = BOUNDS[name]
    assert getattr(RunSettings(**{name: most}), name) == most
    with pytest.raises(ConfigError, match=f"{name} = 1000000000 must be at most {most}: ") as refused:
        RunSettings(**{name: 10**9})
    assert why in str(refused.value)


def test_a_study_asks_no_more_pairs_than_somebody_answers():
    for name in ("pairs_per_image", "repeats", "anchors", "training", "break_every"):
        with pytest.raises(ConfigError, match=f"{name} = 1000000000 must be at most"):
            Plan(**{name: 10**9})


def _numbers(command, path=()):
    """All options that take a number, of a command and those below it."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from _numbers(command.get_command(context, name), (*path, name))
        return
    for option in command.params:
        kinds = (click.types.IntParamType, click.types.FloatParamType)
        if isinstance(option, click.Option) and isinstance(option.type, kinds):
            yield path, option


def test_every_whole_number_that_a_command_takes_is_bounded():
    by_settings = {"population", "generations", "repeats", "confirm", "seed"}  # refused by RunSettings
    for path, option in _numbers(cli):
        bounded = isinstance(option.type, click.IntRange) and option.type.max is not None
        whole = isinstance(option.type, click.types.IntParamType)
        assert not whole or bounded or option.name in by_settings, (path, option.name)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--population", "{}"), ("--generations", "{}"), ("--repeats", "{}"), ("--confirm", "{}"), ("--workers", "{}"),
        ("--threads", "{}"), ("--stay-near", "{}"), ("--budget-time", "{}h"), ("--crop", "{}x{}"), ("--resize", "{}"),
        ("--seed", "{}"), ("--holdout", "{}"), ("--aggregate", "quantile:{}"), ("--constraint", "ssim>={}"),
        ("--objective", "judge:depictqa?rivals={}"), ("--objective", "judge:endpoint:http://h/v1?model=m&votes={}"),
        ("--objective", "judge:endpoint:http://h/v1?model=m&timeout_s={}"), ("--objective", "weighted:{}*ssim+1*psnr"),
        ("--scene", "chart:?scale={}"), ("--scene", "cat?weight={}"), ("--scene", "cat?roi={}x{}+0+0"),
        ("--scene", "unprocessed:a.png?iso={}"), ("--scene", "unprocessed:a.png?seed={}"), ("--tune", "{}"),
        ("-P", "map_seed={}"), ("--optimizer", "nevergrad:{}"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_number_without_measure_costs_one_line(isptune, tmp_path, monkeypatch, arguments):
    import isptune.commands.run as command
    from isptune.tuning.workers import opened_bench

    def build(settings, out, workers, extend=False, as_json=False, write_to=()):
        with opened_bench(settings, None if workers is None or len(workers) < 4 else workers):
            pass

    monkeypatch.setattr(command, "carry_out", build)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    write_image(tmp_path / "a.png", torch.rand(1, 3, 32, 32))
    for number in HUGE:
        began = time.monotonic()
        given = [part.replace("{}", number) for part in arguments]
        status, _, error = isptune("run", "--scene", "a.png", *given)
        assert status in (0, 1, 2), (number, error)
        lines = [
            line for line in error.splitlines() if not line.startswith(("Usage", "Try", "warning", "note"))
        ]
        assert len([line for line in lines if line.strip()]) == (1 if status else 0), (number, error)
        assert time.monotonic() - began < 10, number

"""`--fail-below`: scores that a continuous integration insists on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from isptune.errors import ConfigError

STATUS = 1


def fail_below(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option to a click command, as `limits`."""
    return click.option(
        "--fail-below",
        "limits",
        metavar="[SPEC=]X",
        multiple=True,
        help="Exit with status 1 if a score is worse than X: below it where higher is better, above it where lower is.",
    )(function)


def parse_limits(texts: Iterable[str], objectives: Sequence[str]) -> dict[str, float]:
    """The limit of each objective that has one.

    Args:
        texts: `X`, where there is one objective, or `SPEC=X`.
        objectives: their specs.

    Raises:
        ConfigError: no number, an objective that is not asked for, or no objective where there are several.
    """
    found: dict[str, float] = {}
    for text in texts:
        spec, _, number = text.rpartition("=")
        if not spec and len(objectives) != 1:
            raise ConfigError(
                f"--fail-below {text}: of which? SPEC=X, where SPEC is {' or '.join(objectives)}"
            )
        spec = spec or objectives[0]
        if spec not in objectives:
            raise ConfigError(
                f"--fail-below {text}: {spec!r} is none of the objectives: {', '.join(objectives)}"
            )
        try:
            found[spec] = float(number)
        except ValueError as error:
            raise ConfigError(f"--fail-below {text}: {number!r} is no number") from error
        if found[spec] != found[spec]:
            raise ConfigError(f"--fail-below {text}: {number!r} is no number")
    return found


def broken(
    limits: Mapping[str, float], directions: Mapping[str, str], scores: Mapping[str, float | None]
) -> list[str]:
    """What is worse than its limit, a line each; a score that is not known is."""
    told = []
    for spec, limit in limits.items():
        score = scores.get(spec)
        sign = 1 if directions[spec] == "maximize" else -1
        if score is None or not sign * score >= sign * limit:
            shown = "is not known" if score is None else f"= {score:.6g}"
            told.append(f"{spec} {shown}, which is worse than {limit:g}")
    return told


def fail_if(told: Sequence[str]) -> None:
    """End with status 1 where something was worse; every line goes to stderr."""
    for line in told:
        click.echo(f"isptune: {line}", err=True)
    if told:
        raise click.exceptions.Exit(STATUS)

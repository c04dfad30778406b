"""What an optimizer refuses when it is built, always in the same words."""

from isptune.errors import ConfigError
from isptune.space import Choice, Space


def refuse_argument(name: str, argument: str | None) -> None:
    """Raise ConfigError if an optimizer that takes no argument was given one."""
    if argument is not None:
        raise ConfigError(f"the optimizer {name!r} takes no argument, but was given {argument!r}")


def refuse_several(name: str, objectives: int) -> None:
    """Raise ConfigError if a single-objective optimizer was asked to serve several objectives."""
    if objectives > 1:
        raise ConfigError(
            f"the optimizer {name!r} minimises one objective, not {objectives}: choose an optimizer for several "
            "(optuna:NSGA-II or optuna:NSGA-III), or make one objective of them (weighted:0.7*a+0.3*b)"
        )


def refuse_choices(name: str, space: Space) -> None:
    """Raise ConfigError if the space has choices and the optimizer can only search numbers."""
    if space.choices:
        names = ", ".join(choice.name for choice in space.choices)
        raise ConfigError(
            f"the optimizer {name!r} searches numbers only and cannot tune {names}: use the optimizer 'catcma', "
            "or leave the choices out of the tuned parameters"
        )


def refuse_sizes(space: Space, population: int, budget: int) -> None:
    """Raise ConfigError if there is nothing to tune, or no evaluation to do it with."""
    if population < 1:
        raise ConfigError(f"a population needs at least one candidate, not {population}")
    if budget < 1:
        raise ConfigError(f"a budget needs at least one evaluation, not {budget}")
    if all(isinstance(param, Choice) and len(param.options) == 1 for param in space):
        raise ConfigError("there is no parameter to tune: the space is empty or each choice has one option")

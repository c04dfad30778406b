"""The options of the synthetic ISP and what they leave to tune: read without loading torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from isptune.errors import ConfigError
from isptune.space import Real, Space
from isptune.spec import refuse_unknown

DEFAULT_CHAIN = "gaussian_blur:5,white_noise:0.02,contrast:0.6,saturation:0.8,jpeg:96"


def space(argument: str | None, **options: Any) -> Space:
    """What `synthetic` can tune. Raises ConfigError as `settings_of` and `stages_of`."""
    return space_of(len(stages_of(settings_of(argument, options)["chain"])))


def space_of(stages: int) -> Space:
    """A param for each stage of the chain, which the hidden map mixes into the levels."""
    text = "hidden: moves one or several distortion levels"
    return Space(tuple(Real(f"isp.x{i + 1}", 0.0, 1.0, 0.5, help=text) for i in range(stages)))


def settings_of(argument: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """`map`, `map_seed` and `chain`. Raises ConfigError for an unknown option, or values that contradict."""
    known = {"map": argument or "warped", "map_seed": 0, "chain": DEFAULT_CHAIN}
    refuse_unknown("the synthetic ISP", options, dict.fromkeys(known, ""))
    if argument and options.get("map", argument) != argument:
        raise ConfigError(f"synthetic:{argument} and map = {options['map']!r} contradict each other")
    settings = {**known, **options}
    if not isinstance(settings["map_seed"], int) or settings["map_seed"] < 0:
        raise ConfigError(f"map_seed = {settings['map_seed']!r} is not a whole number of 0 or more")
    return settings


def stages_of(chain: object) -> Sequence[Mapping[str, Any]]:
    """The tables of a chain, `gaussian_blur:5,jpeg:96` or tables already. Raises ConfigError for anything else."""
    if isinstance(chain, str):
        parts = [part.partition(":") for part in chain.split(",")]
        return [{"distortion": name.strip(), "range": value} for name, _, value in parts]
    if not isinstance(chain, Sequence) or not all(isinstance(table, Mapping) for table in chain):
        raise ConfigError(f"chain {chain!r} is neither 'NAME:RANGE,...' nor a list of tables")
    return chain

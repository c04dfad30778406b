"""What a user's settings name: in files of their own, and by names that stand for something else."""

from dataclasses import replace

from isptune.functions.own_files import objective_of, pipeline_of
from isptune.functions.stand_ins import own_name, own_names
from isptune.registry import own_file
from isptune.runs.constraints import parse_constraint
from isptune.runs.settings import RunSettings
from isptune.tuning.bench import AtHand


def own_specs(settings: RunSettings) -> list[str]:
    """The specs of the form `FILE.py:NAME` among a run's settings."""
    limited = [parse_constraint(text).objective for text in settings.constraints]
    named = [settings.pipeline, *settings.objectives, *limited, *settings.second_opinions]
    return [spec for spec in named if own_file(spec)]


def with_own_names(settings: RunSettings) -> RunSettings:
    """A run's settings in which every objective is called what it is; see `isptune.functions.stand_ins`."""
    limits = [parse_constraint(text) for text in settings.constraints]
    return replace(
        settings,
        objectives=own_names(settings.objectives),
        constraints=tuple(str(replace(one, objective=own_name(one.objective))) for one in limits),
        second_opinions=own_names(settings.second_opinions),
    )


def own_parts(settings: RunSettings) -> AtHand:
    """Load them, which runs the files: only for settings in which the user named them. Raises ConfigError."""
    own = own_specs(settings)
    pipeline = (
        pipeline_of(settings.pipeline, **settings.pipeline_options) if settings.pipeline in own else None
    )
    return AtHand(pipeline, {spec: objective_of(spec) for spec in own if spec != settings.pipeline})

"""The options that `run` and `compare` share: every setting of a run."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from isptune.commands import completing
from isptune.commands.prompted import PROMPT_HELP, with_prompt
from isptune.scenes.names import BUNDLED

if TYPE_CHECKING:
    from isptune.runs.settings import RunSettings

PIPELINE_OPTION = click.option(
    "-P",
    "--pipeline-option",
    "pipeline_options",
    shell_complete=completing.pipeline_options,
    metavar="KEY=VALUE",
    multiple=True,
    help="Option of the pipeline, such as map=coupled; may be repeated.",
)

PIPELINE_OF_SETS = click.option(
    "--pipeline",
    metavar="SPEC",
    shell_complete=completing.names_of("pipeline"),
    help="Where the sets do not say, or are files of your own ISP.",
)

DEVICE = click.option(
    "--device", metavar="NAME", default="auto", show_default=True, help="cpu, cuda, cuda:1 or auto."
)
"""For commands whose options win over no file, and so have defaults of their own."""

TRUST = click.option(
    "--trust",
    is_flag=True,
    help="Start and send what the set or folder names; without it you are told what that would be.",
)

_OPTIONS = [
    click.option(
        "--config",
        metavar="FILE",
        shell_complete=completing.words(files=True),
        help="TOML file with any of these settings; options win over it.",
    ),
    click.option(
        "--pipeline",
        metavar="SPEC",
        shell_complete=completing.names_of("pipeline", files=True),
        help="What is tuned: NAME[:ARGUMENT], see `isptune list pipelines`. [synthetic]",
    ),
    PIPELINE_OPTION,
    click.option(
        "--objective",
        "objectives",
        metavar="SPEC",
        multiple=True,
        shell_complete=completing.names_of("objective", files=True),
        help="What is optimised, see `isptune list objectives`; several give a Pareto front. [ssim]",
    ),
    click.option(
        "--constraint",
        "constraints",
        metavar="SPEC<=X",
        multiple=True,
        shell_complete=completing.names_of("objective", files=True),
        help="Limit to keep before anything else, as 'overshoot<=10' or 'snr>=30'; may be repeated. [none]",
    ),
    click.option("--prompt", metavar="FILE", shell_complete=completing.words(files=True), help=PROMPT_HELP),
    click.option(
        "--optimizer",
        metavar="SPEC",
        shell_complete=completing.names_of("optimizer", beside=("auto",)),
        help="See `isptune list optimizers`. [auto: cma; catcma with choices]",
    ),
    click.option(
        "--scene",
        "scenes",
        metavar="FILE",
        multiple=True,
        shell_complete=completing.names_of("scene", beside=BUNDLED, files=True),
        help="Photograph, raw file, SOURCE:ARGUMENT (unprocessed:, chart:, file:), or a bundled photograph: "
        "astronaut, cat, coffee, rocket; ?weight=3 and ?roi=WxH+X+Y,... say what counts; may be repeated. "
        "[astronaut]",
    ),
    click.option(
        "--holdout",
        metavar="SHARE|FILE",
        multiple=True,
        shell_complete=completing.names_of("scene", files=True),
        help="Scenes that the search never sees, to verify the result on: a share of the scenes (0.25), or "
        "scenes of their own; may be repeated. [none]",
    ),
    click.option("--crop", metavar="WxH[+X+Y]", help="Cut scenes, by default from the middle, for speed."),
    click.option("--resize", metavar="N|WxH", help="Resize scenes; one number is the longer side."),
    click.option(
        "--full-frame",
        is_flag=True,
        default=None,
        help="Render and score all of large scenes (above 4.2 megapixels), not only regions that are chosen of them.",
    ),
    click.option("--population", type=int, metavar="N", help="Candidates a generation. [30]"),
    click.option(
        "--generations",
        type=int,
        metavar="N",
        help="Generations; the budget is population x generations. [50]",
    ),
    click.option(
        "--budget-time",
        metavar="TIME",
        help="Begin no generation that would end after so long a search: 90min, 2h, 1h30m. [no limit]",
    ),
    click.option(
        "--repeats", type=int, metavar="N", help="Optimisations in lockstep, with seeds SEED, SEED+1, ... [1]"
    ),
    click.option("--seed", type=int, metavar="N", help="The same seed gives the same result. [0]"),
    click.option(
        "--tune",
        metavar="PATTERN",
        multiple=True,
        shell_complete=completing.knobs,
        help="Tune only matching parameters ('denoise.*'; commas or repeats); the others stay. [*]",
    ),
    click.option(
        "--start",
        metavar="FILE|KEY=VALUE",
        multiple=True,
        shell_complete=completing.starts,
        help="Start at a parameter set, a run's folder, or a parameter's value; may be repeated.",
    ),
    click.option(
        "--stay-near",
        type=float,
        metavar="X",
        help="What moving all parameters through their ranges costs, in the objective's unit. [0]",
    ),
    click.option(
        "--aggregate",
        metavar="NAME",
        shell_complete=completing.words("mean", "worst", "quantile:"),
        help="How several scenes make one score: mean, worst, quantile:0.25. [mean]",
    ),
    click.option("--confirm", type=int, metavar="N", help="Fresh noise seeds for the recommended set. [10]"),
    click.option(
        "--second-opinion",
        "second_opinions",
        metavar="SPEC",
        multiple=True,
        shell_complete=completing.names_of("objective", beside=("auto", "none")),
        help="Objective to ask about the result, 'auto' or 'none'; may be repeated. [auto]",
    ),
    click.option(
        "--device",
        metavar="NAME",
        shell_complete=completing.words("auto", "cpu", "cuda"),
        help="cpu, cuda, cuda:1 or auto. [auto]",
    ),
    click.option("--threads", type=click.IntRange(1, 1024), metavar="N", help="CPU threads. [all cores]"),
    click.option(
        "--workers",
        metavar="N|dask:ADDRESS",
        help="Render and score in N processes or on a Dask cluster; for slow pipelines. [in this process]",
    ),
    TRUST,
]


def settings_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a run to a click command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def settings_from(options: dict[str, Any], scenes: Sequence[str] = ()) -> "RunSettings":
    """Checked settings from the options of `settings_options`, which are taken out of the dict.

    A set that is started from brings its pipeline along, unless `--pipeline` or a configuration says which.

    Args:
        options: see there.
        scenes: those that are tuned on, where these are not the settings' own.
    """
    from isptune.tuning.config import load_settings, parse_assignments

    config, prompt = options.pop("config"), options.pop("prompt")
    threads, trusted = options.pop("threads"), options.pop("trust")
    options["tune"] = tuple(part.strip() for pattern in options["tune"] for part in pattern.split(","))
    _check_early(config, prompt, options)
    from isptune.commands.starting import start_from
    from isptune.trust import Trust, require_trust
    from isptune.trust import pipeline as named_pipeline
    from isptune.tuning.own_parts import with_own_names

    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    pipeline_options = parse_assignments(options["pipeline_options"], "--pipeline-option")
    named = options["pipeline"] or (None if config is None else load_settings(config, {}).pipeline)
    start = start_from(options["start"], options.pop("template", None), named, pipeline_options)
    options["start"], pipeline, brought = start.values, start.pipeline, start.pipeline_options
    pipeline_options = {**start.base, **pipeline_options}
    if pipeline is not None and config is None and options["pipeline"] in (None, pipeline):
        own = [] if options["pipeline"] is None else [named_pipeline(pipeline, pipeline_options)]
        pipeline_options = {**brought, **pipeline_options}
        if not start.own_file:
            wanted = named_pipeline(pipeline, pipeline_options)
            require_trust(start.source, [wanted], Trust(tuple(own), trusted))
        options["pipeline"] = pipeline
    options["pipeline_options"] = pipeline_options
    specs = {options["pipeline"], *options["objectives"], *options["second_opinions"]} - {pipeline}
    settings = load_settings(config, options, scenes)
    _refuse_unnamed(settings, specs)
    for note in start.notes:
        click.echo(f"note: {note}", err=True)
    lost = start.without_place(settings)
    if lost:
        click.echo(f"note: the file that is started from has no place for: {', '.join(lost)}", err=True)
    if prompt is not None:
        settings = replace(settings, objectives=with_prompt(settings.objectives, prompt))
    return with_own_names(settings)


def _check_early(config: str | None, prompt: str | None, options: dict[str, Any]) -> None:
    """Tell mistakes before torch is loaded, which takes seconds. Raises as `isptune.commands.early`."""
    from pathlib import Path

    from isptune.commands.early import check_settings, require_files
    from isptune.tuning.config import load_settings, parse_assignments

    sets = [item for item in options["start"] if "=" not in item or Path(item).exists()]
    values = parse_assignments([item for item in options["start"] if item not in sets], "--start")
    given = {
        **{key: value for key, value in options.items() if key != "template"},
        "pipeline_options": parse_assignments(options["pipeline_options"], "--pipeline-option"),
        "start": values,
    }
    check_settings(load_settings(config, given), complete=not sets)
    require_files(sets, "file or run folder")
    require_files([options.get("template"), prompt if prompt and ":" not in prompt else None])


def _refuse_unnamed(settings: "RunSettings", named: set[str | None]) -> None:
    """Files of one's own are run where the command names them, not where a set or a configuration does."""
    from isptune.errors import ConfigError
    from isptune.tuning.own_parts import own_specs

    for spec in own_specs(settings):
        if spec not in named:
            raise ConfigError(
                f"{spec}: a file of one's own is run only where the command names it, as --pipeline or --objective"
            )

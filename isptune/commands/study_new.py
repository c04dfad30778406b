"""`isptune study new`: the pictures of a study, and how people will be asked."""

from typing import TYPE_CHECKING, Any

import click

from isptune.commands import completing
from isptune.commands.config_file import config_option
from isptune.commands.early import check_plug_ins, check_scenes, check_writable, require_files
from isptune.commands.options import DEVICE, PIPELINE_OPTION, TRUST
from isptune.commands.pictures import tell_warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from isptune.study.plan.folder import Plan, Study
    from isptune.study.plan.making import Picture


@click.command()
@click.argument("folder", metavar="DIR")
@click.option(
    "--from-run",
    "run",
    shell_complete=completing.runs,
    metavar="RUN",
    help="Pictures of a finished run, from its worst to its best.",
)
@click.option(
    "--finalists",
    type=click.IntRange(2, 1000),
    default=8,
    show_default=True,
    help="Candidates of the run, beside its default and the reference.",
)
@click.option("--images", metavar="FOLDER", help="Pictures from a folder: scene/condition.png.")
@click.option(
    "--dmc",
    "scene",
    metavar="SCENE",
    help="One raw file or photograph in many qualities: perturbed parameters, quality spread evenly.",
)
@click.option(
    "--count", type=click.IntRange(2, 2000), default=100, show_default=True, help="Pictures of --dmc."
)
@click.option(
    "--pipeline",
    metavar="SPEC",
    shell_complete=completing.names_of("pipeline"),
    default="synthetic",
    show_default=True,
    help="What renders --dmc.",
)
@PIPELINE_OPTION
@click.option(
    "--objective",
    shell_complete=completing.names_of("objective"),
    metavar="SPEC",
    default="ssim",
    show_default=True,
    help="What spreads the qualities of --dmc; people decide what they are worth.",
)
@click.option("--crop", metavar="WxH[+X+Y]", help="Cut the scene of --dmc, by default from the middle.")
@click.option("--resize", metavar="N|WxH", help="Resize the scene of --dmc; one number is the longer side.")
@DEVICE
@click.option(
    "--schedule",
    type=click.Choice(["random", "complete", "swiss", "active"]),
    default="random",
    show_default=True,
    help="Which pairs are asked.",
)
@click.option(
    "--pairs-per-image",
    type=click.IntRange(1, 10_000),
    default=9,
    show_default=True,
    help="Pairs in which each observer sees every picture; rounds of swiss.",
)
@click.option(
    "--pairs-per-observer",
    type=click.IntRange(0, 100_000),
    default=0,
    show_default=True,
    help="At most so many pairs an observer; 0 for all.",
)
@click.option(
    "--repeats",
    type=click.IntRange(0, 100_000),
    default=5,
    show_default=True,
    help="Pairs asked a second time, sides changed, to see who is consistent.",
)
@click.option(
    "--anchors",
    type=click.IntRange(0, 100_000),
    default=2,
    show_default=True,
    help="Pairs with an obvious answer, where scores are known beforehand.",
)
@click.option(
    "--training", type=click.IntRange(0, 100_000), default=3, show_default=True, help="Pairs for practice."
)
@click.option(
    "--break-every",
    type=click.IntRange(0, 100_000),
    default=100,
    show_default=True,
    help="Pairs after which a break is offered; 0 for never.",
)
@click.option("--ask-name", is_flag=True, help="Ask observers for a name; else none is kept.")
@click.option(
    "--viewing/--no-viewing",
    default=True,
    show_default=True,
    help="Ask observers once, before their first vote, what they see of grey ramps and plates of coloured dots.",
)
@click.option("--title", default="Which picture is better?", show_default=True)
@click.option("--question", default="Which of the two pictures looks better to you?", show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@TRUST
@config_option
def new(folder: str, **options: Any) -> None:
    """Make a study in the new folder DIR: pictures, and which pairs people will be asked.

    `random` asks every picture in 9 pairs, another pairing for every observer: 450 comparisons for 100 pictures, as
    for the DMC data set. `complete` asks all pairs. `swiss` lets pictures of equal standing meet. `active` asks the
    pairs from which most is learnt, given all votes so far.

    \b
    Examples:
      isptune study new studies/finalists --from-run runs/mine --finalists 12 --schedule complete
      isptune study new studies/mine --images pictures --question "Which one has the better colours?"
      isptune study new studies/dmc --dmc photo.png --count 100
    """  # fmt: skip
    from pathlib import Path

    from isptune.errors import ConfigError

    sources = {key: options.pop(key) for key in ("run", "images", "scene")}
    given = [value for value in sources.values() if value]
    if len(given) != 1:
        raise ConfigError(
            f"a study is made with one of --from-run, --images and --dmc; {len(given)} are given"
        )
    require_files([sources["run"], sources["images"]], "folder")
    check_scenes([sources["scene"]] if sources["scene"] else [])
    check_plug_ins("pipeline", [options["pipeline"]])
    check_plug_ins("objective", [options["objective"]])
    check_writable(folder)
    plan = _plan(options)
    target = Path(folder)
    if sources["images"]:
        from isptune.study.plan.making import study_of_folder

        study = study_of_folder(target, plan, Path(sources["images"]), tell_warning)
    else:
        study = _rendered(target, plan, sources["run"], sources["scene"], options)
    _tell(study)


def _plan(options: dict[str, Any]) -> "Plan":
    """The plan, its options taken out of the dict."""
    import dataclasses

    from isptune.study.plan.folder import Plan

    return Plan(**{field.name: options.pop(field.name) for field in dataclasses.fields(Plan)})


def _rendered(
    target: "Path", plan: "Plan", run: str | None, scene: str | None, options: dict[str, Any]
) -> "Study":
    from pathlib import Path

    from isptune.commands.progress import counting
    from isptune.study.plan.folder import new_folder
    from isptune.study.plan.making import make_study
    from isptune.study.plan.rendering import dmc, from_run
    from isptune.trust import Trust

    new_folder(target)  # refuses a folder that is in use before anything is rendered
    if run:
        with counting("rendered and scored", "pictures") as show:
            stimuli = from_run(Path(run), options["finalists"], show, Trust(all=options["trust"]))
    else:
        from isptune.errors import ConfigError
        from isptune.registry import build
        from isptune.scenes.scene import load_scenes, scene_warnings
        from isptune.system.device import choose_device
        from isptune.tuning.config import parse_assignments

        scenes = load_scenes([str(scene)], options["crop"], options["resize"])
        for text in scene_warnings(scenes):
            click.echo(f"warning: {text}", err=True)
        if len(scenes) != 1:
            raise ConfigError(f"--dmc takes one scene; {scene!r} stands for {len(scenes)}")
        settings = parse_assignments(options["pipeline_options"], "--pipeline-option")
        pipeline = build("pipeline", options["pipeline"], **settings)
        objective = build("objective", options["objective"])
        device = choose_device(options["device"])
        count, seed = options["count"], plan.seed
        with counting("rendered and scored", "pictures") as show:
            stimuli = dmc(scenes[0], pipeline, objective, count, seed, device, click.echo, show)
    with counting("written", "pictures") as show:

        def pictures() -> "Iterator[Picture]":
            for number, picture in enumerate(stimuli.pictures):
                show(number, stimuli.count)
                yield picture

        return make_study(target, plan, pictures(), stimuli.references)


def _tell(study: "Study") -> None:
    from isptune.study.plan.schedule import schedule_of

    plan = study.plan
    pairs = schedule_of(study).total
    click.echo(
        f"{study.folder}: {len(study.stimuli)} pictures of {len(study.scenes)} "
        f"{'scene' if len(study.scenes) == 1 else 'scenes'}; {pairs} pairs an observer ({plan.schedule}), "
        f"among them {plan.training} for training, {plan.repeats} repeats and {plan.anchors} anchors"
    )
    click.echo(f"next: isptune study serve {study.folder}")

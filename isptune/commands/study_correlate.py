"""`isptune study correlate` and `weights`: which objective agrees with the people of a study."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isptune.commands.correlations import (
    CORRELATION,
    METRIC_DIFFERENCES,
    correlations_csv,
    differences_csv,
    print_correlations,
)

if TYPE_CHECKING:
    import torch

    from isptune.arrays import Images
    from isptune.interfaces import Objective
    from isptune.study.findings.analysis import Analysis
    from isptune.study.plan.folder import Study

_OBJECTIVES = click.option(
    "--objectives", "--objective", "specs", metavar="SPEC[,SPEC]", multiple=True, required=True,
    help="NAME or NAME:ARGUMENT, see `isptune list objectives`; commas or repeats.",
)  # fmt: skip
_DEVICE = click.option(
    "--device", metavar="NAME", default="cpu", show_default=True, help="cpu, cuda or auto."
)

_WITH_JUDGES = click.option(
    "--with-judges", is_flag=True, help="Take the votes of judges, too, not only those of people."
)


@click.command()
@click.argument("folder", metavar="DIR")
@_OBJECTIVES
@click.option(
    "--draws",
    type=click.IntRange(0, 100_000),
    default=300,
    show_default=True,
    help="Resamples behind the intervals.",
)
@_WITH_JUDGES
@_DEVICE
def correlate(folder: str, specs: tuple[str, ...], draws: int, with_judges: bool, device: str) -> None:
    """Which objective agrees with these people on this camera?

    SROCC and KROCC compare ranks, PLCC the values after a rising logistic curve that was fitted to other pictures (none
    where there are fewer than 20), each within a scene and averaged over scenes; accuracy is the share of decided votes
    that the objective foretells. Then those pairs of objectives whose SROCC differs by more than chance. Also written
    to correlation.csv and metric_differences.csv in DIR.

    \b
    Example:
      isptune study correlate studies/mine --objectives ssim,niqe,brisque-refit,scorenet
    """  # fmt: skip
    from isptune.study.plan.folder import read_study

    study = read_study(Path(folder))  # a mistake in its name is told before torch is loaded
    from isptune.study.findings.analysis import analyse
    from isptune.study.findings.correlation import agreements
    from isptune.system.disk import write_atomically

    scored = _scores(study, split_specs(specs), device)
    analysis = analyse(
        study, draws=50, with_judges=with_judges
    )  # the scale itself; its own intervals are not used
    rows, differences = agreements(analysis, scored, draws, 0)
    rows.sort(key=lambda row: -row.accuracy.value)
    _warn(analysis)
    told = [(row.correlation, row.accuracy) for row in rows]
    print_correlations(told, differences)
    tables = {CORRELATION: correlations_csv(told), METRIC_DIFFERENCES: differences_csv(differences)}
    for name, text in tables.items():
        write_atomically(study.folder / name, text.encode())


@click.command()
@click.argument("folder", metavar="DIR")
@_OBJECTIVES
@_WITH_JUDGES
@_DEVICE
def weights(folder: str, specs: tuple[str, ...], with_judges: bool, device: str) -> None:
    """Fit the weights of a sum of objectives to the votes.

    Where one of them foretells as much by itself, that one is kept and not the sum.

    Prints an objective for `isptune run --objective`, and how many votes it foretells on images (of scenes, where there
    are three or more) that took no part in the fit. Its unit is about 1 JOD. It is kept in DIR/weights.json, which
    `isptune run --objective study:DIR` reads.

    \b
    Example:
      isptune study weights studies/mine --objectives ssim,niqe,sharpness
    """
    from isptune.study.plan.folder import WEIGHTS, read_study

    study = read_study(Path(folder))  # a mistake in its name is told before torch is loaded
    from isptune.study.findings.analysis import analyse
    from isptune.study.findings.combination import fit_combination
    from isptune.system.disk import write_atomically

    scored = _scores(study, split_specs(specs), device)
    analysis = analyse(study, draws=50, with_judges=with_judges)
    found = fit_combination(analysis, scored)
    _warn(analysis)
    for spec, value in sorted(found.alone.items(), key=lambda item: -item[1]):
        click.echo(
            f"{spec:<28} alone foretells {100 * value:5.1f} % of {found.votes} votes on images left out"
        )
    click.echo(f"{'their sum':<28}       foretells {100 * found.agreement:5.1f} % ({found.folds} folds)")
    if found.better_alone is not None:
        click.echo(
            f"the sum is no better than {found.better_alone[0]} alone: take that, which is what is kept"
        )
    kept = {"objective": found.spec, "agreement": found.agreement, "votes": found.votes, "folds": found.folds}
    text = json.dumps({**kept, "alone": dict(found.alone), "with_judges": with_judges}, indent=2) + "\n"
    write_atomically(study.folder / WEIGHTS, text.encode())
    click.echo(f"--objective '{found.spec}', or --objective study:{folder}")


def split_specs(specs: tuple[str, ...]) -> list[str]:
    """Commas part objectives; a comma inside an argument belongs to the one before it."""
    from isptune.functions.stand_ins import own_names
    from isptune.registry import installed
    from isptune.spec import split_name

    known = installed("objective")
    found: list[str] = []
    for text in specs:
        for k, part in enumerate(text.split(",")):
            if k and split_name(part)[0] not in known and split_name(found[-1])[1] is not None:
                found[-1] += f",{part}"
            else:
                found.append(part.strip())
    return list(own_names(found))


def _scores(study: "Study", specs: list[str], device: str) -> "dict[str, dict[tuple[str, str], float]]":
    """What each objective says of each picture, higher being better; what cannot be scored is told and left out."""
    from isptune.errors import ConfigError
    from isptune.registry import build
    from isptune.system.device import choose_device

    if not any(stimulus.file for stimulus in study.stimuli):
        raise ConfigError(f"{study.folder}: has votes but no pictures: there is nothing to score")
    target = choose_device(device)
    built: dict[str, Objective] = {spec: build("objective", spec) for spec in specs}
    scored: dict[str, dict[tuple[str, str], float]] = {spec: {} for spec in specs}
    for scene in study.scenes:
        reference = _reference(study, scene, target)
        for stimulus in study.of_scene(scene):
            if stimulus.file:
                row = _score_picture(study.folder / stimulus.file, reference, built, target)
                for spec, value in row.items():
                    scored[spec][scene, stimulus.condition] = value
    for spec, values in scored.items():
        if not values:
            raise ConfigError(f"{spec} could score none of the study's pictures")
    return scored


def _reference(study: "Study", scene: str, device: "torch.device") -> "Images | None":
    from isptune.scenes.images import read_image

    path = study.reference(scene)
    return None if path is None else read_image(path).to(device)


def _score_picture(
    path: Path, reference: "Images | None", built: "dict[str, Objective]", device: "torch.device"
) -> dict[str, float]:
    from isptune.errors import in_words, one_line
    from isptune.scenes.images import read_image
    from isptune.scenes.scene import Scene

    image = read_image(path).to(device)
    scene = Scene(path.parent.name, image, reference)
    found = {}
    for spec, objective in built.items():
        try:
            value = float(objective.score(image, scene)[0])
        except Exception as error:  # a plug-in may raise anything, and it costs one score
            click.echo(f"isptune: {one_line(str(path))}: {spec}: {in_words(error)}", err=True)
        else:
            if value != value:
                click.echo(
                    f"isptune: {one_line(str(path))}: {spec}: is not defined for this picture (NaN)", err=True
                )
                continue
            found[spec] = value if objective.facts.direction == "maximize" else -value
    return found


def _warn(analysis: "Analysis") -> None:
    for text in analysis.warnings:
        if any(word in text for word in ("simulation", "judge", "compared")):
            click.echo(f"warning: {text}", err=True)

"""`isptune compare-images`: which of two pictures is better, how sure, and what differs."""

import json
from typing import TYPE_CHECKING, Any

import click

from isptune.commands.early import check_plug_ins, require_files
from isptune.commands.judging import judge_and_scene, judge_options
from isptune.commands.pictures import told_image

if TYPE_CHECKING:
    from isptune.diagnosis.finding import Diagnosis

UNDECIDED = 0.55
"""Up to this probability, neither picture is called better."""

RARELY = 0.25
"""Where fewer people than this share see a difference, hardly anybody does."""


@click.command("compare-images")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@judge_options
def compare_images(
    first: str, second: str, spec: str, reference: str | None, as_json: bool, device: str
) -> None:
    """Say which of two pictures is better, how sure the judge is, and what differs between them.

    The pictures may be of different sizes, unless there is a reference. Turned around, the answer is the same. Whatever
    the judge, it is no surer than people can be: where pictures of one size hardly differ to the eye, the probability
    is drawn to a half, and that is said.

    \b
    Examples:
      isptune compare-images default.png tuned.png
      isptune compare-images a.png b.png --reference perfect.png --json
    """
    check_plug_ins("judge", [spec])
    require_files([first, second, reference])
    from isptune.diagnosis.in_words import as_dict, in_words
    from isptune.diagnosis.visible import drawn_to_chance, probability_of_seeing
    from isptune.errors import ScoreError, one_line
    from isptune.interfaces import Diagnoses
    from isptune.scenes.scene import Scene
    from isptune.system.device import choose_device

    target = choose_device(device)
    judge, perfect = judge_and_scene(spec, reference, target)
    images = [told_image(path).to(target) for path in (first, second)]
    scene = perfect or Scene(first, images[0])
    by_judge = float(judge.prefer(images[0], images[1], scene)[0])
    if not 0 <= by_judge <= 1:
        raise ScoreError(f"the judge {spec!r} gave {by_judge}, which is no probability")
    seen = probability_of_seeing(images[0], images[1])
    probability = by_judge if seen is None else drawn_to_chance(by_judge, seen)
    found: list[Diagnosis] = []
    if isinstance(judge, Diagnoses):
        try:
            found = [judge.describe(image, scene)[0] for image in images]
        except ScoreError as error:  # the answer that was asked for stands without it
            click.echo(f"warning: what differs is not known: {one_line(str(error))}", err=True)
    better = (
        None if max(probability, 1 - probability) <= UNDECIDED else (first if probability > 0.5 else second)
    )
    if as_json:
        answer: dict[str, Any] = {"a": first, "b": second, "judge": spec, "better": better}
        answer["probability_a"] = round(probability, 6)
        answer["probability_a_by_judge"] = round(by_judge, 6)
        answer["difference_seen"] = None if seen is None else round(seen, 6)
        answer["a_is"], answer["b_is"] = [as_dict(d) for d in found] or (None, None)
        answer["differences"] = differences(*found) if found else None
        click.echo(json.dumps(answer))
        return
    sure = max(probability, 1 - probability)
    click.echo(
        f"{better} is better ({100 * sure:.0f} % sure)"
        if better
        else f"neither is clearly better (A with {100 * probability:.0f} %)"
    )
    if seen is not None and round(100 * by_judge) != round(100 * probability):
        who = "hardly anybody" if seen < RARELY else "not everybody"
        click.echo(
            f"  {who} tells them apart by eye: {100 * seen:.0f} % would see a difference, and the others pick either "
            f"one; the judge alone says A with {100 * by_judge:.0f} %"
        )
    for label, path, diagnosis in zip("AB", (first, second), found, strict=False):
        click.echo(f"  {label} {path}: {in_words(diagnosis)}")
    for line in differences(*found) if found else ():
        click.echo(f"  {line}")
    if better and found and not differences(*found):
        click.echo(
            "  why is not known: what the judge can name is the same in both, and it compares by more than that"
        )


def differences(first: "Diagnosis", second: "Diagnosis") -> list[str]:
    """What is wrong with one picture only, or more with one than with the other; a line each."""
    amounts = [{f.category: f.severity or 0 for f in diagnosis.findings} for diagnosis in (first, second)]
    lines = []
    for category in sorted({*amounts[0], *amounts[1]}):
        before, after = (one.get(category) for one in amounts)
        if before is None or after is None:
            lines.append(f"{category} in {'B' if before is None else 'A'} only")
        elif before != after:
            more, most, least = ("A", before, after) if before > after else ("B", after, before)
            lines.append(f"more {category} in {more} (severity {most}, not {least})")
    return lines

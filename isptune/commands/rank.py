"""`isptune rank`: pictures in the order that a judge gives them, by how often each is preferred to the others."""

import json
from typing import TYPE_CHECKING

import click

from isptune.commands.early import check_plug_ins, require_files, tell_missing
from isptune.commands.judging import judge_and_scene, judge_options

if TYPE_CHECKING:
    from isptune.arrays import Images

MOST = 500
"""Pictures at most: every pair is judged, 124,750 of these."""


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values.")
@judge_options
def rank(
    images: tuple[str, ...], as_csv: bool, spec: str, reference: str | None, as_json: bool, device: str
) -> None:
    """Rank pictures of one scene by a judge, who compares each with each: the best first, with its win rate.

    The win rate is the mean probability to be better than another of the pictures, so that 0.5 is the middle of those
    that were given. IMAGE is a file, a folder, a pattern or @LIST, as for `isptune score`. One that cannot be read
    costs one line on stderr and the exit status 1.

    \b
    Examples:
      isptune rank default.png tuned.png other.png
      isptune rank 'renders/*.png' --judge depictqa --reference perfect.png
      isptune rank renders --csv > ranks.csv
    """
    check_plug_ins("judge", [spec])
    require_files([reference])
    tell_missing(images)
    from isptune.commands.progress import counting
    from isptune.errors import ConfigError
    from isptune.system.device import choose_device
    from isptune.tuning.ranking import preferences, win_rates

    if as_json and as_csv:
        raise ConfigError("--json and --csv both print: give one of them")
    judge, scene = judge_and_scene(spec, reference, choose_device(device))
    pictures, problems = _read(images, device)
    if not 2 <= len(pictures) <= MOST:
        raise ConfigError(f"a ranking takes 2 to {MOST} pictures, got {len(pictures)}")
    with counting("judging", "pairs") as show:
        preferred = preferences(judge, list(pictures.values()), scene, show)
    rates = dict(zip(pictures, win_rates(preferred).tolist(), strict=True))
    ranked = sorted(rates, key=lambda path: -rates[path])
    if as_json:
        table = [
            {"rank": place, "image": path, "win_rate": round(rates[path], 6)}
            for place, path in enumerate(ranked, 1)
        ]
        click.echo(json.dumps({"judge": spec, "ranked": table}))
    elif as_csv:
        _print_csv(ranked, rates)
    else:
        width = max(map(len, ranked))
        for place, path in enumerate(ranked, 1):
            click.echo(f"{place:>3}  {path:<{width}}  {rates[path]:.3f}")
    if problems:
        click.get_current_context().exit(1)


def _read(images: tuple[str, ...], device: str) -> "tuple[dict[str, Images], int]":
    """Pictures by their paths, and how many could not be read."""
    from isptune.commands.pictures import told_image
    from isptune.errors import IsptuneError, in_words
    from isptune.scenes.picture_lists import named_pictures
    from isptune.system.device import choose_device

    found: dict[str, Images] = {}
    problems = 0
    for picture in named_pictures(images):
        try:
            if isinstance(picture, IsptuneError):
                raise picture
            found[picture.path] = told_image(picture.path).to(choose_device(device))
        except IsptuneError as error:
            problems += 1
            click.echo(f"isptune: {in_words(error)}", err=True)
    return found, problems


def _print_csv(ranked: list[str], rates: dict[str, float]) -> None:
    import csv
    import sys

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["rank", "image", "win_rate"])
    writer.writerows([place, path, f"{rates[path]:.6f}"] for place, path in enumerate(ranked, 1))

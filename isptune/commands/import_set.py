"""`isptune import`: a search that starts from a parameter set."""

from typing import Any

import click

from isptune.commands import completing
from isptune.commands.early import check_writable
from isptune.commands.options import settings_from, settings_options


@click.command(name="import")
@click.argument("file", metavar="FILE", shell_complete=completing.runs)
@settings_options
@click.option(
    "--template",
    metavar="FILE",
    help="Of a libcamera tuning file: the one that it was made from. [FILE itself]",
)
@click.option("--out", metavar="DIR", help="Run folder. [runs/PIPELINE-OBJECTIVE-HASH of the settings]")
def import_set(file: str, template: str | None, out: str | None, workers: str | None, **options: Any) -> None:
    """Start a search from a parameter set: a file, or a run's folder.

    FILE is a set as TOML or JSON, or what else `isptune export` writes: a RawTherapee profile (pp3), a darktable
    sidecar (xmp), rawpy's arguments (Python), or a tuning file of libcamera (JSON or YAML). Of such a file the
    knobs are taken that its pipeline has. A profile of RawTherapee or a sidecar of darktable is what every
    candidate is made of: whatever else it sets goes to the program as it is, and is named in a note. A tuning file
    is by itself what is started from; with --template, what it changed of that one is.

    With --pipeline command:isp.toml or remote:board.toml FILE may also be a file that its knobs are written to: it is
    then read in the place of the one beside the description, and everything else in it stays.

    It is the same as `isptune run --start FILE`: the set is what the result is compared with, what --tune leaves
    untouched stays at its values, and --stay-near measures the distance from it. The set brings its pipeline
    along, unless --pipeline or --config says which.

    \b
    Examples:
      isptune import iq_night.xml --pipeline command:isp.toml --scene shot.dng
      isptune import factory.toml --scene shot.png --tune 'denoise.*,sharpen.*'
      isptune import factory.toml --scene shot.png --objective niqe --stay-near 0.5
      isptune import runs/mine --objective ssim --seed 7
      isptune import mine.pp3 --scene shot.dng --objective scorenet --tune 'denoise.*'
      isptune import imx477.json --scene shot.dng --objective niqe
      isptune import tuned.json --template imx477.json --scene shot.dng --objective niqe

    A set that is written by hand needs its values only:

    \b
      pipeline = "synthetic"
      [values]
      isp.x1 = 0.4
    """
    from isptune.commands.run import carry_out

    options |= {"start": (file, *options["start"]), "template": template}
    check_writable(out)
    carry_out(settings_from(options), out, workers)

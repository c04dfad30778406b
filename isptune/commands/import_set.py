"""`isptune import`: a search that starts from a parameter set."""

from typing import Any

import click

from isptune.commands.options import settings_from, settings_options


@click.command(name="import")
@click.argument("file", metavar="FILE")
@settings_options
@click.option("--out", metavar="DIR", help="Run folder. [runs/PIPELINE-OBJECTIVE-HASH of the settings]")
def import_set(file: str, out: str | None, workers: str | None, **options: Any) -> None:
    """Start a search from a parameter set: a TOML or JSON file, or a run's folder.

    It is the same as `isptune run --start FILE`: the set is what the result is compared with, what --tune leaves
    untouched stays at its values, and --stay-near measures the distance from it. The set brings its pipeline
    along, unless --pipeline or --config says which.

    \b
    Examples:
      isptune import factory.toml --scene shot.png --tune 'denoise.*,sharpen.*'
      isptune import factory.toml --scene shot.png --objective niqe --stay-near 0.5
      isptune import runs/mine --objective ssim --seed 7

    A set that is written by hand needs its values only:

    \b
      pipeline = "synthetic"
      [values]
      isp.x1 = 0.4
    """
    from isptune.commands.run import carry_out

    options["start"] = (file, *options["start"])
    carry_out(settings_from(options), out, workers)

"""`isptune verify`: whether a parameter set may replace another one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.commands import completing
from isptune.commands.early import check_plug_ins, check_scenes, check_writable, require_files
from isptune.commands.options import DEVICE, PIPELINE_OF_SETS, PIPELINE_OPTION, TRUST

if TYPE_CHECKING:
    from isptune.tuning.verification import Verified


@click.command()
@click.argument("new", metavar="RUN|SET", shell_complete=completing.runs)
@click.option(
    "--against",
    shell_complete=completing.runs,
    metavar="RUN|SET",
    help="What it is to replace. [what it started from, else the pipeline's defaults]",
)
@click.option(
    "--scene",
    "scenes",
    shell_complete=completing.names_of("scene", files=True),
    metavar="FILE",
    multiple=True,
    help="Scene that took no part in the search; may be repeated. [those that the run held out]",
)
@click.option(
    "--objective",
    "objectives",
    shell_complete=completing.names_of("objective"),
    metavar="SPEC",
    multiple=True,
    help="Who judges; the first one must call the new set better, no other worse. [the run's objectives]",
)
@PIPELINE_OF_SETS
@PIPELINE_OPTION
@click.option("--crop", metavar="WxH[+X+Y]", help="Cut scenes, by default from the middle.")
@click.option("--resize", metavar="N|WxH", help="Resize scenes; one number is the longer side.")
@click.option("--full-frame", is_flag=True, help="Look at all of large scenes, not only at regions.")
@click.option(
    "--confirm",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    metavar="N",
    help="Noise seeds, of a pipeline that draws noise.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    metavar="N",
    help="Of the noise.",
)
@click.option(
    "--max-loss",
    type=click.FloatRange(0),
    metavar="X",
    help="Fail if any scene loses more than this by the first objective. [scenes that lose are listed]",
)
@click.option(
    "--out", metavar="DIR", help="New folder for report.html, verify.json, junit.xml and the pictures. [none]"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@DEVICE
@TRUST
def verify(new: str, out: str | None, as_json: bool, **options: Any) -> None:
    """Say whether a parameter set is better than another on scenes that took no part in finding it.

    Ends with status 0 if it is, and 1 if not: so that a camera team can put a set into its continuous integration.
    A run may keep scenes for it: isptune run --holdout 0.25.

    \b
    Examples:
      isptune verify runs/mine                              on the scenes that it held out
      isptune verify runs/mine --scene night.dng --scene street.dng
      isptune verify tuned.toml --against factory.toml --scene 'unprocessed:a.png?iso=3200' --objective psnr
      isptune verify runs/mine --scene a.png --objective ssim --objective niqe --max-loss 0.01 --out verdict
      isptune verify tuned.ini --pipeline command:isp.toml --scene b.png --objective ssim    a file of your own ISP
    """
    require_files([new, options["against"]], "file or run folder")
    check_plug_ins("objective", options["objectives"])
    check_plug_ins("pipeline", [options["pipeline"]] if options["pipeline"] else [])
    check_scenes(options["scenes"])
    check_writable(out)
    from rich.console import Console

    from isptune.errors import ConfigError
    from isptune.report.next_steps import link
    from isptune.report.verification_report import print_verified, to_dict, write_verified
    from isptune.tuning.verifying import verifier

    if out is not None and Path(out).exists() and (not Path(out).is_dir() or any(Path(out).iterdir())):
        raise ConfigError(f"{out}: exists; choose another --out")
    task = verifier(Path(new), **options)
    console = Console(markup=False, quiet=as_json)
    if task.regions is not None:
        console.print(task.regions, highlight=False, soft_wrap=True)
    with console.status("") as status:
        found: Verified = task.run(lambda done, total: status.update(f"{done:.0f} of {total} evaluations"))
    if out is not None:
        task.write_pictures(Path(out))
        write_verified(found, Path(out))
    if as_json:
        import json

        click.echo(json.dumps(to_dict(found), indent=2, allow_nan=False))
    print_verified(found, console)
    if out is not None:
        console.print(f"report: {link(Path(out) / 'report.html')}", highlight=False, soft_wrap=True)
    if not found.passed:
        raise click.exceptions.Exit(1)

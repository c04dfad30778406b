"""`isptune tune-by-eye`: tune without a metric, by votes on pairs of pictures."""

from typing import Any

import click

from isptune.commands import completing
from isptune.commands.early import check_plug_ins, check_scenes, check_writable
from isptune.commands.options import DEVICE, PIPELINE_OPTION, TRUST


@click.command("tune-by-eye")
@click.argument("folder", metavar="DIR", shell_complete=completing.runs)
@click.option(
    "--pipeline",
    metavar="SPEC",
    shell_complete=completing.names_of("pipeline"),
    default="synthetic",
    show_default=True,
    help="What is tuned.",
)
@PIPELINE_OPTION
@click.option(
    "--scene",
    metavar="SCENE",
    default="astronaut",
    show_default=True,
    help="The picture or raw file to tune on.",
)
@click.option("--crop", metavar="WxH[+X+Y]", help="Cut the scene, by default from the middle.")
@click.option("--resize", metavar="N|WxH", help="Resize the scene; one number is the longer side.")
@click.option(
    "--tune",
    metavar="PATTERN",
    multiple=True,
    shell_complete=completing.knobs,
    help="Tune these params only, e.g. 'denoise.*'.",
)
@click.option(
    "--votes", type=click.IntRange(15, 100_000), default=300, show_default=True, help="At most so many votes."
)
@click.option(
    "--viewing/--no-viewing",
    default=True,
    show_default=True,
    help="Ask once, before the first vote, what you see of grey ramps and plates of coloured dots.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@DEVICE
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@TRUST
@click.pass_context
def tune_by_eye(
    context: click.Context, folder: str, host: str, port: int, trust: bool, **options: Any
) -> None:
    """Tune without a metric: vote on pairs of candidates on a page; CMA-ES follows your ranking.

    After every 15 votes the next ten candidates are rendered, and DIR/recommended.toml holds the set so far; it is a
    parameter set for `isptune export`, `diff` and `run --start`. Stop with Ctrl-C; the same command, or DIR alone,
    goes on, under the same link. It ends when candidates can hardly be told apart, the votes are used up, or you say
    on the page that you are content: then DIR is a finished run with a report, for `show`, `report`, `diff` and
    `export`; `study fit` takes its votes. A second link shows the start beside the best so far. In simulation the
    level error of 5 params falls from 0.24 to 0.05 in about 300 votes (experiments/studies/votes_by_eye.md).

    \b
    Examples:
      isptune tune-by-eye runs/mine-by-eye --scene photo.png
      isptune tune-by-eye runs/mine-by-eye                    go on
    """  # fmt: skip
    from pathlib import Path

    check_plug_ins("pipeline", [options["pipeline"]])
    check_scenes([options["scene"]])
    check_writable(folder)
    from isptune.report.live.server import LINK, LiveRoutes
    from isptune.report.run_report import write_report
    from isptune.study.by_eye.run import forget_unfinished, go_on, start
    from isptune.study.by_eye.server import serve_search
    from isptune.study.by_eye.settings import SETTINGS, EyeSettings
    from isptune.study.site.server import owner_token
    from isptune.tuning.config import parse_assignments

    def on_end(folder: Path) -> None:
        click.echo(f"report: {write_report(folder)}")

    target = Path(folder)
    given = {n for n in options if context.get_parameter_source(n) != click.core.ParameterSource.DEFAULT}
    options["tune"] = tuple(name.strip() for names in options["tune"] for name in names.split(","))
    options["pipeline_options"] = parse_assignments(options["pipeline_options"], "--pipeline-option")
    if (target / SETTINGS).is_file():
        run = go_on(
            target, {name: options[name] for name in options if name in given}, trust, click.echo, on_end
        )
    else:
        forget_unfinished(target)
        run = start(target, EyeSettings(**options), click.echo, on_end)
    token = owner_token(target, LINK)
    serve_search(run, host, port, click.echo, LiveRoutes(target, token).routes(), f"/w/{token}")

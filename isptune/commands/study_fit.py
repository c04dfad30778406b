"""`isptune study fit`: scores with intervals, and a report."""

import click


@click.command()
@click.argument("folder", metavar="DIR")
@click.option(
    "--draws",
    type=click.IntRange(50, 100_000),
    default=1000,
    show_default=True,
    help="Resamples of the observers behind the intervals.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the resamples.")
def fit(folder: str, draws: int, seed: int) -> None:
    """Scale the votes of a study, open or closed.

    Writes scale.csv (JOD by Thurstone's Case V with 95 % intervals over observers, DMC's mean opinion score from 0 to
    9, Bradley-Terry, pwcmp's scale, and the scale without the observers that either screening flags), differences.csv,
    observers.csv, result.json, prompt.csv (pictures with scores, as --prompt takes them) and report.html into DIR.

    \b
    Examples:
      isptune study fit studies/mine
      isptune run --objective promptiqa --prompt studies/mine/prompt.csv
    """  # fmt: skip
    from pathlib import Path

    from isptune.report.study_report import write_study_report
    from isptune.study.analysis import analyse
    from isptune.study.folder import read_study
    from isptune.study.results import write_results

    analysis = analyse(read_study(Path(folder)), draws, seed, lambda text: click.echo(text, err=True))
    write_results(analysis)
    page = write_study_report(analysis)
    for scene in analysis.scenes:
        _tell(scene)
    for text in analysis.warnings:
        click.echo(f"warning: {text}", err=True)
    click.echo(f"report: {page}")


def _tell(scene: object, shown: int = 5) -> None:
    from isptune.report.study_plots import ranking
    from isptune.study.analysis import SceneResult

    assert isinstance(scene, SceneResult)
    order, people, w = ranking(scene), len(scene.table.observers), scene.concordance.w
    click.echo(
        f"{scene.scene}: {len(scene.table.share)} votes of {people} {'observer' if people == 1 else 'observers'} on "
        f"{len(order)} images" + (f"; Kendall's W {w:.2f}" if w == w else "")
    )
    for rank, k in enumerate(order, 1):
        if rank <= shown or rank == len(order):
            known = scene.low[k] == scene.low[k]
            interval = f" ({scene.low[k]:+.2f} to {scene.high[k]:+.2f})" if known else ""
            score = f"{scene.scale.scores[k]:+.2f} JOD{interval}, mos {scene.mos[k]:.2f}"
            click.echo(f"  {rank:>3}  {scene.table.conditions[k]:<24} {score}")

"""`isptune study fit`: scores with intervals, and a report."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from isptune.study.findings.judge_agreement import JudgeAgreement, PeopleAgreement
    from isptune.study.scale.estimates import Estimate


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print result.json; warnings go to stderr.")
@click.option(
    "--draws",
    type=click.IntRange(50, 100_000),
    default=1000,
    show_default=True,
    help="Resamples of the observers behind the intervals.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of the resamples."
)
@click.option(
    "--with-judges",
    is_flag=True,
    help="Let votes of judges make up the scale, too; else they only stand beside it.",
)
def fit(folder: str, draws: int, seed: int, with_judges: bool, as_json: bool) -> None:
    """Scale the votes of a study, open or closed.

    Writes scale.csv (JOD by Thurstone's Case V with 95 % intervals over observers, the share of wins, Bradley-Terry,
    pwcmp's scale with its prior "gaussian", and the scale without the observers that either screening flags),
    differences.csv, observers.csv, result.json, prompt.csv (pictures with scores, as --prompt takes them) and
    report.html into DIR; where judges looked at the pairs (`isptune study judge`), judges.csv too: how far they agree
    with people.

    Scores hold within a scene, and within a group of its pictures that votes connect. Those of several scenes are put
    on one scale where conditions stand in several of them; else there is a prompt_SCENE.csv for each.

    \b
    Examples:
      isptune study fit studies/mine
      isptune study fit studies/mine --json | jq .scenes
      isptune run --objective promptiqa --prompt studies/mine/prompt.csv
    """  # fmt: skip
    from pathlib import Path

    from isptune.study.plan.folder import read_study

    study = read_study(Path(folder))  # a mistake in its name is told before torch is loaded
    from isptune.report.next_steps import link
    from isptune.report.study_report import write_study_report
    from isptune.study.findings.analysis import analyse
    from isptune.study.findings.results import RESULT, all_warnings, write_results

    analysis = analyse(study, draws, seed, lambda text: click.echo(text, err=True), with_judges)
    write_results(analysis)
    page = write_study_report(analysis)
    if as_json:
        click.echo((study.folder / RESULT).read_text(), nl=False)
    for scene in () if as_json else analysis.scenes:
        _tell(scene)
    for judge in () if as_json else analysis.judges:
        _tell_judge(judge, analysis.people)
    for text in all_warnings(analysis):
        click.echo(f"warning: {text}", err=True)
    if not as_json:
        click.echo(f"report: {link(page)}")


def _tell(scene: object, shown: int = 5) -> None:
    from isptune.report.study_plots import rankings
    from isptune.study.findings.analysis import SceneResult

    assert isinstance(scene, SceneResult)
    people, w = len(scene.table.observers), scene.concordance.w
    click.echo(
        f"{scene.scene}: {len(scene.table.share)} votes of {people} {'observer' if people == 1 else 'observers'} on "
        f"{int(scene.voted.sum())} images" + (f"; Kendall's W {w:.2f}" if w == w else "")
    )
    for number, order in enumerate(rankings(scene), 1):
        if len(scene.groups) > 1:
            click.echo(f"  group {number} of {len(scene.groups)}, which no vote connects with the others")
        for rank, k in enumerate(order, 1):
            if rank == len(order) > shown + 1:
                click.echo(f"       ... {len(order) - shown - 1} more in scale.csv")
            if rank <= shown or rank == len(order):
                known = scene.low[k] == scene.low[k]
                interval = f" ({scene.low[k]:+z.2f} to {scene.high[k]:+z.2f})" if known else ""
                wins = f"won {100 * scene.win_share[k]:.0f} %"
                click.echo(
                    f"  {rank:>3}  {scene.table.conditions[k]:<24} {scene.scale.scores[k]:+z.2f} JOD{interval}, {wins}"
                )


def _tell_judge(judge: "JudgeAgreement", people: "PeopleAgreement | None") -> None:
    """How far a judge agrees with the scale of the observers, and each of them with that of the others."""
    if not judge.votes:
        click.echo(f"{judge.observer.label}: there is no observer on these pictures to compare it with")
        return
    click.echo(
        f"{judge.observer.label}: the observers' scale foretells {_percent(judge.agreement)} of its {judge.votes} "
        f"votes; SROCC of its win rates {_interval(judge.srocc)}"
    )
    if people is not None and people.each:
        click.echo(
            f"  for comparison, the scale of the others foretells {100 * people.median:.0f} % of an observer's votes"
            f" ({100 * people.low:.0f} to {100 * people.high:.0f} %)"
        )
    if people is not None and people.same_answer == people.same_answer:
        click.echo(
            f"  it answers {100 * judge.same_answer:.0f} % of an observer's pairs alike, another observer"
            f" {100 * people.same_answer:.0f} %"
        )


def _percent(estimate: "Estimate") -> str:
    interval = (
        f" ({100 * estimate.low:.0f} to {100 * estimate.high:.0f} %)" if estimate.low == estimate.low else ""
    )
    return f"{100 * estimate.value:.0f} %{interval}"


def _interval(estimate: "Estimate") -> str:
    if estimate.value != estimate.value:
        return "unknown"
    interval = f" ({estimate.low:.2f} to {estimate.high:.2f})" if estimate.low == estimate.low else ""
    return f"{estimate.value:.2f}{interval}"

"""`isptune study judge`: a judge looks at the pairs of a study, beside people."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from isptune.commands.early import check_plug_ins

if TYPE_CHECKING:
    from isptune.study.observers.judge import Progress


@click.command()
@click.argument("folder", metavar="DIR")
@click.option(
    "--judge", "spec", metavar="SPEC", required=True, help="NAME or NAME:ARGUMENT, see `isptune list judges`."
)
@click.option(
    "--pairs",
    type=click.Choice(["all", "schedule"]),
    default="all",
    show_default=True,
    help="Every two pictures of each scene, or what the study's schedule asks an observer.",
)
@click.option(
    "--ties",
    type=float,
    default=0.05,
    show_default=True,
    metavar="P",
    help="A probability within P of 0.5 is answered 'no difference'.",
)
@click.option("--reference", is_flag=True, help="Let it see each scene's reference, too.")
@click.option("--device", metavar="NAME", default="cpu", show_default=True, help="cpu, cuda or auto.")
def judge(folder: str, spec: str, pairs: str, ties: float, reference: bool, device: str) -> None:
    """Let a JUDGE, which is a model, look at the pairs of a study, to see whether it could replace observers.

    Its answers are kept in the study under the name judge_SPEC, and it is never taken for a person: fit, correlate and
    weights make their scales of people alone, unless --with-judges is given, and the page that people vote on does not
    know it. The report of `isptune study fit` says how far it agrees with the people's scale, and how far people agree
    with each other. It may be asked before people vote, meanwhile or afterwards, as long as the study is open.

    Its probability that the left picture is the better one decides. The same command again goes on after a stop, or
    says that it is done. With --reference it is another observer, judge_SPEC,reference.

    \b
    Examples:
      isptune study judge studies/mine --judge depictqa
      isptune study judge studies/mine --judge depictqa --reference --ties 0.1
      isptune study fit studies/mine
    """  # fmt: skip
    from pathlib import Path
    from typing import cast

    from isptune.study.plan.folder import read_study

    study = read_study(Path(folder))  # mistakes are told before torch is loaded
    check_plug_ins("judge", [spec.strip()])
    from isptune.registry import build
    from isptune.study.observers.judge import JudgeObserver, Pairs, judge_study
    from isptune.system.device import choose_device

    built = build("judge", spec.strip(), reference=reference)
    observer = JudgeObserver(built, spec, ties, reference, choose_device(device))
    steps = judge_study(study, observer, cast(Pairs, pairs))
    status = next(steps)
    label = f"judge_{observer.name}"
    if status.before == status.total:
        click.echo(f"{label}: is done: all {status.total} pairs are answered")
    else:
        if status.before:
            click.echo(f"{label}: goes on after {status.before} of {status.total} pairs")
        status = _watch(label, status, steps)
        click.echo(f"{label}: {status.done - status.before} new answers, {status.done} in all")
    click.echo(f"next: isptune study fit {folder}")


def _watch(label: str, status: "Progress", steps: "Iterator[Progress]") -> "Progress":
    """Go through all steps, and tell how far they are; returns the last one."""
    from isptune.commands.progress import counting

    with counting(label, "pairs", status.done) as show:
        for status in steps:
            show(status.done, status.total)
    return status

"""How far objectives agree with people, on the terminal and as CSV: for studies and for tables of opinions."""

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from typing import TypeAlias

    from isptune.study.findings.correlation import Correlation, MetricDifference
    from isptune.study.scale.estimates import Estimate

    Row: TypeAlias = tuple[Correlation, Estimate | None]
    """Correlations, and the share of votes that are foretold, where there are votes."""

CORRELATION, METRIC_DIFFERENCES = "correlation.csv", "metric_differences.csv"
CHANCE = 0.05


def print_correlations(rows: "Sequence[Row]", differences: "Sequence[MetricDifference]") -> None:
    """A table, then the pairs of objectives that differ by more than chance."""
    width = max(len("objective"), *(len(row.objective) for row, _ in rows))
    names = ["SROCC", "PLCC", "KROCC", *(["accuracy"] if rows[0][1] is not None else [])]
    click.echo(f"{'objective':<{width}}{''.join(f'{name:>24}' for name in names)}{'images':>8}")
    for row, accuracy in rows:
        cells = "".join(f"{_text(estimate):>24}" for estimate in _estimates(row, accuracy))
        click.echo(f"{row.objective:<{width}}{cells}{row.images:>8}")
    for pair in differences:
        if pair.p_holm < CHANCE:
            click.echo(
                f"{pair.better} agrees better than {pair.worse}: SROCC {_text(pair.difference)} higher, "
                f"p = {pair.p_holm:.2g} after Holm"
            )
    if differences and not any(pair.p_holm < CHANCE for pair in differences):
        click.echo("no two of them differ in SROCC by more than chance (5 %, corrected after Holm)")


def correlations_csv(rows: "Sequence[Row]") -> str:
    """One objective a row."""
    names = ["srocc", "plcc", "krocc", *(["accuracy"] if rows[0][1] is not None else [])]
    return _table(
        ["objective", "images", *(f"{name}{end}" for name in names for end in ("", "_low", "_high"))],
        [
            [row.objective, row.images, *(text for e in _estimates(row, accuracy) for text in _numbers(e))]
            for row, accuracy in rows
        ],
    )


def differences_csv(differences: "Sequence[MetricDifference]") -> str:
    """One pair of objectives a row."""
    return _table(
        ["better", "worse", "srocc_difference", "low", "high", "p", "p_holm"],
        [[d.better, d.worse, *_numbers(d.difference), f"{d.p:.6f}", f"{d.p_holm:.6f}"] for d in differences],
    )


def _estimates(row: "Correlation", accuracy: "Estimate | None") -> "list[Estimate]":
    return [row.srocc, row.plcc, row.krocc, *([] if accuracy is None else [accuracy])]


def _table(head: list[str], rows: "Sequence[Sequence[object]]") -> str:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return table.getvalue()


def _text(estimate: "Estimate") -> str:
    if estimate.value != estimate.value:
        return "-"
    if estimate.low != estimate.low:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f}..{estimate.high:.3f})"


def _numbers(estimate: "Estimate") -> list[str]:
    return ["" if v != v else f"{v:.6f}" for v in (estimate.value, estimate.low, estimate.high)]

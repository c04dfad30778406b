"""`isptune agree`: which objectives agree with a table of people's opinions."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isptune.commands.early import check_writable, require_files

if TYPE_CHECKING:
    import numpy as np

    from isptune.interfaces import Objective
    from isptune.scenes.picture_lists import NamedPicture
    from isptune.study.opinions.table import Opinions

SCORES = "scores.csv"
FEWEST = 4
"""Pictures below which a correlation says nothing."""


@click.command()
@click.option(
    "--scores", "table", metavar="TABLE", required=True, help="Pictures and what people said of them."
)
@click.option(
    "--images", "folder", metavar="DIR", required=True, help="Where the pictures lie, in it or below."
)
@click.option(
    "--objectives", "--objective", "specs", metavar="SPEC[,SPEC]", multiple=True, required=True,
    help="NAME or NAME:ARGUMENT, see `isptune list objectives`; commas or repeats.",
)  # fmt: skip
@click.option(
    "--preset", metavar="NAME", help="The table of koniq, spaq, kadid, tid2013, csiq, pipal or biq2021."
)
@click.option(
    "--file-column", metavar="NAME", help="What the table calls pictures. [file, image, image_name, ...]"
)
@click.option("--score-column", metavar="NAME", help="What it calls scores. [mos, score, dmos, ...]")
@click.option(
    "--lower-is-better/--higher-is-better",
    "lower",
    default=None,
    help="What its scores say. [lower in a column called dmos, else higher]",
)
@click.option(
    "--reference", metavar="FILE|FOLDER|CSV", help="As of `isptune score`. [the table's, where it has them]"
)
@click.option(
    "--draws",
    type=click.IntRange(0, 100_000),
    default=300,
    show_default=True,
    help="Resamples behind the intervals.",
)
@click.option("--out", metavar="DIR", help="Keep scores and figures there; the same command again goes on.")
@click.option("--device", metavar="NAME", default="cpu", show_default=True, help="cpu, cuda or auto.")
def agree(
    table: str,
    folder: str,
    specs: tuple[str, ...],
    preset: str | None,
    file_column: str | None,
    score_column: str | None,
    lower: bool | None,
    reference: str | None,
    draws: int,
    out: str | None,
    device: str,
) -> None:
    """Which objectives agree with these opinions of pictures?

    SROCC and KROCC compare ranks, PLCC the values after a rising logistic curve that was fitted to other pictures (none
    where there are fewer than 20), with 95 % intervals over pictures. Then those pairs of objectives whose SROCC
    differs by more than chance. With --out: scores.csv, correlation.csv, metric_differences.csv.

    \b
    Examples:
      isptune agree --scores mos.csv --images photos --objectives niqe,brisque-refit,scorenet
      isptune agree --preset kadid --scores dmos.csv --images images --objectives psnr,ssim,fsim --out kadid
    """
    require_files([table, reference])
    check_writable(out)
    from isptune.commands.correlations import (
        CORRELATION,
        METRIC_DIFFERENCES,
        correlations_csv,
        differences_csv,
        print_correlations,
    )
    from isptune.commands.study_correlate import split_specs
    from isptune.study.findings.correlation import correlations
    from isptune.study.opinions.table import read_opinions
    from isptune.system.disk import write_atomically

    opinions = read_opinions(Path(table), preset, _names(file_column), _names(score_column), lower)
    click.echo(f"{table}: {len(opinions.rows)} pictures; {opinions.told}", err=True)
    found, scale = _score_all(opinions, folder, split_specs(specs), reference, out, device)
    rows, differences = correlations({spec: [values] for spec, values in found.items()}, [scale], draws, 0)
    told = [(row, None) for row in sorted(rows, key=lambda row: -row.srocc.value)]
    print_correlations(told, differences)
    if not opinions.known and all(row.srocc.high < 0 for row in rows):
        click.echo(
            "warning: all objectives say the opposite: are lower scores better (--lower-is-better)?", err=True
        )
    if out is not None:
        write_atomically(Path(out) / CORRELATION, correlations_csv(told).encode())
        write_atomically(Path(out) / METRIC_DIFFERENCES, differences_csv(differences).encode())


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _score_all(
    opinions: "Opinions", folder: str, specs: list[str], reference: str | None, out: str | None, device: str
) -> "tuple[dict[str, np.ndarray], np.ndarray]":
    """What each objective says of each picture, higher being better, and what people say; NaN where it could not.

    Raises:
        ConfigError: too few of the pictures are there, or an objective could score too few of them.
    """
    import numpy as np

    from isptune.commands.score_table import in_file
    from isptune.commands.scoring import Scoring
    from isptune.errors import ConfigError
    from isptune.functions.own_files import objective_of
    from isptune.scenes.picture_lists import read_references
    from isptune.system.device import choose_device

    pictures, scale = _pictures(opinions, folder)
    built: dict[str, Objective] = {spec: objective_of(spec) for spec in specs}
    references = read_references(reference) if reference else None
    scoring = Scoring(built, references, choose_device(device))
    with ExitStack() as stack:
        kept = None
        if out is not None:
            Path(out).mkdir(parents=True, exist_ok=True)
            kept = stack.enter_context(in_file(Path(out) / SCORES, with_reference=True))
        scoring.all(pictures, kept)
    scored = dict(scoring.rows)
    found = {}
    for spec, objective in built.items():
        sign = 1.0 if objective.facts.direction == "maximize" else -1.0
        found[spec] = np.array([sign * scored.get(p.path, {}).get(spec, np.nan) for p in pictures])
        if np.isfinite(found[spec]).sum() < FEWEST:
            raise ConfigError(
                f"{spec} could score {int(np.isfinite(found[spec]).sum())} pictures; {FEWEST} are needed"
            )
    return found, scale


def _pictures(opinions: "Opinions", folder: str) -> "tuple[list[NamedPicture], np.ndarray]":
    """The pictures that are there, each with the reference that the table names, and what people say of them."""
    import numpy as np

    from isptune.errors import ConfigError
    from isptune.scenes.picture_lists import NamedPicture
    from isptune.study.opinions.table import PictureFolder
    from isptune.system.tables import listed

    inside = PictureFolder(Path(folder))
    found, scores, missing = [], [], []
    for row in opinions.rows:
        path = inside.find(row.name)
        if path is None:
            missing.append(row.name)
            continue
        own = inside.find(row.reference) if row.reference else None
        found.append(NamedPicture(str(path), str(own) if own else None))
        scores.append(row.score)
    if missing:
        click.echo(f"isptune: {len(missing)} pictures are not in {folder}: {listed(missing)}", err=True)
    if len(found) < FEWEST:
        raise ConfigError(f"{folder}: has {len(found)} of the table's pictures; at least {FEWEST} are needed")
    return found, np.array(scores, dtype=np.float64)

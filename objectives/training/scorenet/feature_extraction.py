"""Pictures to a `FeatureTable`, picture by picture; what was done before an interruption is kept."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from isptune.arrays import Images
from isptune.errors import ConfigError
from isptune.scenes.images import read_fitting, to_uint8
from objectives.checkpoints.reading import sha256_of
from objectives.encoders.interface import ImageTextEncoder
from objectives.no_reference.lightweight_metrics import LightweightMetrics
from objectives.training.pictures.look_alikes import SIDE, thumbnail
from objectives.training.scorenet.feature_table import FeatureTable, joined, read_table, write_table

SAVE_EVERY_S = 20.0
"""So much work is lost at most when an extraction is interrupted."""


def measure(
    images: Images, encoder: ImageTextEncoder, metrics: LightweightMetrics, files: Sequence[str]
) -> FeatureTable:
    """The rows of a batch of pictures of one size, without scores.

    Args:
        images: pictures.
        encoder: frozen.
        metrics: to be measured.
        files: a name for each picture.
    """
    count = len(images)
    thumbnails = [torch.from_numpy(thumbnail(pixels)).float() for pixels in to_uint8(images)]
    return FeatureTable(
        encoder=encoder.name,
        encoder_weights=dict(encoder.weights),
        metric_names=metrics.names,
        files=tuple(files),
        hashes=("",) * count,
        images=encoder.encode_images(images).cpu(),
        metrics=metrics.measure(images).cpu(),
        thumbnails=torch.stack(thumbnails) if thumbnails else torch.zeros(0, SIDE * SIDE),
        scores=torch.full((count,), torch.nan),
        groups=torch.full((count,), -1),
        distances=torch.full((count,), torch.nan),
    )


def extract(
    pictures: Sequence[tuple[str, Path]],
    encoder: ImageTextEncoder,
    metrics: LightweightMetrics,
    cache: Path,
    progress: Callable[[int, int], None] = lambda done, count: None,
) -> FeatureTable:
    """The rows of picture files, in their order, without scores.

    Rows of the cache are used for files with the same content; it is written every `SAVE_EVERY_S` seconds, at the
    end, and when anything goes wrong. A cache that was made with another encoder or other metrics is replaced.

    Args:
        pictures: name and path of each; of one that is too large the middle is taken, as `score` does.
        encoder: frozen.
        metrics: to be measured.
        cache: file, which need not exist.
        progress: told how many of how many are done.

    Raises:
        SceneError: a picture cannot be read; says which.
        ScoreError: a picture is too small for the encoder.
        ConfigError: the cache is no table of features.
    """
    kept = _kept(cache, encoder, metrics)
    known = {digest: row for row, digest in enumerate(kept.hashes) if digest} if kept is not None else {}
    tables = [] if kept is None else [kept]
    rows, total, new, saved = [], 0 if kept is None else len(kept), 0, time.monotonic()
    try:
        for done, (name, path) in enumerate(pictures, start=1):
            digest = _hash(path)
            if digest not in known:
                measured = measure(read_fitting(path).image, encoder, metrics, [name])
                tables.append(replace(measured, hashes=(digest,)))
                known[digest] = total
                total, new = total + 1, new + 1
            rows.append(known[digest])
            progress(done, len(pictures))
            if new and time.monotonic() - saved > SAVE_EVERY_S:
                tables, new = [joined(tables)], 0
                write_table(cache, tables[0])
                saved = time.monotonic()
    finally:
        if new:
            tables = [joined(tables)]
            write_table(cache, tables[0])
    names = tuple(name for name, _ in pictures)
    return replace(tables[0].take(rows), files=names)


def _kept(cache: Path, encoder: ImageTextEncoder, metrics: LightweightMetrics) -> FeatureTable | None:
    if not cache.exists():
        return None
    table = read_table(cache)
    same = dict(table.encoder_weights) == dict(encoder.weights) and table.metric_names == metrics.names
    return table if same else None


def _hash(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error

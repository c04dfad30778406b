"""Files of learned prompts: tensors of a `PromptLearner`, and in the metadata what they were learned for.

A safetensors file whose metadata has one entry, `scorenet`, a JSON object:

| key | holds |
|---|---|
| version | 1 |
| encoder | the spec of the image-text encoder |
| encoder_weights | its files with their sha256; another encoder is refused |
| head | align or clip |
| metrics, mean, deviation | names of the lightweight metrics, and what they are standardised by |
| design | expansion, use_metrics, use_image, metric_widths, image_widths, dropout |
| notes | what they were trained on, with figures; for people |
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, final

from isptune.errors import ConfigError, one_line
from isptune.system.records import Positive, convert, parse_json
from objectives.checkpoints.own_files import built, write_own
from objectives.checkpoints.reading import read_checkpoint
from objectives.encoders.interface import ImageTextEncoder
from objectives.no_reference.lightweight_metrics import LightweightMetrics, Standardisation
from objectives.scorenet.prompts import HEADS, Design, PromptLearner, embedding_width, word_places

VERSION = 1
ENTRY = "scorenet"


@final
@dataclass(frozen=True)
class LearnedFor:
    """What prompts were learned for; see the table above."""

    encoder: str
    encoder_weights: Mapping[str, str]
    head: str
    metrics: tuple[str, ...]
    standardisation: Standardisation
    design: Design
    notes: Mapping[str, Any] = field(default_factory=dict)


def write_prompts(path: Path, learner: PromptLearner, learned_for: LearnedFor) -> None:
    """Write a learner; what lay there is replaced only once the new file is complete."""
    described = {
        "version": VERSION,
        "encoder": learned_for.encoder,
        "encoder_weights": dict(learned_for.encoder_weights),
        "head": learned_for.head,
        "metrics": list(learned_for.metrics),
        "mean": list(learned_for.standardisation.mean),
        "deviation": list(learned_for.standardisation.deviation),
        "design": asdict(learned_for.design),
        "notes": dict(learned_for.notes),
    }
    write_own(path, learner.state_dict(), {ENTRY: json.dumps(described)})


def read_learned_for(path: Path) -> LearnedFor:
    """What a file's metadata says.

    Raises:
        ConfigError: no such file, no safetensors, or metadata of another form; says what is wrong.
    """
    from safetensors import SafetensorError, safe_open

    shown = one_line(str(path))
    if not path.is_file():
        raise ConfigError(f"{shown}: no such file of learned prompts")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(ENTRY)
    except (SafetensorError, OSError) as error:
        raise ConfigError(f"{shown}: cannot be read as safetensors: {one_line(str(error))}") from error
    if text is None:
        raise ConfigError(f"{shown}: holds no learned prompts: its metadata has no entry {ENTRY!r}")
    try:
        return _parsed(parse_json(text, ENTRY))
    except ConfigError as error:
        raise ConfigError(
            f"{shown}: its metadata is not that of learned prompts: {one_line(str(error))}"
        ) from error


def read_learner(path: Path, learned_for: LearnedFor, encoder: ImageTextEncoder) -> PromptLearner:
    """The learner in a file, frozen.

    Raises:
        ConfigError: it was trained on another encoder, or its tensors are not those of its design.
    """
    if sorted(learned_for.encoder_weights.values()) != sorted(encoder.weights.values()):
        trained, given = (
            ", ".join(f"{name} {digest[:12]}" for name, digest in sorted(weights.items())) or "no files"
            for weights in (learned_for.encoder_weights, encoder.weights)
        )
        shown = one_line(str(path))
        raise ConfigError(
            f"{shown}: its prompts were learned on {one_line(learned_for.encoder)} ({one_line(trained)}), "
            f"not on {encoder.name} ({given})"
        )
    base = encoder.embed_prompts(HEADS[learned_for.head].prompts)
    words, embedding = word_places(encoder, base), embedding_width(encoder, base)
    metrics, design = len(learned_for.metrics), learned_for.design
    return built(lambda: PromptLearner(base, words, embedding, metrics, design), read_checkpoint(path), path)


@dataclass(frozen=True)
class _Entry:
    """The JSON in the metadata; see the table above."""

    version: int
    encoder: str
    encoder_weights: Mapping[str, str]
    head: str
    metrics: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[Positive, ...]
    design: Design
    notes: Mapping[str, Any]


def _parsed(held: Any) -> LearnedFor:
    if isinstance(held, dict) and held.get("version") != VERSION:
        raise ConfigError(f"version {held.get('version')!r}; this program reads {VERSION}")
    entry = convert(held, _Entry, ENTRY, known_only=True)
    if set(held["design"]) != {part.name for part in fields(Design)}:
        needed = ", ".join(part.name for part in fields(Design))
        raise ConfigError(f"design has {', '.join(held['design']) or 'nothing'}; it needs {needed}")
    if entry.head not in HEADS:
        raise ConfigError(f"head {entry.head!r}; there are {', '.join(HEADS)}")
    LightweightMetrics(entry.metrics)  # refuses unknown ones
    if not len(entry.metrics) == len(entry.mean) == len(entry.deviation):
        raise ConfigError(
            f"{len(entry.metrics)} metrics, {len(entry.mean)} means and {len(entry.deviation)} deviations"
        )
    return LearnedFor(
        entry.encoder,
        entry.encoder_weights,
        entry.head,
        entry.metrics,
        Standardisation(entry.mean, entry.deviation),
        entry.design,
        entry.notes,
    )

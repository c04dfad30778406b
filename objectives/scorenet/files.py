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
from objectives.checkpoints.own_files import write_own
from objectives.checkpoints.reading import load_strictly, read_checkpoint
from objectives.encoders.interface import ImageTextEncoder
from objectives.no_reference.lightweight_metrics import LightweightMetrics, Standardisation
from objectives.scorenet.prompts import HEADS, Design, PromptLearner, scorenet_learner

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
        return _parsed(json.loads(text))
    except (ValueError, TypeError, RecursionError, ConfigError) as error:
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
    learner = scorenet_learner(encoder, HEADS[learned_for.head], len(learned_for.metrics), learned_for.design)
    load_strictly(learner, read_checkpoint(path), path)
    return learner.eval().requires_grad_(False)


def _parsed(held: Any) -> LearnedFor:
    if not isinstance(held, dict):
        raise ConfigError("it is no object")
    if held.get("version") != VERSION:
        raise ConfigError(f"version {held.get('version')!r}; this program reads {VERSION}")
    kinds = {"encoder": str, "encoder_weights": dict, "head": str, "metrics": list, "mean": list}
    kinds |= {"deviation": list, "design": dict, "notes": dict}
    faults = [f"{key} is missing" for key in kinds if key not in held]
    faults += [
        f"{key} is no {kind.__name__}"
        for key, kind in kinds.items()
        if not isinstance(held.get(key, kind()), kind)
    ]
    faults += [f"{key!s} is unknown" for key in held if key not in kinds and key != "version"]
    if faults:
        raise ConfigError("; ".join(faults))
    if held["head"] not in HEADS:
        raise ConfigError(f"head {held['head']!r}; there are {', '.join(HEADS)}")
    if not all(isinstance(digest, str) for digest in held["encoder_weights"].values()):
        raise ConfigError("encoder_weights are no hashes")
    names, mean, deviation = held["metrics"], _numbers(held, "mean"), _numbers(held, "deviation")
    LightweightMetrics(names)  # refuses unknown ones
    if not len(names) == len(mean) == len(deviation) or not all(value > 0 for value in deviation):
        raise ConfigError(f"{len(names)} metrics, {len(mean)} means and {len(deviation)} deviations above 0")
    return LearnedFor(
        held["encoder"],
        held["encoder_weights"],
        held["head"],
        tuple(names),
        Standardisation(mean, deviation),
        _design(held["design"]),
        held["notes"],
    )


def _numbers(held: dict[str, Any], key: str) -> tuple[float, ...]:
    if not all(isinstance(value, int | float) and abs(value) < 1e9 for value in held[key]):
        raise ConfigError(f"{key} holds more than numbers")
    return tuple(float(value) for value in held[key])


def _design(held: dict[str, Any]) -> Design:
    kinds = {
        "expansion": str,
        "use_metrics": bool,
        "use_image": bool,
        "metric_widths": list,
        "image_widths": list,
    }
    kinds |= {"dropout": int | float}
    if set(held) != {field.name for field in fields(Design)}:
        raise ConfigError(f"design has {', '.join(map(str, held))}; it needs {', '.join(kinds)}")
    wrong = [key for key, kind in kinds.items() if not isinstance(held[key], kind)]
    wrong += [
        key for key in ("metric_widths", "image_widths") if not all(type(width) is int for width in held[key])
    ]
    if wrong:
        raise ConfigError(f"design: {', '.join(wrong)} of another kind")
    widths = {key: tuple(held[key]) for key in ("metric_widths", "image_widths")}
    return Design(**{**held, **widths})

"""A diagnosis in words, and as data: what is wrong, how much, how sure, and where."""

from typing import Any

import numpy as np
from jaxtyping import Float

from isptune.diagnosis.finding import LOCAL, Diagnosis, Finding

DEGREES = {1: "slightly", 2: "noticeably", 3: "clearly", 4: "strongly", 5: "severely"}
"""By severity."""

PREDICATES = {
    "blur": "is {} blurred",
    "brighten": "is {} too bright",
    "compression": "is {} spoilt by compression",
    "contrast_strengthen": "has {} too much contrast",
    "contrast_weaken": "has {} too little contrast",
    "darken": "is {} too dark",
    "noise": "is {} noisy",
    "oversharpen": "is {} oversharpened",
    "pixelate": "is {} pixelated",
    "quantization": "is {} short of tones (banding)",
    "saturate_strengthen": "has {} too strong colours",
    "saturate_weaken": "has {} too pale colours",
}
"""What a category says of a picture."""

SPREAD = 0.2
"""By how much the worst parts of a heat map must exceed its median to be worth naming."""


BAD = 0.5
"""From this value on a part of a heat map looks bad by itself."""


def in_words(diagnosis: Diagnosis) -> str:
    """One sentence: what is wrong with the picture, how much, how sure the judge is, and where it is worst."""
    if not diagnosis.findings:
        bad = _bad_parts(diagnosis.heat_map)
        whole = " as a whole" if bad else ""
        return f"Nothing is found wrong with the picture{whole} ({_percent(diagnosis.confidence)} sure){bad}."
    said = " and ".join(_said(finding) for finding in diagnosis.findings)
    place = None
    if diagnosis.heat_map is not None and any(f.category in LOCAL for f in diagnosis.findings):
        place = worst_place(diagnosis.heat_map)
    return f"The picture {said}{', most of all ' + place if place else ''}."


def _bad_parts(heat_map: Float[np.ndarray, "rows columns"] | None) -> str:
    """What is said of parts that look bad by themselves, in a picture that does not; nothing where none does."""
    if heat_map is None or not heat_map.size or float(heat_map.max()) < BAD:
        return ""
    place = worst_place(heat_map)
    share = _percent(float((heat_map >= BAD).mean()))
    where = f", most of all {place}" if place else ""
    return f", but parts of it look bad by themselves: {share} of it, up to {float(heat_map.max()):.1f} of 1{where}"


def as_dict(diagnosis: Diagnosis) -> dict[str, Any]:
    """The same as JSON: findings, confidence, text, source, and the heat map's rows."""
    heat_map = diagnosis.heat_map
    return {
        "text": in_words(diagnosis),
        "findings": [
            {
                "category": finding.category,
                "severity": finding.severity,
                "confidence": round(finding.confidence, 4),
            }
            for finding in diagnosis.findings
        ],
        "confidence": round(diagnosis.confidence, 4),
        "source": diagnosis.source,
        "heat_map": None if heat_map is None else [[round(float(x), 4) for x in row] for row in heat_map],
    }


def worst_place(heat_map: Float[np.ndarray, "rows columns"]) -> str | None:
    """Where the worst parts lie, in thirds of the picture; None where no part stands out, or they lie all over."""
    rows, columns = heat_map.shape
    limit = float(np.median(heat_map)) + SPREAD
    worst = np.argwhere(heat_map >= max(limit, float(heat_map.max()) - SPREAD / 2))
    if rows < 2 or columns < 2 or not len(worst) or len(worst) > heat_map.size / 3:
        return None
    places = (worst + 0.5) / (rows, columns)
    if (places.std(0) > 0.25).any():
        return None
    down, across = (int(min(2, 3 * x)) for x in places.mean(0))
    if down == across == 1:
        return "in the middle"
    vertical, horizontal = ("top", "", "bottom")[down], ("left", "", "right")[across]
    return f"at the {vertical} {horizontal}".replace("  ", " ").strip()


def _said(finding: Finding) -> str:
    degree = DEGREES.get(finding.severity or 0, "")
    said = " ".join(PREDICATES[finding.category].format(degree).split())
    return f"{said} ({_percent(finding.confidence)} sure)"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"

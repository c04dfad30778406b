"""Pearson's correlation after a curve from scores to a scale, such that the fit itself adds nothing to it.

A curve that is fitted to the pictures it is judged on finds a correlation in noise, the more the fewer they are; one
whose sign is free makes a metric that is exactly wrong a perfect one. So here

* higher scores are better, and the curve always rises: it may bend a metric's unit, not turn it round, so that the
  correlation of a metric that is wrong is negative;
* only what Pearson's correlation does not take out by itself is fitted, the middle of the logistic and its width;
* below `FEWEST_FOR_A_CURVE` pictures there is no curve;
* every picture is put through a curve that was fitted without it, in `FOLDS` parts.

The field's usual figure is that of a logistic with four free parameters fitted to all pictures (VQEG 2000, Final report
from the Video Quality Experts Group on the validation of objective models of video quality assessment, phase I); with
hundreds of pictures the two hardly differ.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float64

from isptune.study.scale.estimates import Values, pearson

FEWEST_FOR_A_CURVE = 20
FOLDS = 5

_MIDDLES = np.linspace(-2.0, 2.0, 17)
_WIDTHS = np.geomspace(0.1, 3.0, 9)
"""Of the curves that are tried, in standard deviations of the scores; the straight line is one more."""


def plcc(scores: Values, scale: Values) -> float:
    """Pearson's correlation of a scale with scores, of which higher ones are better, after a rising curve.

    Scores that are turned round have the same correlation with the other sign; scores that are all equal have 0.
    """
    return pearson(bent(scores, scale), scale)


def bent(scores: Values, scale: Values) -> Values:
    """The scores after rising curves from them to the scale, each fitted without the pictures it is used for.

    Their unit and zero mean nothing. Few scores, and those that are all equal, stay as they are.
    """
    if len(scores) < FEWEST_FOR_A_CURVE or not np.ptp(scores) > 0:
        return scores
    part = np.argsort(np.argsort(scores, kind="stable")) % FOLDS  # so that each reaches over all scores
    candidates = _curves((scores - scores.mean()) / scores.std())
    found = np.empty(len(scores))
    for number in range(FOLDS):
        others = part != number
        best = candidates[_best(candidates[:, others], scale[others])]
        found[~others] = (best[~others] - best[others].mean()) / (best[others].std() or 1.0)
    return found


def _curves(standardised: Values) -> Float64[np.ndarray, "curves images"]:
    """The line, and every logistic, at the scores."""
    from scipy.special import expit

    middles, widths = _grid()
    return np.concatenate([standardised[None], expit((standardised - middles[:, None]) / widths[:, None])])


@lru_cache(maxsize=1)
def _grid() -> tuple[np.ndarray, np.ndarray]:
    middles, widths = np.meshgrid(_MIDDLES, _WIDTHS)
    return middles.ravel(), widths.ravel()


def _best(curves: Float64[np.ndarray, "curves images"], scale: Values) -> int:
    """The one that leaves the least squares to the best line through it; the plain line where none is better."""
    centred = curves - curves.mean(1, keepdims=True)
    spread = (centred**2).sum(1)
    explained = np.divide(
        (centred @ (scale - scale.mean())) ** 2, spread, out=np.zeros(len(curves)), where=spread > 1e-12
    )
    return int(explained.argmax())

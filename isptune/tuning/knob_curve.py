"""One smooth curve of a knob over the logarithm of ISO, as smooth as the ISOs that were left out say.

What a search finds at each ISO is the best value and luck: where a score hardly depends on a knob, its value there is
mostly luck. Neighbours that are compared one by one keep all of it. So each knob gets one curve over all ISOs, a
Whittaker smoother: the values z that make sum (z - y)^2 + weight * (roughness of z) least, where roughness is the
integral of the squared first derivative (a large weight makes one value for all ISOs) or of the second (a straight line
over stops). Which of them, and the weight, is chosen by leaving one ISO out: the one whose curve through the others
comes closest to it.

*Why on knobs and not on scores.* A score would have to be rendered anew for each knob, weight and ISO that is left out,
some thousands of pictures, and for all knobs together it would choose one smoothness: too much for those with a clear
course, too little for those that are luck. A knob that the score depends on is found well at each ISO, so that the
others predict it where its course is smooth and little is smoothed away; one that the score does not depend on cannot
be predicted, and becomes flat. What the whole table costs in score is measured afterwards, on the scenes of each ISO.

*Why not `scipy.interpolate.make_smoothing_spline`.* It needs five points where three ISOs are usual, and keeps no
direction. Here the values are the unknowns, and a direction is a bound on their steps; `scipy.optimize.lsq_linear`
keeps exactly; without roughness it is isotonic regression. Between the ISOs the curve is monotone where its values are:
`scipy.interpolate.PchipInterpolator`.

Source: P. H. C. Eilers (2003), A perfect smoother, Anal. Chem. 75(14), doi:10.1021/ac034173t (weights of 0 for what is
left out, cross-validation); F. N. Fritsch and R. E. Carlson (1980), Monotone piecewise cubic interpolation,
doi:10.1137/0717021.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.interpolate import PchipInterpolator
from scipy.optimize import lsq_linear

FEWEST = 3
"""Of two ISOs none can be left out: their values stay, unless they break the direction."""

_WEIGHTS = (1e8, *(10.0**exponent for exponent in range(3, -5, -1)))
"""From what is a constant or a line to what goes through all points, where a step between ISOs is one."""

Values = Float[np.ndarray, " iso"]


@dataclass(frozen=True)
class Smoothness:
    """How smooth a curve is: the derivative whose square is weighted, 1 or 2, and the weight."""

    derivative: int
    weight: float


SMOOTHEST_FIRST = tuple(Smoothness(derivative, weight) for weight in _WEIGHTS for derivative in (1, 2))


@dataclass(frozen=True, eq=False)
class KnobCurve:
    """A fitted curve.

    Attributes:
        places: logarithms of ISO, rising.
        values: of the curve there, [0, 1].
        smoothness: that was chosen; None where there was nothing to choose.
    """

    places: Values
    values: Values
    smoothness: Smoothness | None

    def at(self, place: float) -> float:
        """Between its places; outside, the value at the end."""
        if len(self.places) == 1:
            return float(self.values[0])
        inside = np.clip(place, self.places[0], self.places[-1])
        return float(PchipInterpolator(self.places, self.values)(inside))


def fit_curve(
    places: Sequence[float] | Values, values: Sequence[float] | Values, direction: int = 0
) -> KnobCurve:
    """The curve of one knob.

    Args:
        places: logarithms of ISO, rising, one or more.
        values: what was found there, [0, 1].
        direction: 1: it never falls, -1: it never rises, 0: it may do both.
    """
    x, y = np.array(places, dtype=np.float64), np.array(values, dtype=np.float64)
    if np.ptp(y) == 0:
        return KnobCurve(x, y, None)
    if len(x) < FEWEST:
        kept = direction * np.diff(y) >= 0
        return KnobCurve(x, y if kept.all() else np.full(len(x), y.mean()), None)
    chosen = min(SMOOTHEST_FIRST, key=lambda one: round(_left_out_error(x, y, direction, one), 12))
    return KnobCurve(x, _smoothed(x, y, np.ones(len(x)), direction, chosen), chosen)


def _left_out_error(x: Values, y: Values, direction: int, smoothness: Smoothness) -> float:
    """The mean square of how far the curve through the others is from an ISO that is left out."""
    weights = 1.0 - np.eye(len(x))
    return float(
        np.mean([(_smoothed(x, y, weights[i], direction, smoothness)[i] - y[i]) ** 2 for i in range(len(x))])
    )


def _smoothed(x: Values, y: Values, weights: Values, direction: int, smoothness: Smoothness) -> Values:
    """The values with the least sum of squares, in [0, 1]; by their first and their steps, whose signs are bounded."""
    count = len(x)
    from_steps = np.tril(np.ones((count, count)))
    rough = np.sqrt(smoothness.weight) * _derivative(x, smoothness.derivative)
    rows = np.vstack([weights[:, None] * np.eye(count), rough]) @ from_steps
    aims = np.concatenate([weights * y, np.zeros(len(rough))])
    low, high = np.full(count, -np.inf), np.full(count, np.inf)
    if direction > 0:
        low[1:] = 0.0
    if direction < 0:
        high[1:] = 0.0
    if not direction:
        steps = np.linalg.lstsq(rows, aims, rcond=None)[0]
    else:
        steps = lsq_linear(rows, aims, (low, high), method="bvls").x
    return np.clip(from_steps @ steps, 0.0, 1.0)


def _derivative(x: Values, order: int) -> Float[np.ndarray, "row iso"]:
    """Rows whose squares add to the integral of the squared derivative; the mean step of x counts as 1."""
    step = np.diff(x) / np.mean(np.diff(x))
    first = np.diff(np.eye(len(x)), axis=0) / step[:, None]
    if order == 1:
        return first * np.sqrt(step)[:, None]
    between = (step[1:] + step[:-1]) / 2
    return np.diff(first, axis=0) / np.sqrt(between)[:, None]

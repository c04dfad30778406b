"""The plot of photon transfer curves: noise over light, one colour an ISO."""

from collections.abc import Sequence

import numpy as np

from isptune.report.figures import CYCLE, in_our_style, log_scale, panels, to_png
from objectives.charts.photon_transfer import Transfer


@in_our_style
def transfer_plot(transfers: Sequence[Transfer]) -> bytes:
    """Standard deviations as measured (points) and by the model (lines), as PNG."""
    figure, (axes,) = panels(1, 1, 4.6, 7.2)
    for number, one in enumerate(transfers):
        colour = CYCLE[number % len(CYCLE)]
        shown = one.means > 1e-4
        axes.plot(one.means[shown], np.sqrt(one.variances[shown]), ".", color=colour, markersize=5)
        light = np.geomspace(max(1e-4, min(1e-2, abs(float(one.means.min())) + 1e-4)), 1, 100)
        model = np.sqrt(one.noise.shot * light + one.noise.model.read)
        axes.plot(light, model, "-", color=colour, linewidth=1, label=f"ISO {one.iso:g}")
    axes.set_title("Photon transfer")
    axes.set_xlabel("light, share of the range from black to white")
    axes.set_ylabel("standard deviation of the noise")
    log_scale(axes, "x")
    log_scale(axes, "y")
    axes.legend()
    return to_png(figure)

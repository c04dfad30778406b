"""How our plots look, and how they become bytes: no state of pyplot, no dates, the same data the same bytes."""

import functools
import io
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

# M. Okabe and K. Ito (2002), Color Universal Design: told apart with any common colour blindness.
BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#56B4E9",
    "#CC79A7",
)
INK, GREY, FAINT = "#22262b", "#6b7280", "#d7dbe0"
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, GREY)

DEFAULT_LINE = {"color": INK, "linestyle": (0, (4, 3)), "linewidth": 1.0, "zorder": 1.5}
RECOMMENDED_LINE = {"color": VERMILLION, "linestyle": "-", "linewidth": 1.2, "zorder": 1.5}

WIDTH_IN, DPI = 10.4, 150
FITTED = 15
"""Up to this many panels are fitted to their labels; more stand in a fixed grid, which takes a fraction of the time."""

STYLE = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": GREY,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.limits": (-4, 5),
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "text.parse_math": False,  # names come from outside: a dollar sign in one is no formula
}


def in_our_style(draw: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that draws: whatever a user's matplotlibrc says, our plots look the same."""

    @functools.wraps(draw)
    def styled(*positional: P.args, **options: P.kwargs) -> R:
        from matplotlib import rc_context, rcParamsDefault

        defaults = {key: rcParamsDefault[key] for key in rcParamsDefault if not key.startswith(_SETUP)}
        settings: Any = {**defaults, **STYLE}
        with rc_context(settings):
            return draw(*positional, **options)

    return styled


# The backend and the paths are none of our business.
_SETUP = ("backend", "interactive", "toolbar", "datapath", "webagg", "tk", "keymap", "date", "animation", "_")


def panels(
    count: int, columns: int, height_in: float, width_in: float = WIDTH_IN
) -> tuple["Figure", list["Axes"]]:
    """A figure with a grid of panels, row after row; the places that are left over stay empty."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(columns, count)
    rows = math.ceil(count / columns)
    height_in *= rows
    figure = Figure(figsize=(width_in, height_in), layout="constrained" if count <= FITTED else None)
    FigureCanvasAgg(figure)
    if count > FITTED:
        edges = {
            "left": 0.55 / width_in,
            "right": 0.99,
            "bottom": 0.75 / height_in,
            "top": 1 - 0.3 / height_in,
        }
        figure.subplots_adjust(**edges, hspace=0.65, wspace=0.28)
    return figure, [figure.add_subplot(rows, columns, number + 1) for number in range(count)]


def to_png(figure: "Figure") -> bytes:
    """The figure as PNG, without what would differ from one day or version to the next."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def legend_below(figure: "Figure", axes: "Axes", columns: int = 6) -> None:
    """One legend for all panels, from the entries of one of them."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        place = "outside lower center" if figure.get_layout_engine() else "lower center"
        figure.legend(handles, labels, loc=place, ncols=min(columns, len(handles)))


def log_scale(axes: "Axes", which: Literal["x", "y"] = "y") -> None:
    """Make an axis logarithmic, once all is drawn on it.

    Its numbers are plain: names are never read as formulas, so exponents cannot be either.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set(**{f"{which}scale": "log"})
    axis = axes.yaxis if which == "y" else axes.xaxis
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 30 * low else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())

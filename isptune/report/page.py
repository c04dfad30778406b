"""From a template to one self-contained page: everything is escaped, pictures are inside, nothing is fetched."""

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.report import digits
from isptune.report.figures import DPI, WIDTH_IN
from isptune.report.scripts import PLOT_STYLE, PLOTS, STYLE, VIEWER, VIEWER_STYLE, csp_hash, script, style

if TYPE_CHECKING:
    from jinja2 import Environment

PAGE_PX = 1040
"""The width of the widest plot on the page."""

TEMPLATES = Path(__file__).parent / "templates"


def render(
    template: str,
    pictures: Sequence[Any] = (),
    curves: Mapping[str, Any] | None = None,
    **context: Any,
) -> bytes:
    """Fill in a template of `templates/`. The same context gives the same bytes.

    Args:
        pictures: those that the page's viewer shows.
        curves: of plots that answer to the mouse, by section. A page without any of both has no script.
    """
    scripts = (*(VIEWER if pictures else ()), *(PLOTS if curves else ()))
    sheets = (STYLE, *(VIEWER_STYLE if pictures else ()), *(PLOT_STYLE if curves else ()))
    inside = {"script": script(scripts) if scripts else "", "style": style(sheets)}
    return (
        _environment()
        .get_template(template)
        .render(pictures=pictures, curves=curves, **inside, **context)
        .encode()
    )


def data_uri(png: bytes) -> str:
    """A PNG as an address that holds the picture itself."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def shown_width(png: bytes) -> int:
    """How wide a plot stands on the page, CSS pixels: all plots in one scale, so that their letters match."""
    return round(int.from_bytes(png[16:20], "big") * PAGE_PX / (WIDTH_IN * DPI))


def _typeset(write: Callable[[Any], str]) -> Callable[[Any], str]:
    """Numbers with a real minus sign; text, such as a choice's option, as it is."""

    def typeset(value: Any) -> str:
        text = write(value)
        if text == digits.UNKNOWN:
            return "–"
        return text if isinstance(value, str) else text.replace("-", "−")

    return typeset


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,  # scene names and error messages come from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": _typeset(digits.number),
        "mean_of": _typeset(digits.mean_of),
        "limits_of": _typeset(digits.limits_of),
        "over": digits.over,
        "percent": _typeset(digits.percent),
        "csp_hash": csp_hash,
        "data_uri": data_uri,
        "shown_width": shown_width,
    }
    return environment

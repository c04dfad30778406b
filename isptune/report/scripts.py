"""Scripts and styles that stand inside a page: several modules as one, and the hash by which the page allows it.

A page is one file that may be opened without a server, where modules cannot be fetched: so what they import of each
other is put before them. Their names must not collide.
"""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(const|class|function|async))", re.MULTILINE)

_SITE, _OWN = "isptune.study.site/page", "isptune.report/templates"

VIEWER = (f"{_SITE}/viewer.js", f"{_SITE}/looking.js", f"{_OWN}/cuts.js")
"""Of a page on which pictures are looked at."""

PLOTS = (f"{_OWN}/plot.js", f"{_OWN}/scatter.js", f"{_OWN}/bars.js", f"{_OWN}/curves.js")
"""Of a page whose plots answer to the mouse."""

STYLE, VIEWER_STYLE = f"{_OWN}/style.css", (f"{_SITE}/viewer.css", f"{_OWN}/cuts.css")
PLOT_STYLE = (f"{_OWN}/plot.css",)


@cache
def script(modules: tuple[str, ...]) -> str:
    """Modules as one, each `PACKAGE/FOLDER/FILE`; what they need first."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", _text(module))).strip() for module in modules) + "\n"


@cache
def style(sheets: tuple[str, ...]) -> str:
    """Style sheets as one."""
    return "\n".join(_text(sheet).strip() for sheet in sheets) + "\n"


def csp_hash(text: str) -> str:
    """How a content policy names a script or a style that may stand in a page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _text(module: str) -> str:
    package, *path = module.split("/")
    return files(package).joinpath(*path).read_text(encoding="utf-8")

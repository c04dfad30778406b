"""The files of the pages, read from the package once; only what is listed here can be asked for."""

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from isptune.study.site.languages import translated

_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
ASSETS = (
    "observer.css",
    "observer.js",
    "viewer.css",
    "viewer.js",
    "looking.js",
    "pictures.js",
    "cards.js",
    "api.js",
    "words.js",
    "viewing.js",
    "viewing.css",
    "owner.css",
    "owner.js",
    "scale.js",
    "icon.svg",
)


@cache
def page(name: str, status: int = 200) -> Response:
    """A file of the folder page/ as a response; `name` comes from this program, never from a request."""
    content = files("isptune.study.site").joinpath("page", name).read_bytes()
    kind = _TYPES[name[name.rindex(".") :]]
    return Response(content, status_code=status, headers={"content-type": f"{kind}; charset=utf-8"})


def page_for(request: Request, name: str, status: int = 200) -> Response:
    """A page in the language of whoever asks for it."""
    text = translated("isptune.study.site", name, request.headers.get("accept-language", ""))
    return Response(text, status_code=status, headers={"content-type": "text/html; charset=utf-8"})


async def without_slash(request: Request) -> Response:
    """To the same link without the slash at its end; where the server is, the browser knows better than the request."""
    return RedirectResponse(f"../{request.path_params['token']}")


async def asset(request: Request) -> Response:
    name = request.path_params["name"]
    return page(name) if name in ASSETS else await nothing_here(request)


async def nothing_here(request: Request, _: Exception | None = None) -> Response:
    """For every other address; a browser gets a page that says what is needed, a program one line."""
    if "text/html" in request.headers.get("accept", ""):
        return page_for(request, "unknown.html", 404)
    return PlainTextResponse("nothing is here\n", 404)


ROUTES = [Route("/page/{name}", asset)]

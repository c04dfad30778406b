"""What a page sends of the screen and the room, as a record; studies and ratings take the same."""

from typing import Any

from isptune.errors import ConfigError
from isptune.study.site.guard import BadRequest
from isptune.study.votes.viewing import Viewing
from isptune.system.records import convert

_KEYS = {"dark", "light", "plates"}


def viewing_of(body: dict[str, Any], observer: int) -> Viewing:
    """The body of a request: `{"skipped": true}`, or `dark`, `light` and `plates`. Raises BadRequest."""
    if body == {"skipped": True}:
        return Viewing(observer)
    if set(body) != _KEYS or body["dark"] is None or body["light"] is None:
        raise BadRequest(400, "the body must hold dark, light and plates, or skipped = true")
    try:
        return convert({**body, "observer": observer}, Viewing, "the body", ConfigError, known_only=True)
    except ConfigError as error:
        raise BadRequest(400, str(error)) from error

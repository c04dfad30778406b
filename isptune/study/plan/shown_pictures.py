"""The pictures as an observer gets them: under names that mean nothing, with nothing written in the file."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Literal, final

from isptune.errors import ConfigError, StudyError
from isptune.study.plan.folder import Study, checked_name, stimulus_file
from isptune.study.votes.votes import AskedPair

Side = Literal["left", "right", "reference"]
SIDES: tuple[Side, ...] = ("left", "right", "reference")

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"sRGB", b"gAMA", b"cHRM", b"iCCP", b"cICP", b"sBIT"}


@final
class ShownPictures:
    """Names the pictures of the pairs that an observer is asked.

    A name depends on the observer, the pair and the side alone, never on the picture, and on a secret of this
    process: it cannot be made elsewhere, and tells nothing.
    """

    def __init__(self, study: Study):
        self._study = study
        self._references = {
            scene: path for scene in study.scenes if (path := study.reference(scene)) is not None
        }
        self._secret = secrets.token_bytes(32)
        missing = [s for s in study.stimuli if not s.file or not (study.folder / s.file).is_file()]
        if missing:
            raise StudyError(
                f"{study.folder}: {len(missing)} of {len(study.stimuli)} pictures are not there, the first one is"
                f" {missing[0].scene}/{missing[0].condition}; a study of imported votes cannot be served"
            )

    def named(self, observer: int, asked: AskedPair) -> dict[Side, str | None]:
        """The names of a pair's pictures; None where there is no reference."""
        names: dict[Side, str | None] = {side: self._name(observer, asked.number, side) for side in SIDES}
        if asked.pair.scene not in self._references:
            names["reference"] = None
        return names

    def find(self, observer: int, pairs: list[AskedPair], name: str) -> Path | None:
        """The file that this name means to this observer among these pairs; None if it means nothing."""
        for asked in pairs:
            for side, known in self.named(observer, asked).items():
                if known is not None and hmac.compare_digest(known.encode(), name.encode()):
                    return self._file(asked, side)
        return None

    def _file(self, asked: AskedPair, side: Side) -> Path:
        if side == "reference":
            return self._references[asked.pair.scene]
        condition = asked.pair.first if side == "left" else asked.pair.second
        try:  # a name that somebody put into the file of answers may lead anywhere
            names = checked_name(asked.pair.scene, "scene"), checked_name(condition, "condition")
        except ConfigError as error:
            raise StudyError("this pair is of a picture that the study does not have") from error
        return self._study.inside(self._study.folder / stimulus_file(*names))

    def _name(self, observer: int, number: int, side: Side) -> str:
        digest = hmac.digest(self._secret, f"{observer}/{number}/{side}".encode(), hashlib.sha256)
        return urlsafe_b64encode(digest[:18]).decode()


def without_notes(path: Path) -> bytes:
    """A PNG file's picture and colour space; comments, dates, EXIF and whatever else names it are left out.

    Raises:
        StudyError: the file cannot be read, or is no PNG file.
    """
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise StudyError(f"a picture cannot be read: {error.strerror or error}") from error
    if data[:8] != _SIGNATURE:
        raise StudyError("a picture is no PNG file")
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = bytes(data[at + 4 : at + 8])
        if kind in _KEPT:
            kept.append(data[at:end])
        if kind == b"IEND":
            break
        at = end
    return b"".join(kept)

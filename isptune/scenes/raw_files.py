"""Raw files on disk as captures: what LibRaw reads, samples without a header, and mosaics in grey pictures."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isptune.scenes.camera_profile import CameraProfile, beyond
from isptune.scenes.doubtful_tags import doubts
from isptune.scenes.headerless import LAYOUT_OPTIONS, read_headerless
from isptune.scenes.mosaic_pictures import is_mosaic_picture, read_mosaic_picture
from isptune.scenes.raw_by_libraw import read_by_libraw
from isptune.scenes.raw_capture import RawCapture
from isptune.scenes.raw_frame import binned, to_capture
from isptune.scenes.raw_tags import QUAD, TAG_OPTIONS, Tags, parse_tags

SUFFIXES = frozenset(
    (
        ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".gpr", ".iiq", ".k25", ".kdc", ".mef", ".mos",
        ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
    )
)  # fmt: skip
"""What raw files are called. A file with another name is read as a picture."""

FILE_OPTIONS = {**TAG_OPTIONS, **LAYOUT_OPTIONS}
"""What can be said of a raw file, and what each key takes."""


def is_raw(path: str | os.PathLike[str]) -> bool:
    """Whether a file is called like a raw file."""
    return Path(path).suffix.lower() in SUFFIXES


def looks_like_raw(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as most raw files do, whatever it is called: as a TIFF, RAF, ORF, RW2 or CR3."""
    try:
        with open(path, "rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith((b"II*\0", b"MM\0*", b"FUJIFILM", b"IIRO", b"IIU\0")) or head[4:] == b"ftypcrx "


def read_raw(
    path: str | os.PathLike[str], options: Mapping[str, str] | None = None
) -> tuple[RawCapture, dict[str, Any]]:
    """Read a raw file, turned upright, from its first red sample on.

    Args:
        path: the file.
        options: what is said of it in place of its own tags, keys and values as in a spec; see FILE_OPTIONS.

    Returns:
        The capture (baseline_ev 0), and what else is known: file, path, frame (width and height of the upright frame),
        origin (where in it the first sample lies: x, y), orientation, white_balance (where it comes from), iso,
        warnings (what is odd in the tags, a line each); and `whole`, the frame where a raw developer that gets the file
        itself makes a picture of what stands here.

    Raises:
        SceneError: the file is missing, empty, damaged or no raw file, its sensor is of a kind that cannot be used, or
            an option cannot be.
    """
    path, options = Path(path), options or {}
    tags = parse_tags(options)
    whole = None
    layout = {key: value for key, value in options.items() if key in LAYOUT_OPTIONS}
    if layout:
        frame = read_headerless(path, layout, tags)
    elif is_mosaic_picture(path):
        frame = read_mosaic_picture(path, tags)
    else:
        frame = read_by_libraw(path, tags)
        if not options and not frame.cfa.startswith(QUAD):
            whole = frame.upright_size
    bayer = binned(frame)
    capture, origin = to_capture(bayer)
    facts: dict[str, Any] = {
        "file": path.name,
        "path": str(path.resolve()),
        "frame": bayer.upright_size,
        "origin": origin,
        "orientation": frame.orientation,
        "white_balance": frame.white_balance_from,
        "warnings": (*doubts(frame, tags), *_beyond_profile(tags, frame.iso)),
    }
    if frame.iso is not None:
        facts["iso"] = frame.iso
    if whole is not None:
        facts["whole"] = whole
    return capture, facts


def _beyond_profile(tags: Tags, iso: float | None) -> list[str]:
    """A line where the noise of a profile was extrapolated."""
    if not isinstance(tags.noise, CameraProfile) or iso is None:
        return []
    return beyond(tags.noise.noise, iso, "the profile of noise=")

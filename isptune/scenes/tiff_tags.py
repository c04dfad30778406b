"""Tags by name of files that are built as TIFFs, as most raw files are (DNG, NEF, CR2, ARW, PEF)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isptune.system.quiet import silenced


def tiff_tags(path: Path) -> Mapping[str, Any] | None:
    """The tags of a file's first directory and of its Exif directory, by name; None where it has none to read."""
    import tifffile

    try:
        with silenced("tifffile"), tifffile.TiffFile(path) as file:
            own = {tag.name: tag.value for tag in file.pages.first.tags.values()}
    except Exception:  # no TIFF, or one that is damaged, or makers' tags that are: whatever its reader raises
        return None
    exif = own.get("ExifTag")
    return {**own, **(exif if isinstance(exif, Mapping) else {})}

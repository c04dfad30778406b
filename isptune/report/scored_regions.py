"""Which regions of its large scenes a run scored: boxes on a small picture, and what each was chosen for."""

import io
from dataclasses import dataclass
from pathlib import Path

from isptune.report.pictures import FRAME, read_saved
from isptune.runs.facts import RegionRecord, SceneRecord
from isptune.runs.files import image_path

OVERVIEW_PX = 480


@dataclass(frozen=True)
class ScoredRegions:
    """Of one scene.

    Attributes:
        scene: with its regions.
        overview: PNG of the picture with a box and its number for each region; None where no picture is there yet.
        share: of all pixels.
    """

    scene: SceneRecord
    overview: bytes | None
    share: float


def scored_regions(folder: Path, scenes: tuple[SceneRecord, ...]) -> list[ScoredRegions]:
    """The scenes that were looked at through regions. Raises RunFolderError for a picture that cannot be read."""
    return [
        ScoredRegions(scene, _overview(folder, scene), _share(scene)) for scene in scenes if scene.regions
    ]


def _share(scene: SceneRecord) -> float:
    return sum(one.width * one.height for one in scene.regions) / (scene.width * scene.height)


def _overview(folder: Path, scene: SceneRecord) -> bytes | None:
    from PIL import Image, ImageDraw

    paths = [image_path(folder, scene.name, kind) for kind in ("recommended", "default")]
    path = next((one for one in paths if one.exists()), None)
    if path is None:
        return None
    picture = read_saved(path)
    scale = OVERVIEW_PX / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    small = picture.resize(size, Image.Resampling.BOX)
    draw = ImageDraw.Draw(small)
    for number, region in enumerate(scene.regions, 1):
        _box(draw, region, scale, str(number))
    buffer = io.BytesIO()
    small.save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def _box(draw: object, region: RegionRecord, scale: float, number: str) -> None:
    from PIL.ImageDraw import ImageDraw

    assert isinstance(draw, ImageDraw)
    left, top = round(region.left * scale), round(region.top * scale)
    right = round((region.left + region.width) * scale)
    bottom = round((region.top + region.height) * scale)
    draw.rectangle((left, top, right, bottom), outline=(255, 255, 255), width=3)
    draw.rectangle((left, top, right, bottom), outline=FRAME, width=1)
    draw.rectangle((left, top, left + 9, top + 11), fill=FRAME)
    draw.text((left + 2, top), number, fill=(255, 255, 255))

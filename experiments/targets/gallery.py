"""What objectives like better than the pristine picture: a sheet.

    python -m experiments.targets.gallery --data DIR

Of every objective whose searches ended above the pristine picture by its own score, the end that it likes most: on the
left the photograph, on the right what it prefers, over them its name, and by how many spreads. Rendered again from
ends.csv, without the runs; Kodak's photographs alone, which may be shown without conditions. It writes gallery.jpg.
"""

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from experiments.targets.ends import End, read_ends
from experiments.targets.protocol import CHAINS, PHOTOGRAPHS, Budget, path_of
from experiments.targets.run import ENDS, HERE
from isptune.scenes.images import to_uint8
from isptune.scenes.scene import load_scenes
from isptune.system.disk import write_atomically
from pipelines.synthetic import synthetic

SHEET = "gallery.jpg"
FREE = "kodak/"
LARGEST_BYTES = 300_000
COLUMNS = 4
HEAD_PX, GAP_PX = 16, 6
NOISE_SEED = 0
CLEARLY = 0.1
"""Spreads above the pristine picture from which a preference is shown."""


def liked_most(ends: Sequence[End], shown: str = FREE) -> list[End]:
    """Of each objective the end farthest above the pristine picture, where one clearly is; the farthest first."""
    found: dict[str, End] = {}
    for end in ends:
        if end.scene.startswith(shown) and end.gaming >= CLEARLY:
            before = found.get(end.objective)
            found[end.objective] = end if before is None or end.gaming > before.gaming else before
    return sorted(found.values(), key=lambda end: -end.gaming)


def both(end: End, data: Path | None, budget: Budget) -> UInt8[np.ndarray, "height width 3"]:
    """The photograph and the end, side by side."""
    photograph = next(
        (one for one in PHOTOGRAPHS if one.rpartition(".")[0] == end.scene), f"bundled:{end.scene}"
    )
    (scene,) = load_scenes([path_of(photograph, data)], budget.crop, budget.resize)
    pipeline = synthetic.build(end.family, chain=CHAINS[end.chain])
    params = {
        name: torch.tensor([value], dtype=torch.float64)
        for name, value in zip(pipeline.space.names, end.params, strict=True)
    }
    image = pipeline.render(scene, params, NOISE_SEED)
    return np.hstack([to_uint8(scene.image)[0], to_uint8(image)[0]])


def sheet(ends: Sequence[End], data: Path | None, budget: Budget) -> Image.Image:
    """A cell an end, with a line of text above it."""
    cells = [both(end, data, budget) for end in ends]
    height, width = cells[0].shape[:2]
    columns = min(COLUMNS, len(cells))
    step_x, step_y = width + GAP_PX, height + HEAD_PX + GAP_PX
    rows = -(-len(cells) // columns)
    page = Image.new("RGB", (columns * step_x - GAP_PX, rows * step_y - GAP_PX), "white")
    draw = ImageDraw.Draw(page)
    for place, (end, cell) in enumerate(zip(ends, cells, strict=True)):
        left, top = place % columns * step_x, place // columns * step_y
        text = f"{end.objective}: +{end.gaming:.2f} ({end.chain})"
        draw.text((left + 2, top + 2), text, fill="black")
        page.paste(Image.fromarray(np.ascontiguousarray(cell)), (left, top + HEAD_PX))
    return page


def encoded(page: Image.Image) -> bytes:
    """As JPEG, of the best quality that keeps it small enough for a page."""
    for quality in range(90, 20, -5):
        file = io.BytesIO()
        page.save(file, "JPEG", quality=quality)
        if file.tell() <= LARGEST_BYTES:
            return file.getvalue()
    smaller = page.resize((page.width // 2, page.height // 2))
    return encoded(smaller)


def main(arguments: Sequence[str] | None = None) -> None:
    """Render and write."""
    parser = argparse.ArgumentParser(description="What objectives like better than the pristine picture.")
    parser.add_argument("--data", type=Path, required=True, help="folder with photos/kodak")
    parser.add_argument("--folder", type=Path, default=HERE, help="with ends.csv; the sheet goes there, too")
    plain = Budget()
    parser.add_argument("--crop", default=plain.crop, help="as of the runs")
    parser.add_argument("--resize", default=plain.resize, help="as of the runs")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    chosen = liked_most(read_ends(options.folder / ENDS))
    if not chosen:
        raise SystemExit("no search on Kodak's photographs ended above the pristine picture by its own score")
    page = sheet(chosen, options.data, Budget(crop=options.crop, resize=options.resize))
    write_atomically(options.folder / SHEET, encoded(page))
    for end in chosen:
        print(
            f"{end.objective}: +{end.gaming:.2f} spreads on {end.scene}, chain {end.chain}, l1 {end.l1:.3f}"
        )


if __name__ == "__main__":
    main()

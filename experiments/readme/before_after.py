"""The picture in the README: the default, the recommended and the pristine picture of a finished run.

Usage: python -m experiments.readme.before_after RUN
"""

import sys
from pathlib import Path

import torch
from PIL import Image

from isptune.scenes.images import read_image, to_uint8

WINDOW = (60, 80, 320, 300)  # top, left, height, width: face, hair, cloth and lettering of the astronaut


def main() -> None:
    images = Path(sys.argv[1]) / "images"
    top, left, height, width = WINDOW
    views = [
        read_image(images / f"astronaut_{label}.png") for label in ("default", "recommended", "reference")
    ]
    cuts = [view[..., top : top + height, left : left + width] for view in views]
    Image.fromarray(to_uint8(torch.cat(cuts, dim=-1))[0]).save(
        Path(__file__).parent / "before_after.jpg", quality=90
    )


if __name__ == "__main__":
    main()

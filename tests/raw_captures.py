"""Raw captures made in code: what the tests of raw scenes and of the raw ISP start from."""

from pathlib import Path

import numpy as np
import skimage.data
import torch

from isptune.scenes.color import srgb_to_linear
from isptune.scenes.images import to_images
from isptune.scenes.raw_capture import Optics, RawCapture


def shared(name):
    """A folder of the data that may lie beside the project, or beside a folder that it is in."""
    beside = [parent / "shared" / name for parent in Path(__file__).parents[2:4]]
    return next((folder for folder in beside if folder.is_dir()), beside[0])


MATRIX = ((1.8, -0.9, 0.1), (-0.2, 1.7, -0.5), (0.0, -0.4, 1.4))
WHITE_BALANCE = (2.0, 1.0, 1.6)


def mosaic_of(light):
    """Every other sample of [1, 3, H, W], in the order RGGB."""
    mosaic = light[:, 1:2].clone()
    mosaic[..., ::2, ::2] = light[:, :1, ::2, ::2]
    mosaic[..., 1::2, 1::2] = light[:, 2:, 1::2, 1::2]
    return mosaic


def photograph(height=96, width=128):
    return to_images(skimage.data.astronaut()[20 : 20 + height, 160 : 160 + width], "astronaut")


def capture_of(image=None, noise=0.0, black=(256.0, 256.0, 256.0, 256.0), white=4095.0, matrix=MATRIX):
    """What a sensor of 12 bits would see of a photograph, computed apart from the project's own unprocessing."""
    light = srgb_to_linear(photograph() if image is None else image).double()
    camera = np.linalg.inv(np.array(matrix)) / np.array(WHITE_BALANCE)[:, None]
    light = (torch.tensor(camera) @ light.flatten(2)).view_as(light).clamp(0, 1)
    mosaic = mosaic_of(light)
    if noise:
        field = torch.randn(mosaic.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        mosaic = (mosaic + noise * field).clamp(-0.05, 1)
    levels = torch.tensor([[black[0], black[1]], [black[2], black[3]]], dtype=torch.float64)
    levels = levels.repeat(mosaic.shape[-2] // 2, mosaic.shape[-1] // 2)
    numbers = (levels + mosaic * (white - levels)).round().float()
    height, width = mosaic.shape[-2:]
    optics = Optics(width / 2, height / 2, float(np.hypot(height, width)) / 2)
    return RawCapture(numbers, black, white, WHITE_BALANCE, matrix, optics=optics)

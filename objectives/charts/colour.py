"""The ColorChecker: 24 patches, and how far their colours are from the published ones.

Sources: Sharma, Wu and Dalal 2005, The CIEDE2000 color-difference formula: implementation notes, supplementary test
data, and mathematical observations, doi:10.1002/col.20070; Pascale 2006, RGB coordinates of the Macbeth ColorChecker.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError
from isptune.facts import ObjectiveFacts
from isptune.scenes.color import linear_to_srgb as encode
from isptune.scenes.color import rgb_to_lab, srgb_to_linear
from isptune.scenes.scene import Scene
from objectives.charts.regions import LUMINANCE_BT709, OnChart, Quad, parse_corners
from objectives.options import parse_options

COLUMNS, ROWS = 6, 4

COLORCHECKER = (
    ("dark skin", 115, 82, 68), ("light skin", 194, 150, 130), ("blue sky", 98, 122, 157), ("foliage", 87, 108, 67),
    ("blue flower", 133, 128, 177), ("bluish green", 103, 189, 170), ("orange", 214, 126, 44),
    ("purplish blue", 80, 91, 166), ("moderate red", 193, 90, 99), ("purple", 94, 60, 108),
    ("yellow green", 157, 188, 64), ("orange yellow", 224, 163, 46), ("blue", 56, 61, 150), ("green", 70, 148, 73),
    ("red", 175, 54, 60), ("yellow", 231, 199, 31), ("magenta", 187, 86, 149), ("cyan", 8, 133, 161),
    ("white", 243, 243, 242), ("neutral 8", 200, 200, 200), ("neutral 6.5", 160, 160, 160),
    ("neutral 5", 122, 122, 121), ("neutral 3.5", 85, 85, 85), ("black", 52, 52, 52),
)  # fmt: skip
"""Patches row by row with their 8-bit sRGB values as the maker publishes them (Pascale 2006, RGB coordinates of the
Macbeth ColorChecker). Cyan lies outside sRGB and is cut."""

SAMPLES = 16
"""A patch is looked at in so many places each way, over the half of its sides that is in the middle."""

Patches = Float[Tensor, "batch 3 4 6"]
"""A picture of one pixel a patch."""

Seen = Float[Tensor, "batch 3 24 samples"]

Lab = Float[Tensor, "*places 3"]
OtherLab = Float[Tensor, "*others 3"]


def colorchecker(argument: str | None = None) -> OnChart:
    """Mean CIEDE2000 of a ColorChecker's 24 patches from the published sRGB values; 0 is perfect, 1 just visible.

    `colorchecker:corners=x/y/x/y/x/y/x/y` says where the field of patches is in a photograph: its corners beginning
    with that of dark skin, then light skin's row end (bluish green), black and white. With `exposure=match` the
    light is first scaled so that the six neutral patches have their published mean luminance.
    """
    options = parse_options("colorchecker", argument, {"corners": "", "exposure": "as-is"})
    if options["exposure"] not in ("as-is", "match"):
        raise ConfigError(f"colorchecker: exposure={options['exposure']} is neither as-is nor match")
    match = options["exposure"] == "match"
    return OnChart(
        name="colorchecker",
        facts=ObjectiveFacts(
            direction="minimize",
            range=(0.0, math.inf),
            unit="CIEDE2000",
            source="Sharma, Wu and Dalal 2005, The CIEDE2000 color-difference formula: implementation "
            "notes, supplementary test data, and mathematical observations, doi:10.1002/col.20070; Pascale "
            "2006, RGB coordinates of the Macbeth ColorChecker",
            whole_pictures=True,
        ),
        part="a ColorChecker",
        regions="colorchecker",
        score_part=lambda images, quad, scene: _difference(images, quad, scene, match),
        given=parse_corners("colorchecker", options["corners"]),
    )


def published_patches() -> Patches:
    """The published colours as a picture of one pixel a patch, [1, 3, 4, 6], encoded sRGB, float64."""
    values = torch.tensor([colour[1:] for colour in COLORCHECKER], dtype=torch.float64) / 255
    return values.view(1, ROWS, COLUMNS, 3).movedim(3, 1)


def patch_colours(images: Images, quad: Quad) -> Patches:
    """The mean colour of each patch in linear sRGB, as a picture of one pixel a patch, [batch, 3, 4, 6], float64."""
    seen = patch_samples(images, quad)
    return srgb_to_linear(seen.double()).mean(3).view(len(images), 3, ROWS, COLUMNS)


def patch_samples(images: Images, quad: Quad) -> Seen:
    """What is seen in the middle of each patch, row by row."""
    height, width = images.shape[-2:]
    grid = _places(quad) / torch.tensor([width, height]) * 2 - 1
    grid = grid.to(images.device, images.dtype).expand(len(images), -1, -1, -1)
    return torch.nn.functional.grid_sample(
        images, grid, mode="bilinear", align_corners=False, padding_mode="border"
    )


def _difference(images: Images, quad: Quad, scene: Scene, match: bool) -> Scores:
    truth = published_patches().to(images.device)
    light = patch_colours(images, quad)
    if match:
        weights = light.new_tensor(LUMINANCE_BT709)[:, None]
        ours, theirs = ((x[:, :, -1] * weights).sum(1).mean(1) for x in (light, srgb_to_linear(truth)))
        light = light * (theirs / ours.clamp(min=1e-6))[:, None, None, None]
    first, second = (rgb_to_lab(x).movedim(1, -1) for x in (encode(light), truth))
    return ciede2000(first, second).mean((1, 2))


def _places(quad: Quad) -> Float[Tensor, "patches samples 2"]:
    """Where the patches are looked at, pixels: a projective map takes the unit square to the corners."""
    unit = torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=torch.float64)
    corners = torch.tensor(quad, dtype=torch.float64)
    equations, values = [], []
    for (u, v), (x, y) in zip(unit.tolist(), corners.tolist(), strict=True):
        equations += [[u, v, 1, 0, 0, 0, -u * x, -v * x], [0, 0, 0, u, v, 1, -u * y, -v * y]]
        values += [x, y]
    solved = torch.linalg.solve(torch.tensor(equations, dtype=torch.float64), torch.tensor(values).double())
    matrix = torch.cat((solved, solved.new_ones(1))).view(3, 3)
    inside = (torch.arange(SAMPLES, dtype=torch.float64) + 0.5) / SAMPLES / 2 + 0.25
    rows, columns = torch.meshgrid(torch.arange(ROWS), torch.arange(COLUMNS), indexing="ij")
    down, across = torch.meshgrid(inside, inside, indexing="ij")
    u = (columns.reshape(-1, 1) + across.reshape(1, -1)) / COLUMNS
    v = (rows.reshape(-1, 1) + down.reshape(1, -1)) / ROWS
    mapped = torch.stack((u, v, torch.ones_like(u)), 2) @ matrix.T
    return mapped[..., :2] / mapped[..., 2:]


def ciede2000(first: Lab, second: OtherLab) -> Float[Tensor, "*all"]:
    """The colour difference CIEDE2000 of CIE L*a*b* colours, weights 1.

    Numbers in the lines are the equations of Sharma, Wu and Dalal 2005.

    Args:
        first, second: L, a, b in the last dimension; the others broadcast.
    """
    light_1, a_1, b_1 = first.unbind(-1)
    light_2, a_2, b_2 = second.unbind(-1)
    mean_chroma = (torch.hypot(a_1, b_1) + torch.hypot(a_2, b_2)) / 2  # (2) (3)
    stretch = 1.5 - 0.5 * torch.sqrt(mean_chroma**7 / (mean_chroma**7 + 25.0**7))  # 1 + G of (4)
    a_1, a_2 = a_1 * stretch, a_2 * stretch  # (5)
    chroma_1, chroma_2 = torch.hypot(a_1, b_1), torch.hypot(a_2, b_2)  # (6)
    grey = chroma_1 * chroma_2 == 0
    # (7)
    hue_1, hue_2 = (torch.rad2deg(torch.atan2(b, a)) % 360 for a, b in ((a_1, b_1), (a_2, b_2)))
    turn = torch.where(grey, 0.0, (hue_2 - hue_1 + 180) % 360 - 180)  # (10)
    hue_step = 2 * torch.sqrt(chroma_1 * chroma_2) * torch.sin(torch.deg2rad(turn) / 2)  # (11)
    far = (hue_1 - hue_2).abs() > 180
    total = hue_1 + hue_2
    mean_hue = torch.where(far, torch.where(total < 360, total + 360, total - 360), total) / 2
    mean_hue = torch.where(grey, total, mean_hue)  # (14)
    light, chroma = (light_1 + light_2) / 2, (chroma_1 + chroma_2) / 2  # (12) (13)
    scale_l, scale_c, scale_h, rotation = _scales(light, chroma, mean_hue)
    # (8) (9), each over its scale
    dl, dc, dh = (light_2 - light_1) / scale_l, (chroma_2 - chroma_1) / scale_c, hue_step / scale_h
    return torch.sqrt((dl**2 + dc**2 + dh**2 + rotation * dc * dh).clamp(min=0))  # (22)


def _scales(light: Tensor, chroma: Tensor, hue: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """S_L, S_C, S_H and R_T of the formula, at the mean lightness, chroma and hue (degrees)."""

    def cosine(factor: float, shift: float) -> Tensor:
        return torch.cos(torch.deg2rad(factor * hue + shift))

    lobes = (
        1 - 0.17 * cosine(1, -30) + 0.24 * cosine(2, 0) + 0.32 * cosine(3, 6) - 0.20 * cosine(4, -63)
    )  # (15)
    off = (light - 50) ** 2
    turning = 30 * torch.exp(-(((hue - 275) / 25) ** 2))  # (16)
    saturation = 2 * torch.sqrt(chroma**7 / (chroma**7 + 25.0**7))  # (17)
    rotation = -torch.sin(torch.deg2rad(2 * turning)) * saturation  # (21)
    scale_l = 1 + 0.015 * off / torch.sqrt(20 + off)  # (18)
    return scale_l, 1 + 0.045 * chroma, 1 + 0.015 * chroma * lobes, rotation  # (19) (20)

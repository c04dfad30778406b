"""The stages of the raw ISP in their order: what each does with its params."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from isptune.scenes.focus import Region
from isptune.scenes.large import is_large, sample_step
from isptune.scenes.raw_capture import NoiseModel, Optics, RawCapture
from isptune.space import Param
from pipelines.raw.params import PARAMS
from pipelines.raw.stages import color, demosaic, finish, local_contrast, raw_denoise, sensor, tone
from pipelines.raw.stages.planes import where_active

Knobs = Mapping[str, Tensor | str]
"""The values of one stage, by the name after the dot: [batch], or one choice for all."""

SAMPLE_CELLS = 1 << 14
"""About so many are taken of a large capture."""


@dataclass(frozen=True, eq=False)
class Shot:
    """A capture with its noise.

    Attributes:
        capture, noise: of the sensor.
        sample: of a large capture a small one, of single cells of it, from which the mean of its light is taken.
        place: of a part of a capture, that and where it lies: left, top, width, height.
        last: of a part, what of it the stages after local tone mapping still need; local tone mapping looks far, and
            they cost half of the time.
    """

    capture: RawCapture
    noise: NoiseModel
    sample: "Shot | None" = None
    place: tuple[RawCapture, int, int, int, int] | None = None
    last: Region | None = None

    @property
    def optics(self) -> Optics:
        """Where the lens points: the middle where it is not known."""
        width, height = self.capture.size
        return self.capture.optics or Optics(width / 2, height / 2, (width**2 + height**2) ** 0.5 / 2)

    def part(self, cut: RawCapture, left: int, top: int, last: Region) -> "Shot":
        """What was cut from it, as it is in the whole."""
        x, y, radius = self.optics
        cut = replace(cut, optics=Optics(x - left, y - top, radius))
        return Shot(cut, self.noise, self.sample, (self.capture, left, top, *cut.size), last)


def shot_of(capture: RawCapture, noise: NoiseModel) -> Shot:
    """A capture, with a sample where it is large."""
    shot = Shot(capture, noise)
    return replace(shot, sample=_sample(shot)) if is_large(capture.size) else shot


def _sample(shot: Shot) -> Shot:
    """Cells on a grid, as a capture of their own."""
    cells = pixel_unshuffle(shot.capture.mosaic, 2)
    step = sample_step((cells.shape[-1], cells.shape[-2]), SAMPLE_CELLS)
    first = step // 2
    x, y, radius = shot.optics
    shift = 2 * first + 1 - step  # so that the middle of a cell stays where it is
    return Shot(
        replace(
            shot.capture,
            mosaic=pixel_shuffle(cells[..., first::step, first::step], 2).contiguous(),
            optics=Optics((x - shift) / step, (y - shift) / step, radius / step),
        ),
        shot.noise,
    )


@dataclass(frozen=True)
class Stage:
    """One step of the chain.

    Attributes:
        name: as in the names of its params.
        run: from what the stage before gave to what the next one takes; treats images independently.
        params: its knobs.
    """

    name: str
    run: Callable[[Tensor, Any, Shot], Tensor]
    params: tuple[Param, ...] = field(default=())


def _black(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return sensor.black_level(x, shot.capture.black, shot.capture.white, k["offset"])


def _defects(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return where_active(sensor.defective_pixels, x, k["threshold"] < 1, k["threshold"])


def _shading(x: Tensor, k: Any, shot: Shot) -> Tensor:
    def run(x: Tensor, gain: Tensor, power: Tensor) -> Tensor:
        return sensor.lens_shading(x, shot.optics, gain, power)

    return where_active(run, x, k["gain"] > 0, k["gain"], k["power"])


def _raw_denoise(x: Tensor, k: Any, shot: Shot) -> Tensor:
    def run(x: Tensor, luma: Tensor, chroma: Tensor) -> Tensor:
        return raw_denoise.raw_denoise(x, shot.noise, luma, chroma)

    return where_active(run, x, (k["luma"] > 0) | (k["chroma"] > 0), k["luma"], k["chroma"])


def _white_balance(x: Tensor, k: Any, shot: Shot) -> Tensor:
    if shot.capture.mono:
        return x  # four samples of one grey
    return sensor.white_balance(x, shot.capture.white_balance, k["red"], k["blue"])


def _demosaic(x: Tensor, k: Any, shot: Shot) -> Tensor:
    if shot.capture.mono:
        return pixel_shuffle(x, 2).expand(-1, 3, -1, -1)
    return demosaic.suppress_false_colour(demosaic.demosaic(x, k["method"], held=True), k["median_passes"])


def _highlights(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return color.highlights(x, shot.capture.white_balance, k["method"], k["threshold"])


def _matrix(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return color.colour_matrix(x, shot.capture.matrix, k["strength"])


def _exposure(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return color.exposure(x, shot.capture.baseline_ev, k["bias"])


def _tone(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return tone.tone_curve(x, **k)


def _local(x: Tensor, k: Any, shot: Shot) -> Tensor:
    active = (k["compression"] > 0) | (k["detail"] != 0)
    mean = (k["mean"],) if "mean" in k else ()
    return where_active(
        local_contrast.local_contrast, x, active, k["compression"], k["detail"], k["radius"], *mean
    )


def _denoise(x: Tensor, k: Any, shot: Shot) -> Tensor:
    luma, chroma = k["luma"], k["chroma"]
    x = where_active(finish.denoise_luma, x, luma > 0, luma, k["luma_scales"], k["detail"])
    return where_active(finish.denoise_chroma, x, chroma > 0, chroma, k["chroma_scales"])


def _sharpen(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return where_active(
        finish.sharpen, x, k["amount"] > 0, k["amount"], k["radius"], k["threshold"], k["halo"]
    )


def _colour(x: Tensor, k: Any, shot: Shot) -> Tensor:
    active = (k["saturation"] != 1) | (k["vibrance"] != 0) | (k["hue"] != 0)
    return where_active(finish.colour, x, active, k["saturation"], k["vibrance"], k["hue"])


def _jpeg(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return where_active(finish.compress, x, k["quality"] < 100, k["quality"])


STAGES: tuple[Stage, ...] = (
    Stage("black", _black, PARAMS["black"]),
    Stage("defects", _defects, PARAMS["defects"]),
    Stage("shading", _shading, PARAMS["shading"]),
    Stage("raw_denoise", _raw_denoise, PARAMS["raw_denoise"]),
    Stage("white_balance", _white_balance, PARAMS["white_balance"]),
    Stage("demosaic", _demosaic, PARAMS["demosaic"]),
    Stage("highlights", _highlights, PARAMS["highlights"]),
    Stage("matrix", _matrix, PARAMS["matrix"]),
    Stage("exposure", _exposure, PARAMS["exposure"]),
    Stage("tone", _tone, PARAMS["tone"]),
    Stage("luma_chroma", lambda x, k, shot: finish.to_luma_chroma(x)),
    Stage("local", _local, PARAMS["local"]),
    Stage("denoise", _denoise, PARAMS["denoise"]),
    Stage("sharpen", _sharpen, PARAMS["sharpen"]),
    Stage("colour", _colour, PARAMS["colour"]),
    Stage("encode", lambda x, k, shot: finish.to_rgb(x)),
    Stage("jpeg", _jpeg, PARAMS["jpeg"]),
)
"""In the textbook's order: sensor, colour, tone, luma and chroma, file."""

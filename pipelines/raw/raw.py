"""The raw ISP: from a mosaic to a picture in the textbook's order, a batch of parameter values at a time.

Every stage is a function of `pipelines.stages` on a batch in which each image has its own values, differentiable
where its mathematics is (all but the choice of a demosaicing direction, medians, and JPEG). What comes before the
first stage whose values differ within a batch is computed once for all, and kept for the next batch.

Of a large capture (`isptune.scenes.large`) the mean brightness that local tone mapping brings regions nearer to is that
of a sample of its cells which goes through the same stages, so that a part can be rendered by itself.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from isptune.arrays import Images, OtherImages, Params
from isptune.errors import ConfigError, RenderError
from isptune.facts import EditedFile, PipelineFacts, Support
from isptune.scenes.large import widened
from isptune.scenes.noise_estimate import measured_noise
from isptune.scenes.raw_capture import RawCapture
from isptune.scenes.scene import Scene
from isptune.space import Candidate, Space
from pipelines.raw.libcamera.writing import left_out, to_libcamera
from pipelines.raw.params import refuse_any
from pipelines.raw.reach import GRID_PX, margins_px, widest_after_local_px, widest_px
from pipelines.raw.stages.local_contrast import mean_luma
from pipelines.raw.stages_in_order import STAGES, Knobs, Shot, Stage, shot_of

PIXELS_A_PIECE = 2_500_000
"""On a CPU a piece of a batch, as a tensor, stays below 32 MB, up to which the C library keeps freed memory."""

FORMAT = "libcamera"
"""Of the tuning files that it writes."""

PLAIN = {
    "raw_denoise.luma": 0.0,
    "raw_denoise.chroma": 0.0,
    "demosaic.median_passes": 0,
    "denoise.luma": 0.0,
    "denoise.chroma": 0.0,
    "sharpen.amount": 0.0,
}
"""Where nothing smooths or sharpens."""

KEPT = 4
"""Shared beginnings of the chain that are kept: one a scene, for so many scenes."""

KEPT_PARTS = 24
"""The same of parts of large scenes, which are small."""


class RawISP:
    """Renders raw scenes: Pipeline, NarrowsSupport, WritesParameterFiles, EditsParameterFiles, EditsFilesOfSeries."""

    def __init__(self, stages: Sequence[Stage] = STAGES):
        self.stages = tuple(stages)
        self.space = Space(tuple(param for stage in stages for param in stage.params))
        complete = self.stages == STAGES
        self._after_local_px = widest_after_local_px(self.space) if complete else 0
        self.facts = PipelineFacts(
            max_batch=64,
            uses_seed=False,
            neutral=True,
            plain=PLAIN,
            file_formats=(FORMAT,),
            left_out={FORMAT: tuple(left_out(self.space.names))},
            suffixes={FORMAT: ".json"},
            support=Support(widest_px(self.space), GRID_PX) if complete else None,
        )
        self._beginnings: OrderedDict[tuple[Any, ...], Tensor] = OrderedDict()
        self._shots: OrderedDict[RawCapture, Shot] = OrderedDict()

    def render(self, scene: Scene, params: Params, seed: int) -> Images:
        """Pictures of the scene's size. The noise is the capture's: the seed changes nothing.

        Raises:
            RenderError: the scene is a photograph.
        """
        if scene.raw is None:
            raise RenderError(
                f"{scene.name} is a photograph; the raw ISP needs a raw file, or unprocessed:FILE to make one of it"
            )
        shot = self._shot_of(scene, scene.raw)
        knobs = self._with_mean(
            [_knobs(stage, params, scene.raw.mosaic.device) for stage in self.stages], shot
        )
        batch = _batch_size(params)
        shared = next((i for i, own in enumerate(knobs) if not _equal(own)), len(knobs))
        beginning = self._beginning(shot, knobs[:shared])
        if shared == len(knobs):
            return _put_back(beginning, shot).expand(batch, -1, -1, -1).clone()
        piece = batch
        if beginning.device.type == "cpu":
            piece = max(1, PIXELS_A_PIECE // (shot.capture.size[0] * shot.capture.size[1]))
        parts = [
            self._rest(shot, beginning, knobs, shared, slice(i, i + piece)) for i in range(0, batch, piece)
        ]
        return _put_back(parts[0] if len(parts) == 1 else torch.cat(parts), shot)

    def margins_px(self, params: Params) -> list[int]:
        """How far each looks: local tone mapping and denoising as far as they are strong."""
        return margins_px(params)

    def parameter_file(self, file_format: str, candidate: Candidate, template: bytes | None) -> bytes:
        """A libcamera tuning file: the sensor's own with the candidate's values in it. Raises ConfigError."""
        return self.edited_file(file_format, candidate, {}, template).data

    def edited_file(
        self, file_format: str, candidate: Candidate, start: Candidate, template: bytes | None
    ) -> EditedFile:
        """The sensor's tuning file with what the candidate changes of the start. Raises ConfigError."""
        _refuse_others(file_format)
        return to_libcamera(candidate, start, self.space.default, template)

    def file_of_series(
        self,
        file_format: str,
        number: float,
        at: Callable[[float], Candidate],
        start: Candidate,
        template: bytes | None,
    ) -> EditedFile:
        """The same for one ISO of a series, of which lists by ISO in the template hold all. Raises ConfigError."""
        _refuse_others(file_format)
        return to_libcamera(at(number), start, self.space.default, template, at)

    def _beginning(self, shot: Shot, knobs: Sequence[Knobs]) -> Tensor:
        """The first stages, for one image that stands for the batch."""
        single = [{name: v if isinstance(v, str) else v[:1] for name, v in own.items()} for own in knobs]
        if torch.is_grad_enabled():
            return self._run(shot, shot.capture.mosaic, single, 0)
        values = tuple(v if isinstance(v, str) else float(v) for own in single for v in own.values())
        key = (shot.place or shot.capture, len(knobs), *values)
        if key not in self._beginnings:
            self._beginnings[key] = self._run(shot, shot.capture.mosaic, single, 0)
            while len(self._beginnings) > (KEPT_PARTS if shot.place else KEPT):
                self._beginnings.popitem(last=False)
        self._beginnings.move_to_end(key)
        return self._beginnings[key]

    def _rest(self, shot: Shot, beginning: Tensor, knobs: Sequence[Knobs], start: int, part: slice) -> Images:
        own = [{n: v if isinstance(v, str) else v[part] for n, v in stage.items()} for stage in knobs[start:]]
        count = next(len(v) for stage in own for v in stage.values() if not isinstance(v, str))
        return self._run(shot, beginning.expand(count, -1, -1, -1), own, start)

    def _run(self, shot: Shot, images: Tensor, knobs: Sequence[Knobs], start: int) -> Tensor:
        for stage, own in zip(self.stages[start:], knobs, strict=False):
            images = stage.run(images, own, shot)
            if stage.name == "local" and shot.last is not None:
                images = shot.last.of(images)
        return images

    def _with_mean(self, knobs: Sequence[Knobs], shot: Shot) -> list[Knobs]:
        """The values, and for a large capture the mean that local tone mapping takes from all of it, [batch]."""
        place = next((i for i, own in enumerate(knobs) if self._takes_mean(i, own)), None)
        if place is None or shot.sample is None:
            return list(knobs)
        batch = max(len(v) for own in knobs for v in own.values() if not isinstance(v, str))
        mosaic = shot.sample.capture.mosaic.expand(batch, -1, -1, -1)
        mean = mean_luma(self._run(shot.sample, mosaic, knobs[:place], 0))
        return [{**own, "mean": mean} if i == place else own for i, own in enumerate(knobs)]

    def _takes_mean(self, place: int, knobs: Knobs) -> bool:
        """Whether this stage is the one that brings regions nearer to the mean, and does for any of the batch."""
        compression = knobs.get("compression")
        return self.stages[place].name == "local" and bool(torch.as_tensor(compression).gt(0).any())

    def _shot_of(self, scene: Scene, capture: RawCapture) -> Shot:
        """The scene's capture; of a part of a scene, as it is in the whole."""
        if scene.cut is None or scene.cut.whole.raw is None:
            return self._shot(capture)
        last = widened(scene.cut.inner, self._after_local_px, GRID_PX, capture.size)
        return self._shot(scene.cut.whole.raw).part(capture, scene.cut.left, scene.cut.top, last)

    def _shot(self, capture: RawCapture) -> Shot:
        """The capture with its noise, which is measured once where it is not known."""
        if capture not in self._shots:
            self._shots[capture] = shot_of(capture, capture.noise or measured_noise(capture))
            while len(self._shots) > KEPT:
                self._shots.popitem(last=False)
        return self._shots[capture]


def _put_back(images: Images, shot: Shot) -> OtherImages:
    """Pictures of the size of the capture's part; black where nothing is wanted."""
    if shot.last is None:
        return images
    (width, height), last = shot.capture.size, shot.last
    right, bottom = width - last.left - last.width, height - last.top - last.height
    return torch.nn.functional.pad(images, (last.left, right, last.top, bottom))


def _refuse_others(file_format: str) -> None:
    if file_format != FORMAT:
        raise ConfigError(f"the raw ISP writes the format {FORMAT}, not {file_format!r}")


def build(argument: str | None, **options: Any) -> RawISP:
    """`raw`: the raw ISP, which takes neither argument nor options. Raises ConfigError if there are some."""
    refuse_any(argument, options)
    return RawISP()


def _knobs(stage: Stage, params: Params, device: torch.device) -> Knobs:
    """The values of a stage by the name after the dot; numbers as float32."""
    found: dict[str, Tensor | str] = {}
    for param in stage.params:
        value = params[param.name]
        found[param.name.partition(".")[2]] = (
            value if isinstance(value, str) else value.to(device, torch.float32)
        )
    return found


def _equal(knobs: Mapping[str, Tensor | str]) -> bool:
    """Whether a stage has one set of values for the whole batch; one that is being differentiated has not."""
    numbers = [v for v in knobs.values() if not isinstance(v, str)]
    if torch.is_grad_enabled() and any(v.requires_grad for v in numbers):
        return False
    return all(bool((v == v[0]).all()) for v in numbers)


def _batch_size(params: Params) -> int:
    return next(len(value) for value in params.values() if not isinstance(value, str))

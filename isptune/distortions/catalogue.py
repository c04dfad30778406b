"""What a distortion is: a batched function that knows its unit, its identity and its source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.draws import Draws
from isptune.errors import ConfigError


@dataclass(frozen=True)
class Distortion:
    """One way to spoil an image, callable on a batch with a level of its own for every image.

    Attributes:
        name: the catalogue's name.
        group: blur, noise, compression, color, brightness, contrast, sharpness, spatial, quantization, weather.
        unit: of the level.
        low, high: the range in which levels make sense; wider than the published lists.
        identity: the level at which the image is untouched, bit for bit.
        signed: whether both sides of the identity occur; the magnitude is what counts as distance.
        stochastic: whether it draws random numbers.
        source: authors, year, title, or the project that defined it.
        summary: one line for lists.
        function: `(images, level, **options)`, with the draws as third positional argument if stochastic.
        reach: how far around a pixel it looks, without options: pixels, or what gives them for a level; None where it
            looks at all of the image, or at where in it a pixel lies.
        grid: a part of an image is cut at multiples of this, pixels, so that it becomes what it does in the whole.
        statistic: of images [batch, ...], what it takes from all of each, where that is one statistic; the function
            then takes it as the option `statistic`, and apart from it looks as far as `reach`.
    """

    name: str
    group: str
    unit: str
    low: float
    high: float
    source: str
    function: Callable[..., Images]
    summary: str = ""
    identity: float = 0.0
    signed: bool = False
    stochastic: bool = False
    reach: int | Callable[[float], int] | None = None
    grid: int = 1
    statistic: Callable[[Images], Tensor] | None = None

    def __call__(
        self,
        images: Images,
        level: Tensor | float,
        generator: torch.Generator | Sequence[torch.Generator] | Draws | None = None,
        shared: bool = False,
        statistic: Tensor | None = None,
        **options: Any,
    ) -> Images:
        """Distort a batch; the result is clamped to [0, 1] and the input is not written to.

        Args:
            images: [batch, 3, H, W], in [0, 1].
            level: one for all, or [batch].
            generator: for stochastic distortions, on the CPU: one (from which a stream for each image is
                seeded), or one for every image, or the draws themselves. Needed: there is no hidden random state.
            shared: let all images see the same random field, as common random numbers need it.
            statistic: [batch, ...], in place of that of the images; see the class.
            options: variants of the definition that a preset asks for; see the function's docstring.

        Raises:
            ConfigError: a level that is NaN or outside [low, high], no generator where one is needed, or a number
                of levels or generators that does not fit the batch.
        """
        levels = self._levels(level, images)
        active = levels != self.identity
        if not bool(active.any()):
            return images.clone()
        draws = self._draws(generator, shared, len(images))
        given = {} if statistic is None else {"statistic": statistic}
        if bool(active.all()):
            return self._apply(images, levels, draws, {**options, **given})
        index = active.nonzero()[:, 0]
        result = images.clone()
        options |= {key: value[index] for key, value in given.items()}
        result[index] = self._apply(
            images[index], levels[index], draws and draws.take(index.tolist()), options
        )
        return result

    def reach_at(self, level: float) -> int | None:
        """How far it looks at a level, pixels; None for all of the image."""
        return self.reach(level) if callable(self.reach) else self.reach

    def magnitude(self, level: Tensor) -> Tensor:
        """Distance of levels from the identity, in the distortion's unit."""
        return (level - self.identity).abs()

    def _apply(self, images: Images, levels: Tensor, draws: Draws | None, options: dict[str, Any]) -> Images:
        extra = (draws,) if self.stochastic else ()
        result = self.function(images, levels, *extra, **options)
        # A second batch of memory costs as much as the fastest distortions do: clamp in place where the
        # result is the function's own.
        own = result.untyped_storage().data_ptr() != images.untyped_storage().data_ptr()
        return result.clamp_(0, 1) if own and result.is_contiguous() else result.clamp(0, 1)

    def _levels(self, level: Tensor | float, images: Images) -> Tensor:
        levels = torch.as_tensor(level, dtype=torch.float32, device=images.device)
        if levels.ndim > 1 or (levels.ndim == 1 and len(levels) not in (1, len(images))):
            raise ConfigError(
                f"{self.name}: levels of shape {tuple(levels.shape)} for {len(images)} images: give one, or one each"
            )
        levels = levels.expand(len(images))
        slack = 1e-5 * (self.high - self.low)
        if bool(((levels >= self.low - slack) & (levels <= self.high + slack)).all()):
            return levels.clamp(self.low, self.high)
        wrong = levels[~((levels >= self.low - slack) & (levels <= self.high + slack))][0].item()
        raise ConfigError(
            f"{self.name}: level {wrong:g} is outside [{self.low:g}, {self.high:g}] ({self.unit})"
        )

    def _draws(
        self, generator: torch.Generator | Sequence[torch.Generator] | Draws | None, shared: bool, batch: int
    ) -> Draws | None:
        if not self.stochastic:
            return None
        if isinstance(generator, Draws):
            return generator
        if generator is None:
            raise ConfigError(f"{self.name} draws random numbers: it needs a generator")
        return Draws.of(generator, batch, shared)


def distortion(**facts: Any) -> Callable[[Callable[..., Images]], Distortion]:
    """Make a function a catalogue entry; the first line of its docstring becomes the summary."""

    def wrap(function: Callable[..., Images]) -> Distortion:
        summary = (function.__doc__ or "").strip().split("\n")[0].rstrip(".")
        name = getattr(function, "__name__", "")
        return Distortion(name=name, function=function, summary=summary, **facts)

    return wrap

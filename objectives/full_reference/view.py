"""What of two pictures is compared: `psnr:channel=y,border=4`, `ssim?fit=curve`.

| option | what is compared |
|---|---|
| `channel=rgb` | red, green and blue: the default |
| `channel=y` | luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, from 0 to 1 |
| `channel=ycbcr` | the same as Matlab's rgb2ycbcr has it, from 16 / 255 to 235 / 255 |
| `border=N` | without N pixels at every side |
| `fit=...` | after a mapping, see `objectives.full_reference.fit` |

Papers on super-resolution report `channel=ycbcr` without a border of as many pixels as the factor; a PSNR is 1.32 dB
higher by it than by `y`. fsim of luma is FSIM, not FSIMc; gmsd and vif compare luma in any case. The border is cut
first, then the mapping is fitted, then luma is taken.
"""

from dataclasses import dataclass
from typing import Literal, cast, get_args

from jaxtyping import Bool, Float
from torch import Tensor

from isptune.arrays import Images
from isptune.errors import ConfigError
from isptune.scenes.color import luma
from objectives.full_reference.fit import Fit, fitted
from objectives.options import parse_options, refuse_argument

Channel = Literal["rgb", "y", "ycbcr"]

WIDEST_BORDER = 4096
"""Pixels: half of an 8K picture's side."""

Part = Float[Tensor, "batch 3 newheight newwidth"]
Reference = Float[Tensor, "1 3 height width"]


@dataclass(frozen=True)
class View:
    """What is compared; see the module.

    Attributes:
        channel: of the pictures.
        border: cut at every side, pixels.
        fit: the mapping that is fitted to each picture before it is compared.
    """

    channel: Channel = "rgb"
    border: int = 0
    fit: Fit = "none"

    @property
    def of_every_place(self) -> bool:
        """Whether each place is compared for itself: nothing is fitted to the picture, or cut from its sides."""
        return self.fit == "none" and not self.border

    def of_reference(self, reference: Reference) -> Part:
        """The reference as it is compared; luma is repeated over the three channels."""
        return self._channel(self._inside(reference))

    def of_images(
        self, images: Images, reference: Reference, masked: Bool[Tensor, "1 1 height width"] | None
    ) -> Part:
        """The pictures as they are compared with it."""
        if self.fit == "none":
            return self._channel(self._inside(images))
        inside = None if masked is None else self._inside(masked)
        return self._channel(fitted(self._inside(images), self._inside(reference), self.fit, inside))

    def _inside(self, images: Tensor) -> Tensor:
        if not self.border:
            return images
        height, width = images.shape[-2:]
        return images[..., self.border : height - self.border, self.border : width - self.border]

    def _channel(self, images: Tensor) -> Tensor:
        if self.channel == "rgb":
            return images
        y = luma(images).expand(-1, 3, -1, -1)
        return y.contiguous() if self.channel == "y" else (16 + 219 * y) / 255


def view_option(name: str, argument: str | None, channels: bool = True) -> View:
    """The options of an objective that takes no others.

    Args:
        name: of the objective.
        argument: what stood behind its name.
        channels: whether it has the option `channel`.

    Raises:
        ConfigError: an option that it has not, or a value that cannot be.
    """
    if argument is not None and "=" not in argument:
        refuse_argument(name, argument)
    defaults = {"channel": "rgb", "border": "0", "fit": "none"}
    if not channels:
        del defaults["channel"]
    options = {"channel": "rgb", **parse_options(name, argument, defaults)}
    for key, known in (("channel", get_args(Channel)), ("fit", get_args(Fit))):
        if options[key] not in known:
            raise ConfigError(f"{name}: {key} = {options[key]!r} is none of {', '.join(known)}")
    border = options["border"]
    if not (border.isascii() and border.isdigit() and int(border[:9]) <= WIDEST_BORDER):
        raise ConfigError(
            f"{name}: border = {border!r} is no whole number of pixels from 0 to {WIDEST_BORDER}"
        )
    return View(cast(Channel, options["channel"]), int(border), cast(Fit, options["fit"]))

"""The hidden map of the synthetic ISP: from parameters X in the unit cube to distortion levels."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isptune.errors import ConfigError

Family = Literal["identity", "warped", "coupled"]
FAMILIES: tuple[Family, ...] = ("identity", "warped", "coupled")


@dataclass(frozen=True)
class HiddenMap:
    """A seeded map from X in [0, 1]^n to signed, relative levels t in [-1, 1]^n with one zero, at `optimum`.

    With u = x - optimum:

    * `identity`: t_i = u_i / max |u_i|, a straight line through the optimum.
    * `warped`:   the same, then bent: t_i -> sign(t_i) (exp(a |t_i|) - 1) / (exp(a) - 1), monotone, with an
      own curvature a in [-3, 3] for every parameter and side of the optimum.
    * `coupled`:  u is first turned by an orthogonal matrix, so that one parameter moves several levels; then
      scaled to [-1, 1] and bent as above. The matrix is invertible, so the zero stays the only one.

    The paper (Rashidi et al. 2026, "ScoreNet", supplement, section 3.1) says only that the map is non-linear
    and hidden; these families are this project's choice.
    """

    family: Family
    optimum: Float[np.ndarray, " n"]
    mixing: Float[np.ndarray, "n n"]
    curvature: Float[np.ndarray, "2 n"]  # below and above the optimum

    def relative(self, x: Float[Tensor, "batch n"]) -> Float[Tensor, "batch n"]:
        """Signed relative levels in [-1, 1], float64 on the CPU.

        In numpy: for five numbers a candidate torch's threads cost more than the sums.
        """
        u = x.detach().cpu().double().numpy() - self.optimum
        largest = np.abs(self.mixing) @ np.maximum(self.optimum, 1 - self.optimum)
        t = (u @ self.mixing.T) / largest
        if self.family != "identity":
            a = np.where(t < 0, self.curvature[0], self.curvature[1])
            t = np.sign(t) * np.expm1(a * np.abs(t)) / np.expm1(a)
        return torch.from_numpy(t)


def hidden_map(family: str, dimensions: int, seed: int) -> HiddenMap:
    """Draw a map. The optimum keeps a distance of 0.1 to 0.3 from the middle and so from the border.

    Raises:
        ConfigError: no such family.
    """
    if family not in FAMILIES:
        raise ConfigError(f"map {family!r} is none of {', '.join(FAMILIES)}")
    random = np.random.default_rng([seed, dimensions])
    side = np.where(random.random(dimensions) < 0.5, -1.0, 1.0)
    optimum = 0.5 + side * random.uniform(0.1, 0.3, dimensions)
    # A curvature near 0 would be a straight line (and 0/0): keep it at least 0.5 from there.
    bend = np.where(random.random((2, dimensions)) < 0.5, -1.0, 1.0)
    curvature = bend * random.uniform(0.5, 3.0, (2, dimensions))
    q, r = np.linalg.qr(random.standard_normal((dimensions, dimensions)))
    mixing = q * np.sign(np.diag(r)) if family == "coupled" else np.eye(dimensions)
    return HiddenMap(FAMILIES[FAMILIES.index(family)], optimum, mixing, curvature)

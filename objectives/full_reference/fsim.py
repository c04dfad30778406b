"""FSIM with colour (FSIMc): similarity of phase congruency, gradients and chroma.

Source: Zhang, Zhang, Mou and Zhang 2011, FSIM: a feature similarity index for image quality assessment,
doi:10.1109/TIP.2011.2109730.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from objectives.full_reference.objective import (
    FullReference,
    OneImage,
    OtherImages,
    Plane,
    Planes,
    Scratch,
    filter_valid,
    is_flat,
    length,
    shrink,
    shrink_plane,
    undefined,
)
from objectives.full_reference.phase_congruency import Bank, bank, phase_congruency, phase_congruency_plane
from objectives.full_reference.view import view_option

YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
"""RGB to YIQ with the coefficients of the authors' code."""

T_CONGRUENCY, T_GRADIENT, T_CHROMA = 0.85, 160.0, 200.0
"""T1, T2 and T3 = T4 of the paper, for planes in [0, 255]."""

CHROMA_POWER = 0.03
"""The paper's lambda."""

_SMOOTH, _DIFFERENCE = np.array([3.0, 10.0, 3.0]) / 16, np.array([1.0, 0.0, -1.0])  # Scharr's operator
_NEGATIVE = math.cos(CHROMA_POWER * math.pi)  # the real part of (-1)^lambda
_FLOOR = 1e-8  # weight of a pixel without features, for images that have none anywhere


@dataclass(frozen=True)
class Reference:
    """A reference shrunk to about 256 pixels, and the filters for its size; float32."""

    factor: int
    bank: Bank
    congruency: Float[Tensor, "1 1 height width"]
    gradient: Float[Tensor, "1 1 height width"]
    chroma: Float[Tensor, "1 2 height width"]  # I and Q in [-255, 255]


def fsim(argument: str | None = None) -> FullReference:
    """Feature similarity with chroma (FSIMc), of images shrunk to about 256 pixels; 1 is equal.

    An image whose shorter side is n pixels is shrunk by the factor n / 256, rounded, and at least 1. Time goes
    into sixteen Fourier transforms, so an image of 383 pixels, which is not shrunk, takes longer than one of
    384. Range [0, 1]. Against piq 0.8 (`fsim`) and pyiqa 0.1.16 (`fsim`): within 2e-4,
    but for inverted colours (1e-3), where a negative chroma similarity is raised to a power. A flat reference has no
    features to weigh by: it is refused.
    """
    view = view_option("fsim", argument)
    return FullReference(
        name="fsim",
        view=view,
        facts=ObjectiveFacts(
            direction="maximize",
            range=(0.0, 1.0),
            unit="similarity",
            source="Zhang, Zhang, Mou and Zhang 2011, FSIM: a feature similarity index for image quality "
            "assessment, doi:10.1109/TIP.2011.2109730",
            uses_reference=True,
        ),
        prepare=prepare,
        score_planes=_score_planes,
        score_tensor=_score_tensor,
        smallest_side=16,
    )


def prepare(reference: OneImage) -> Reference:
    """What FSIM needs of a reference [1, 3, H, W].

    Raises:
        ScoreError: the reference is flat: FSIM weighs pixels by features, and a flat picture beside it would be 0 / 0.
    """
    if is_flat(reference):
        raise undefined("fsim", "features to weigh pixels by")
    factor = max(1, math.floor(min(reference.shape[-2:]) / 256 + 0.5))
    yiq = _yiq(reference.double(), factor)
    filters = bank(*yiq.shape[-2:])
    filters = Bank(filters.filters.to(reference.device), filters.noise.to(reference.device))
    return Reference(
        factor=factor,
        bank=filters,
        congruency=phase_congruency(yiq[:, :1], filters).float(),
        gradient=_gradient(yiq[:, :1]).float(),
        chroma=yiq[:, 1:].float(),
    )


def _yiq(images: Images, factor: int) -> OtherImages:
    matrix = torch.as_tensor(255 * YIQ, dtype=images.dtype, device=images.device)
    return torch.einsum("ij,bjhw->bihw", matrix, shrink(images, factor))


def _gradient(luma: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 height width"]:
    padded = torch.nn.functional.pad(luma, (1, 1, 1, 1))
    across, down = filter_valid(padded, _DIFFERENCE, _SMOOTH), filter_valid(padded, _SMOOTH, _DIFFERENCE)
    return (across * across + down * down).sqrt()


def _score_planes(planes: Planes, reference: Reference, scratch: Scratch) -> float:
    luma, *chroma = _yiq_planes(planes, reference.factor)
    across = cv2.sepFilter2D(luma, -1, _DIFFERENCE, _SMOOTH, borderType=cv2.BORDER_CONSTANT)
    down = cv2.sepFilter2D(luma, -1, _SMOOTH, _DIFFERENCE, borderType=cv2.BORDER_CONSTANT)
    gradient = length(across, down)
    congruency = phase_congruency_plane(luma, reference.bank)
    theirs = reference.congruency[0, 0].numpy()
    weights = np.maximum(congruency, theirs)
    weights += _FLOOR
    similar = _similarity(congruency, theirs, T_CONGRUENCY)
    similar *= _similarity(gradient, reference.gradient[0, 0].numpy(), T_GRADIENT)
    colour = _similarity(chroma[0], reference.chroma[0, 0].numpy(), T_CHROMA)
    colour *= _similarity(chroma[1], reference.chroma[0, 1].numpy(), T_CHROMA)
    sign = np.where(colour < 0, np.float32(_NEGATIVE), np.float32(1))
    similar *= np.power(np.abs(colour, out=colour), np.float32(CHROMA_POWER), out=colour)
    similar *= sign
    similar *= weights
    return float(similar.sum(axis=1).sum(dtype=np.float64) / weights.sum(axis=1).sum(dtype=np.float64))


def _yiq_planes(planes: Planes, factor: int) -> Float32[np.ndarray, "3 newheight newwidth"]:
    small = np.stack([shrink_plane(plane, factor) for plane in planes])
    mixed = (255 * YIQ).astype(np.float32) @ small.reshape(3, -1)
    return mixed.reshape(small.shape)


def _similarity(first: Plane, second: Plane, stabiliser: float) -> Plane:
    """(2ab + T) / (a^2 + b^2 + T), as 1 - (a - b)^2 / (a^2 + b^2 + T). Writes into no argument."""
    difference = np.square(first - second)
    bottom = np.square(first)
    bottom += np.square(second)
    bottom += stabiliser
    difference /= bottom
    return np.subtract(1, difference, out=difference)


def _score_tensor(images: Images, reference: Reference) -> Scores:
    yiq = _yiq(images, reference.factor)
    congruency = phase_congruency(yiq[:, :1], reference.bank)
    weights = torch.maximum(congruency, reference.congruency) + _FLOOR
    similar = _similarity_tensor(congruency, reference.congruency, T_CONGRUENCY)
    similar = similar * _similarity_tensor(_gradient(yiq[:, :1]), reference.gradient, T_GRADIENT)
    colour = _similarity_tensor(yiq[:, 1:], reference.chroma, T_CHROMA).prod(1, keepdim=True)
    colour = torch.where(colour < 0, _NEGATIVE, 1.0) * colour.abs() ** CHROMA_POWER
    top = (similar * colour * weights).sum((1, 2, 3), dtype=torch.float64)
    return (top / weights.sum((1, 2, 3), dtype=torch.float64)).float()


def _similarity_tensor(first: Tensor, second: Tensor, stabiliser: float) -> Tensor:
    return 1 - (first - second).square() / (first.square() + second.square() + stabiliser)

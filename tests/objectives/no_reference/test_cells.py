"""Cells and sorted rows against PyTorch's own."""

import pytest
import torch
from torch.nn import functional

from objectives.no_reference.cells import ascending, cell_means


@pytest.mark.parametrize("side", [2, 3, 8])
@pytest.mark.parametrize("shape", [(2, 3, 64, 48), (1, 1, 17, 30), (3, 8, 8)])
def test_means_are_those_of_pooling(side, shape):
    planes = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    # The order in which up to 64 numbers below 1 are added: some units of the last place.
    torch.testing.assert_close(
        cell_means(planes, side), functional.avg_pool2d(planes, side), atol=5e-7, rtol=0
    )


def test_means_of_a_part_of_a_larger_picture():
    planes = torch.rand(2, 3, 50, 40, generator=torch.Generator().manual_seed(1))[:, 1:, 3:-1, 5:-2]
    expected = functional.avg_pool2d(planes.contiguous(), 8)
    torch.testing.assert_close(cell_means(planes, 8), expected, atol=5e-7, rtol=0)


def test_what_is_smaller_than_a_cell_has_none():
    assert cell_means(torch.rand(2, 3, 7, 20), 8).shape == (2, 3, 0, 2)


def test_rows_are_sorted_as_pytorch_sorts_them():
    rows = torch.randn(3, 2, 500, generator=torch.Generator().manual_seed(2))
    rows[0, 1, 7] = torch.nan
    rows[2, 0, :3] = torch.inf
    given = rows.clone()
    torch.testing.assert_close(ascending(rows), rows.sort(-1).values, equal_nan=True, atol=0, rtol=0)
    torch.testing.assert_close(rows, given, equal_nan=True, atol=0, rtol=0)

"""What the compact DepictQA is trained on: a made-up table, its pairs, the paper's accuracy, and that it learns."""

import argparse

import numpy as np
import pytest
import torch

from isptune.diagnosis.finding import CATEGORIES
from isptune.distortions.depictqa_recipes import OUT_OF_DISTRIBUTION
from objectives.depictqa.differences import DIFFERENCES
from objectives.depictqa.network import SETS, read_network
from objectives.depictqa.traces import SEEN
from objectives.training.depictqa.pairs import Pairs
from objectives.training.depictqa.pictures import (
    SMALLEST,
    TYPE_NAMES,
    Pictures,
    draw_part,
    read_pictures,
    resized,
    stored,
    write_pictures,
)
from objectives.training.depictqa.training import Training, hits_of, originals, set_numbers
from objectives.training.pictures.photographs import Photograph
from objectives.training.pictures.tables import joined

CUTS, VERSIONS, RATED, RESIZED = 24, 5, 30, 6


def table():
    """Cuts with versions of one distortion, whose category stands in the features; photographs; resized copies."""
    generator = torch.Generator().manual_seed(0)
    spoilt, copies = CUTS * VERSIONS, RESIZED * 3
    count = spoilt + RATED + copies
    none = torch.full((count, 2), -1)
    categories, types, severities = none.clone(), none.clone(), torch.zeros(count, 2, dtype=torch.long)
    place = torch.arange(spoilt) % VERSIONS
    spoilt_rows = (place > 0).nonzero().flatten()
    categories[spoilt_rows, 0] = torch.randint(12, (len(spoilt_rows),), generator=generator)
    severities[spoilt_rows, 0] = torch.randint(1, 6, (len(spoilt_rows),), generator=generator)
    first_types = torch.tensor([TYPE_NAMES.index(n) for n in first_type_names()])
    types[spoilt_rows, 0] = first_types[categories[spoilt_rows, 0]]
    seen = 0.1 * torch.randn(count, SEEN, generator=generator)
    for row in spoilt_rows.tolist():
        seen[row, 210 + int(categories[row, 0])] += 3
    likeness = torch.rand(count, 2, generator=generator)
    opinion, scale = torch.full((count,), torch.nan), torch.full((count,), torch.nan)
    opinion[spoilt : spoilt + RATED] = torch.rand(RATED, generator=generator)
    scale[spoilt + RATED :] = torch.tensor([1.0, 0.7, 0.0]).repeat(RESIZED)
    cut = torch.cat(
        [
            torch.arange(CUTS).repeat_interleave(VERSIONS),
            CUTS + torch.arange(RATED),
            CUTS + RATED + torch.arange(RESIZED).repeat_interleave(3),
        ]
    )
    beside = 0.1 * torch.randn(count, DIFFERENCES, generator=generator)
    return Pictures(seen, beside, categories, severities, types, likeness, opinion, scale, cut, cut + 0)


def first_type_names():
    from isptune.distortions.depictqa_recipes import TYPES

    return [TYPES[category][0] for category in CATEGORIES]


@pytest.fixture(scope="module")
def pictures():
    return table()


def test_a_table_is_read_as_it_was_written_and_cuts_of_two_stay_apart(tmp_path, pictures):
    write_pictures(tmp_path / "t.safetensors", pictures)
    twice = read_pictures([tmp_path / "t.safetensors"] * 2)
    assert len(twice) == 2 * len(pictures)
    assert len(twice.cut.unique()) == 2 * len(pictures.cut.unique())
    torch.testing.assert_close(twice.seen[: len(pictures)], pictures.seen, atol=5e-3, rtol=1e-3)
    assert torch.equal(joined([pictures, pictures]).types, twice.types)


def test_the_first_row_of_each_cut_is_its_original():
    assert originals(torch.tensor([4, 4, 7, 7, 7, 5])).tolist() == [0, 0, 2, 2, 2, 5]


def test_sets_have_numbers_in_any_order_of_their_categories():
    noise, blur = CATEGORIES.index("noise"), CATEGORIES.index("blur")
    numbers = set_numbers(torch.tensor([[-1, -1], [noise, -1], [noise, blur], [blur, noise]]))
    assert [SETS[n] for n in numbers] == [(), ("noise",), ("blur", "noise"), ("blur", "noise")]


@pytest.mark.parametrize(
    ("named", "true", "score"),
    [
        (("noise",), ("noise",), 1.0),
        (("blur", "noise"), ("noise",), 0.0),
        ((), (), 1.0),
        (("noise",), (), 0.0),
        (("noise",), ("blur", "noise"), 0.5),
        (("blur", "noise"), ("blur", "noise"), 1.0),
        (("blur", "compression"), ("blur", "noise"), 0.5),
        (("darken",), ("blur", "noise"), 0.0),
        ((), ("blur", "noise"), 0.0),
    ],
)
def test_accuracy_is_the_paper_s(named, true, score):
    """Of one distortion all or nothing; of two hits / max(named, true): values worked out by hand."""
    numbers = {one: torch.tensor([i]) for i, one in enumerate(SETS)}
    assert hits_of(numbers[named], numbers[true]).tolist() == [score]


def drawn(pictures, kind):
    pairs = Pairs(pictures, originals(pictures.cut))
    found = pairs.draw_kind(kind, np.random.default_rng(0), 400)
    assert found is not None
    return found


def test_versions_are_of_one_cut_and_the_untouched_one_is_better(pictures):
    pairs = drawn(pictures, "versions")
    assert torch.equal(pictures.cut[pairs.first], pictures.cut[pairs.second])
    assert bool(pairs.same.all())
    untouched = (pictures.categories[pairs.first, 0] < 0) & (pairs.first != pairs.second)
    assert untouched.any()
    assert pairs.wanted[untouched].min() > 0.9


def test_of_one_type_the_milder_one_is_better(pictures):
    pairs = drawn(pictures, "versions")
    a, b = pictures.severities[pairs.first, 0], pictures.severities[pairs.second, 0]
    same = (pictures.types[pairs.first, 0] == pictures.types[pairs.second, 0]) & (a > 0) & (a != b)
    assert same.any()
    assert torch.equal(pairs.wanted[same] > 0.5, (a < b)[same])


def test_rated_pairs_follow_the_opinions_and_are_surer_the_more_they_differ(pictures):
    pairs = drawn(pictures, "rated")
    difference = pictures.opinion[pairs.first] - pictures.opinion[pairs.second]
    kept = difference != 0
    assert torch.equal((pairs.wanted > 0.5)[kept], (difference > 0)[kept])
    order = difference.argsort()
    assert bool((pairs.wanted[order].diff() >= 0).all())
    assert not pairs.same.any()


def test_smaller_copies_and_swapped_sides_lose(pictures):
    pairs = drawn(pictures, "resized")
    a, b = pictures.scale[pairs.first], pictures.scale[pairs.second]
    counted = pairs.weight > 0
    assert torch.equal(pairs.wanted[counted] > 0.5, (a > b)[counted])
    # Nothing is known of a small copy beside swapped sides.
    assert not counted[(torch.minimum(a, b) == 0) & (torch.maximum(a, b) < 1)].any()


def options(tmp_path, **changes):
    known = {
        "tables": [tmp_path / "t.safetensors"], "out": tmp_path / "trained.safetensors", "steps": 30, "rate": 4e-3,
        "dropout": 0.0, "every": 30, "seed": 0, "out_of_distribution": False,
    }  # fmt: skip
    return argparse.Namespace(**(known | changes))


@pytest.mark.slow
def test_training_learns_a_plain_table_and_writes_what_can_be_read(tmp_path, pictures):
    write_pictures(tmp_path / "t.safetensors", pictures)
    training = Training(options(tmp_path))
    training.run()
    network = read_network(tmp_path / "trained.safetensors")
    told = network.told(network.standardised(pictures.seen))
    spoilt = pictures.categories[:, 0] >= 0
    named = network.naming(told)[0].argmax(1)
    right = named[spoilt] == set_numbers(pictures.categories)[spoilt]
    assert right.float().mean() > 0.5  # by chance: 0.08
    assert (tmp_path / "trained.json").is_file()


def test_types_of_table_s2_can_be_left_out(tmp_path, pictures):
    write_pictures(tmp_path / "t.safetensors", pictures)
    training = Training(options(tmp_path, out_of_distribution=True))
    held = torch.tensor([TYPE_NAMES.index(name) for name in OUT_OF_DISTRIBUTION])
    for part in (training.train, training.validation):
        assert not torch.isin(part.pictures.types, held).any()
    assert len(training.train.pictures) + len(training.validation.pictures) < len(pictures)


def test_parts_of_photographs_have_drawn_sizes_and_do_not_exceed_the_photograph():
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    photograph = Photograph("made", pixels, None, True, 0.85)
    random = np.random.default_rng(1)
    sizes = {tuple(draw_part(photograph, random).shape[-2:]) for _ in range(8)}
    assert len(sizes) > 4
    assert all(SMALLEST <= height <= 255 and SMALLEST <= width <= 340 for height, width in sizes)


def test_storing_changes_little_and_resizing_gives_the_size_that_was_asked_for():
    image = torch.rand(1, 3, 40, 60, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25
    smooth = torch.nn.functional.avg_pool2d(image, 9, 1, 4, count_include_pad=False)
    random = np.random.default_rng(2)
    for _ in range(30):
        assert float((stored(smooth, random) - smooth).abs().mean()) < 0.02
    assert resized(image, (20, 30)).shape == (1, 3, 20, 30)

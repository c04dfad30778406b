"""Tables of features: kept, joined, refused; extraction that goes on; look-alikes that stay together."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from isptune.errors import ConfigError, SceneError, UnknownName
from isptune.scenes.images import MAX_SIDE, write_image
from objectives.no_reference.lightweight_metrics import LightweightMetrics
from objectives.training.pictures.look_alikes import held_out, like_any, looks, thumbnail
from objectives.training.scorenet.feature_extraction import extract
from objectives.training.scorenet.feature_table import ROWS, joined, read_table, write_table
from tests.objectives.fake_encoder import FakeEncoder
from tests.objectives.training.scorenet.feature_tables import table


def same(one, two):
    columns = all(
        torch.equal(getattr(one, name).nan_to_num(-9), getattr(two, name).nan_to_num(-9)) for name in ROWS
    )
    return columns and one.described() == two.described()


def test_a_table_is_read_as_it_was_written(tmp_path):
    write_table(tmp_path / "t.safetensors", table(10, versions=2))
    assert same(read_table(tmp_path / "t.safetensors"), table(10, versions=2))
    assert [path.name for path in tmp_path.iterdir()] == ["t.safetensors"]


def test_rows_and_metrics_can_be_chosen():
    whole = table(10)
    part = whole.take([7, 2]).with_metrics(["entropy", "tv"])
    assert part.files == ("0_7.png", "0_2.png")
    assert torch.equal(part.metrics, whole.metrics[[7, 2]][:, [2, 0]])
    with pytest.raises(UnknownName, match="niqe"):
        whole.with_metrics(["niqe"])


def test_groups_of_joined_tables_stay_apart():
    both = joined([table(6, versions=3), table(4, 1), table(6, 2, versions=2)])
    assert both.groups.tolist() == [0, 0, 0, 1, 1, 1, -1, -1, -1, -1, 2, 2, 3, 3, 4, 4]
    assert len(both) == 16
    with pytest.raises(ConfigError, match="different encoders or metrics"):
        joined([table(4), table(4).with_metrics(["tv"])])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": None}, "missing: scores"),
        ({"scores": torch.ones(3)}, "different lengths"),
        ({"metrics": torch.ones(10, 2)}, "are not the 3"),
    ],
)
def test_other_files_are_no_tables(tmp_path, change, message):
    path = tmp_path / "t.safetensors"
    write_table(path, table(10))
    import json

    described = {"features": json.dumps(table(10).described())}
    tensors = {key: value for key, value in {**load_file(path), **change}.items() if value is not None}
    save_file(tensors, path, described)
    with pytest.raises(ConfigError, match=message):
        read_table(path)
    save_file(tensors, path)
    with pytest.raises(ConfigError, match="no table of features"):
        read_table(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ConfigError, match="cannot be read"):
        read_table(path)


class CountingEncoder(FakeEncoder):
    """Counts images; fails at one of them if told to."""

    def __init__(self, seed=0, fails_at=None):
        super().__init__(seed)
        self.seen, self.fails_at = 0, fails_at

    def encode_images(self, images):
        if self.seen == self.fails_at:
            raise KeyboardInterrupt
        self.seen += len(images)
        return super().encode_images(images)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    found = []
    for i in range(5):
        side = 20 + 4 * (i % 2)
        write_image(folder / f"{i}.png", torch.rand((1, 3, side, 24), generator=generator))
        found.append((f"{i}.png", folder / f"{i}.png"))
    return found


METRICS = LightweightMetrics(["tv", "niqe"])


def test_an_interrupted_extraction_goes_on_and_gives_the_same(pictures, tmp_path):
    whole = extract(pictures, CountingEncoder(), METRICS, tmp_path / "whole.safetensors")
    cache = tmp_path / "cache.safetensors"
    with pytest.raises(KeyboardInterrupt):
        extract(pictures, CountingEncoder(fails_at=3), METRICS, cache)
    encoder, told = CountingEncoder(), []
    rest = extract(pictures, encoder, METRICS, cache, lambda done, count: told.append((done, count)))
    assert encoder.seen == 2
    assert told == [(i, 5) for i in range(1, 6)]
    assert same(rest, whole)
    assert whole.metrics[:, 1].isnan().all()  # too small for niqe
    assert whole.files == tuple(name for name, _ in pictures)


def test_that_the_middle_of_a_too_large_picture_is_taken_is_said_when_it_is_read(tmp_path):
    pictures = [(f"{width}.png", tmp_path / f"{width}.png") for width in (8300, 33000)]  # one is used whole
    for width, (_, path) in zip((8300, 33000), pictures, strict=True):
        write_image(path, torch.linspace(0, 1, width).expand(1, 3, 40, width))
    metrics, cache, told = LightweightMetrics(["tv"]), tmp_path / "cache.safetensors", []
    extract(pictures, CountingEncoder(), metrics, cache, tell=told.append)
    assert told == [f"{pictures[1][1]}: is 33000x40; its middle, {MAX_SIDE}x40, is used"]


def test_rows_follow_the_content_of_files_not_their_names(pictures, tmp_path):
    cache = tmp_path / "cache.safetensors"
    before = extract(pictures, CountingEncoder(), METRICS, cache)
    pictures[0][1].write_bytes(pictures[4][1].read_bytes())
    write_image(pictures[4][1], torch.full((1, 3, 30, 30), 0.5))
    encoder = CountingEncoder()
    after = extract(list(reversed(pictures)), encoder, METRICS, cache)
    assert encoder.seen == 1
    assert torch.equal(after.images[4], before.images[4])
    assert torch.equal(after.images[1:4], before.images[1:4].flip(0))


def test_a_cache_of_another_encoder_or_of_other_metrics_is_replaced(pictures, tmp_path):
    cache = tmp_path / "cache.safetensors"
    extract(pictures, CountingEncoder(), METRICS, cache)
    for encoder, metrics in ((CountingEncoder(1), METRICS), (CountingEncoder(1), LightweightMetrics(["tv"]))):
        found = extract(pictures, encoder, metrics, cache)
        assert encoder.seen == 5
        assert same(found, read_table(cache))


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_kept(pictures, tmp_path):
    pictures[3][1].write_bytes(b"no picture")
    cache = tmp_path / "cache.safetensors"
    with pytest.raises(SceneError, match=r"3\.png"):
        extract(pictures, CountingEncoder(), METRICS, cache)
    assert len(read_table(cache)) == 3


def test_pictures_look_alike_when_their_thumbnails_correlate():
    drawn = np.random.default_rng(0)
    one, two = (
        np.kron(drawn.integers(0, 256, (16, 16, 1)), np.ones((4, 4, 3))).astype(np.uint8) for _ in range(2)
    )
    noisy = np.clip(one + drawn.normal(0, 20, one.shape), 0, 255).astype(np.uint8)
    thumbnails = np.stack([thumbnail(pixels) for pixels in (one, two, noisy, 255 - one)])
    gray = one[::4, ::4, 0].astype(float).ravel()
    np.testing.assert_allclose(
        thumbnails[0], (gray - gray.mean()) / np.linalg.norm(gray - gray.mean()), atol=1e-3
    )
    look = looks(thumbnails)
    assert look[0] == look[2]
    assert len(set(look.tolist())) == 3
    assert like_any(thumbnails, thumbnails[:1]).tolist() == [True, False, True, False]
    assert not thumbnail(np.full((20, 20, 3), 9, np.uint8)).any()


def test_chains_of_look_alikes_are_one_look():
    angles = np.radians([0, 20, 40, 180])
    thumbnails = np.zeros((4, 256))
    thumbnails[:, 0], thumbnails[:, 1] = np.cos(angles), np.sin(angles)
    look = looks(thumbnails).tolist()
    assert look[0] == look[1] == look[2] != look[3]


def test_whole_looks_are_held_out():
    look = np.random.default_rng(0).integers(0, 60, 300)
    out = held_out(look, 0.2, seed=3)
    assert 45 <= out.sum() <= 60
    assert not set(look[out]) & set(look[~out])
    assert (out == held_out(look, 0.2, seed=3)).all()
    assert (out != held_out(look, 0.2, seed=4)).any()
    with pytest.raises(ConfigError, match="cannot be held out"):
        held_out([0] * 50, 0.2, seed=0)

"""The compact DepictQA: order, odd pictures, its file, and that the bundled weights name what is plain to see."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from skimage import data

from isptune.diagnosis.finding import CATEGORIES, LOCAL
from isptune.distortions import preset
from isptune.distortions.depictqa_recipes import allowed_pairs
from isptune.errors import ConfigError, ScoreError
from isptune.interfaces import Diagnoses, Judge, PrefersEach
from isptune.registry import installed
from isptune.scenes.scene import Scene
from objectives.depictqa.depictqa import WEIGHTS_FILE, DepictQa, build
from objectives.depictqa.network import SETS, DepictQaNetwork, Sizes, pack, read_network

TINY = Sizes(members=2, naming=8, rating=6, pair=3)


def tiny_network(seed=0):
    torch.manual_seed(seed)
    network = DepictQaNetwork(TINY)
    with torch.no_grad():
        network.mean.normal_(0, 0.5)
        network.deviation.uniform_(0.5, 2.0)
        for value in network.parameters():
            value.add_(0.3 * torch.randn_like(value))
    return network.eval()


@pytest.fixture
def tiny():
    return DepictQa(tiny_network(), {}, reference=False)


@pytest.fixture
def tiny_beside():
    return DepictQa(tiny_network(), {}, reference=True)


def pictures(count, height=64, width=80, seed=0):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def photograph(side=256):
    pixels = data.astronaut()[:side, 100 : 100 + side]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).unsqueeze(0).float() / 255


def test_sets_are_nothing_each_category_and_the_paper_s_pairs_in_any_order():
    assert SETS[0] == ()
    assert [one[0] for one in SETS[1:13]] == list(CATEGORIES)
    assert {frozenset(one) for one in SETS[13:]} == {frozenset(one) for one in allowed_pairs()}
    assert len(set(SETS)) == len(SETS) == 56


@pytest.mark.slow
@pytest.mark.parametrize("reference", [False, True])
def test_a_pair_turned_around_has_exactly_one_minus_the_probability(reference):
    judge = DepictQa(tiny_network(), {}, reference)
    other = DepictQa(tiny_network(), {}, reference)
    first, second = pictures(5, seed=1), pictures(5, seed=2)
    scene = Scene("", first[:1], first[:1])
    forth = judge.prefer(first, second, scene)
    assert forth.unique().numel() == 5
    # By one that remembers nothing of the other's, and pair by pair.
    assert torch.equal(other.prefer(second, first, scene), 1 - forth)
    for row in range(5):
        back = other.prefer(second[row : row + 1], first[row : row + 1], scene)
        torch.testing.assert_close(back, 1 - forth[row : row + 1], atol=1e-6, rtol=0)


def test_a_picture_beside_itself_is_a_tie(tiny):
    images = pictures(2)
    assert torch.equal(tiny.prefer(images, images, Scene("", images[:1])), torch.full((2,), 0.5))


def test_each_against_each_is_the_same_as_pair_by_pair(tiny):
    images, others = pictures(2, seed=3), pictures(3, 48, 48, seed=4)
    scene = Scene("", images[:1])
    matrix = tiny.prefer_each(images, others, scene)
    for i in range(2):
        for j in range(3):
            one = tiny.prefer(images[i : i + 1], others[j : j + 1], scene)
            torch.testing.assert_close(matrix[i, j], one[0], atol=1e-6, rtol=0)
    assert tiny.prefer_each(images[:0], others, scene).shape == (0, 3)
    assert tiny.prefer(images[:0], others[:0], scene).shape == (0,)


def test_what_a_picture_is_found_to_be_does_not_depend_on_the_batch(tiny):
    images = pictures(4, seed=5)
    scene = Scene("", images[:1])
    together = tiny.look(images, scene)
    alone = DepictQa(tiny.network, {}, reference=False).look(images[2:3], scene)[0]
    assert torch.equal(together[2].sets, alone.sets)
    assert torch.equal(together[2].rated, alone.rated)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (5, 7), (1, 1), (131, 157), (600, 40)])
def test_pictures_of_any_size_are_described_and_compared(tiny, height, width):
    images = pictures(1, height, width)
    scene = Scene("", images)
    diagnosis = tiny.describe(images, scene)[0]
    assert 0 < diagnosis.confidence <= 1
    assert len(diagnosis.findings) <= 2
    assert diagnosis.heat_map.min() >= 0
    assert diagnosis.heat_map.max() <= 1
    assert 0 < float(tiny.prefer(images, pictures(1, 40, 30), scene)) < 1


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_plain_pictures_have_finite_answers(tiny, tiny_beside, level):
    plain = torch.full((1, 3, 64, 64), level)
    for reference in (plain, pictures(1, 64, 64)):
        scene = Scene("", reference, reference)
        for judge in (tiny, tiny_beside):
            assert judge.prefer(plain, reference, scene).isfinite().all()
            assert np.isfinite(judge.describe(plain, scene)[0].heat_map).all()


def test_a_picture_with_nan_fails_its_pair_alone(tiny):
    images = pictures(3)
    broken = images.clone()
    broken[1, 0, 3, 4] = torch.nan
    found = tiny.prefer(broken, images.flip(0), Scene("", images[:1]))
    assert found.isnan().tolist() == [False, True, False]
    with pytest.raises(ScoreError, match="NaN or infinite"):
        tiny.describe(broken, Scene("", images[:1]))


def test_a_reference_that_is_missing_or_of_another_size_is_refused(tiny_beside):
    images = pictures(2)
    with pytest.raises(ScoreError, match="has none"):
        tiny_beside.prefer(images, images, Scene("bare", images[:1]))
    other = pictures(1, 32, 32)
    with pytest.raises(ScoreError, match="80x64 is beside a reference of 32x32"):
        tiny_beside.describe(images, Scene("", other, other))


def test_a_reference_changes_the_answer_and_none_is_looked_at_without_being_asked(tiny, tiny_beside):
    images = pictures(1)
    scenes = [Scene("", one, one) for one in (images, pictures(1, seed=9))]
    beside = [tiny_beside.look(images, scene)[0].sets for scene in scenes]
    assert not torch.allclose(beside[0], beside[1])
    plain = [tiny.look(images, scene)[0].sets for scene in scenes]
    assert torch.equal(plain[0], plain[1])


def written(tmp_path):
    path = tmp_path / "tiny.safetensors"
    pack(tiny_network(), path)
    return path


def test_a_file_gives_the_network_that_was_packed(tmp_path):
    judge = build(f"{written(tmp_path)}")
    network = read_network(tmp_path / "tiny.safetensors")
    for key, value in tiny_network().state_dict().items():
        torch.testing.assert_close(network.state_dict()[key], value, atol=2e-3, rtol=2e-3)
    images = pictures(2)
    assert judge.prefer(images, images.flip(0), Scene("", images[:1])).isfinite().all()
    assert set(judge.facts.weights) == {"tiny.safetensors"}


def test_a_file_that_lacks_tensors_is_refused_by_their_names(tmp_path):
    state = load_file(written(tmp_path))
    metadata = {"format": "isptune depictqa 1", "sizes": json.dumps(asdict(TINY))}
    del state["rating.members.0.quality.weight"]
    save_file(state, tmp_path / "lacking.safetensors", metadata)
    with pytest.raises(ConfigError, match=r"rating\.members\.0\.quality\.weight"):
        build(str(tmp_path / "lacking.safetensors"))


def test_a_truncated_file_one_of_another_kind_and_none_are_refused(tmp_path):
    path = written(tmp_path)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ConfigError, match="is no compact DepictQA"):
        build(str(cut))
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors", {"format": "other"})
    with pytest.raises(ConfigError, match="'other', not 'isptune depictqa 1'"):
        build(str(tmp_path / "other.safetensors"))
    with pytest.raises(ConfigError, match="no such file"):
        build(str(tmp_path / "missing.safetensors"))


@pytest.fixture(scope="module")
def bundled():
    return build()


@pytest.fixture(scope="module")
def bundled_beside():
    return build(None, reference=True)


PLAIN_TO_SEE = [
    ("noise_gaussian_RGB", 4), ("blur_gaussian", 4), ("pixelate", 4), ("compression_jpeg", 5),
    ("brightness_darken_shfit_RGB", 5), ("saturate_weaken_YCrCb", 5),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "severity"), PLAIN_TO_SEE)
def test_the_bundled_network_names_what_is_plain_to_see(bundled, bundled_beside, kind, severity):
    original = photograph()
    one = preset("depictqa", kind)
    spoilt = one.apply(original, severity, generator=torch.Generator().manual_seed(0))
    scene = Scene("", original, original)
    for judge in (bundled, bundled_beside):
        findings = judge.describe(spoilt, scene)[0].findings
        assert one.group in [finding.category for finding in findings]
        found = next(finding for finding in findings if finding.category == one.group)
        assert abs(found.severity - severity) <= 2
        # Without its colours a picture may please as much, to who does not know them.
        if judge.facts.uses_reference or one.group in LOCAL:
            assert float(judge.prefer(original, spoilt, scene)) > 0.5


@pytest.mark.slow
def test_the_bundled_network_finds_nothing_wrong_beside_an_equal_reference(bundled_beside):
    original = photograph()
    diagnosis = bundled_beside.describe(original, Scene("", original, original))[0]
    assert diagnosis.findings == ()


@pytest.mark.slow
def test_a_heat_map_shows_where_the_noise_is(bundled):
    image = torch.cat([photograph(), photograph()], 3)
    noise = 0.2 * torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    image[..., 256:] = (image[..., 256:] + noise).clamp(0, 1)
    heat = bundled.describe(image, Scene("", image))[0].heat_map
    assert heat.shape == (2, 4)
    assert heat[:, 2:].min() > heat[:, :2].max()


def test_the_bundled_weights_stay_below_twelve_megabytes(bundled):
    assert WEIGHTS_FILE.stat().st_size < 12e6
    assert set(bundled.facts.weights) == {WEIGHTS_FILE.name}


def test_it_is_a_judge_that_diagnoses_and_is_registered(bundled):
    assert isinstance(bundled, Judge)
    assert isinstance(bundled, Diagnoses)
    assert isinstance(bundled, PrefersEach)
    assert installed("judge")["depictqa"].load() is build

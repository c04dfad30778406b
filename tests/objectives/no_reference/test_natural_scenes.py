"""NIQE, BRISQUE and their parts against independent float64 versions, samples of known shape and OpenCV's numbers."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from isptune.errors import ConfigError, ScoreError
from isptune.interfaces import Objective
from isptune.registry import build
from isptune.scenes.scene import bundled
from objectives.no_reference import scene_statistics
from objectives.no_reference.brisque import REGRESSION_FILE, brisque
from objectives.no_reference.generalized_gaussian import fit_aggd, fit_ggd
from objectives.no_reference.niqe import niqe
from objectives.no_reference.published_parameters import Regression, read_regression
from objectives.no_reference.scene_statistics import (
    BRISQUE_2012,
    NIQE_2013,
    OPENCV,
    brisque_features,
    halve,
    mscn,
)
from tests.objectives.no_reference import natural_scene_oracles as oracles

NAMES = ("niqe", "brisque")


@pytest.fixture(scope="module", params=NAMES)
def objective(request):
    return build("objective", request.param)


@pytest.fixture(scope="module")
def scene():
    return bundled("coffee")[0]


@pytest.fixture(scope="module")
def photo(scene):
    """A piece with cup, spoon and wood, 200 x 301: no side is a multiple of the blocks."""
    return scene.image[:, :, 60:260, 150:451].contiguous()


def noisy(image, levels, seed=0):
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    return ((image + noise * levels / 255).clamp(0, 1) * 255).round() / 255


def blurred(image, radius):
    return torch.nn.functional.avg_pool2d(image, 2 * radius + 1, 1, radius)


def generalized_gaussian(shape, count, seed):
    """Samples of density exp(-|x|^shape): a power of a gamma variate with a random sign."""
    generator = np.random.default_rng(seed)
    magnitude = generator.gamma(1 / shape, size=count) ** (1 / shape)
    return magnitude * generator.choice([-1, 1], count)


def test_objective_describes_itself_and_carries_weights_with_hashes(objective):
    assert isinstance(objective, Objective)
    assert all(len(digest) == 64 for digest in objective.facts.weights.values())


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0, 4.0])
def test_fit_recovers_the_shape_and_deviation_of_samples(shape):
    samples = torch.tensor(generalized_gaussian(shape, 200_000, 1) * 3).float().unsqueeze(0)
    fit = fit_ggd(samples)
    expected = 3 * math.sqrt(math.gamma(3 / shape) / math.gamma(1 / shape))
    assert float(fit.shape) == pytest.approx(shape, rel=0.03)
    assert float(fit.deviation) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("shape", [0.7, 1.0, 2.0])
def test_asymmetric_fit_recovers_both_sides(shape):
    x = generalized_gaussian(shape, 300_000, 2)
    # A side is taken with a probability in proportion to its width, so that the density has no step at 0.
    magnitude, wide = np.abs(x), np.random.default_rng(3).random(len(x)) < 0.75
    samples = np.where(wide, 3 * magnitude, -magnitude)
    fit = fit_aggd(torch.tensor(samples).float().unsqueeze(0))
    unit = math.sqrt(math.gamma(3 / shape) / math.gamma(1 / shape))
    assert float(fit.shape) == pytest.approx(shape, rel=0.03)
    assert float(fit.left) == pytest.approx(unit, rel=0.02)
    assert float(fit.right) == pytest.approx(3 * unit, rel=0.02)
    assert float(fit.mean) == pytest.approx(samples.mean(), rel=0.03)


def test_fits_of_one_sided_and_of_zero_samples_are_finite():
    fit = fit_aggd(torch.stack([torch.zeros(50), torch.ones(50), -torch.ones(50)]))
    assert fit.one_sided.all()
    for part in (fit.shape, fit.left, fit.right, fit.mean):
        assert part.isfinite().all()
    assert (float(fit.shape[0]), float(fit.left[0]), float(fit.right[0])) == (10, 0, 0)


def test_normalised_luminance_is_that_of_a_plain_two_dimensional_window(photo):
    gray = oracles.gray_levels(photo[0].double().numpy())
    for border, mode in (("replicate", "nearest"), ("constant", "constant")):
        ours = mscn(torch.tensor(gray).unsqueeze(0), border)[0].numpy()
        np.testing.assert_allclose(ours, oracles.mscn(gray, mode), atol=1e-5)


@pytest.mark.parametrize("shape", [(20, 30), (21, 33)])
def test_half_size_is_that_of_matlabs_cubic(shape):
    gray = np.random.default_rng(0).uniform(0, 255, shape)
    np.testing.assert_allclose(
        halve(torch.tensor(gray).unsqueeze(0))[0].numpy(), oracles.half(gray), atol=1e-9
    )


@pytest.mark.slow
@pytest.mark.parametrize("levels", [3, 20])
def test_brisque_features_are_those_of_the_paper(photo, levels):
    image = noisy(photo, levels)
    ours = brisque_features(image)[0].numpy()
    # Shapes lie on a grid of 0.001 there and between its points here.
    np.testing.assert_allclose(ours, oracles.brisque_features(image[0].double().numpy()), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("levels", [3, 20])
def test_niqe_is_that_of_the_paper(scene, photo, levels):
    objective = niqe()
    image = noisy(photo, levels)
    model = objective.model
    expected = oracles.niqe(image[0].double().numpy(), model.mean.numpy(), model.covariance.numpy())
    assert float(objective.score(image, scene)) == pytest.approx(expected, rel=3e-3)


def test_features_for_opencv_are_those_of_its_quality_module():
    """From QualityBRISQUE_computeFeatures of OpenCV 5.0.0 (contrib) for the same picture."""
    image = bundled("cat")[0].image[:, :, :384, :448]
    ours = brisque_features(noisy(image, 8), OPENCV)[0]
    first = torch.tensor([2.43, 0.4453, 0.822, 0.001, 0.1913, 0.1927, 0.832, -0.0175])
    second = torch.tensor([2.207, 0.4007, 0.741, 0.0002])
    torch.testing.assert_close(ours[:8], first, atol=1.5e-3, rtol=0)
    torch.testing.assert_close(ours[18:22], second, atol=1.5e-3, rtol=0)


@pytest.mark.slow
def test_distortions_make_both_worse(scene):
    image = scene.image[:, :, 8:392, 44:556].contiguous()
    versions = torch.cat([image, blurred(image, 2), blurred(image, 5), noisy(image, 12), noisy(image, 40)])
    niqe, brisque = (build("objective", name).score(versions, scene) for name in NAMES)
    assert niqe[0] < niqe[1] < niqe[2]
    assert niqe[0] < niqe[3] < niqe[4]
    assert brisque[0] > brisque[1] > brisque[2]
    assert brisque[0] > brisque[3] > brisque[4]


def test_an_image_scores_the_same_alone_and_in_a_batch(objective, scene, photo):
    batch = torch.cat([photo, noisy(photo, 10), blurred(photo, 1), torch.ones_like(photo)])
    together = objective.score(batch, scene)
    alone = torch.cat([objective.score(image.unsqueeze(0), scene) for image in batch])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("definition", [BRISQUE_2012, NIQE_2013, OPENCV])
def test_tensors_of_a_batch_measure_what_planes_of_its_images_do(photo, definition, monkeypatch):
    batch = torch.cat([photo, noisy(photo, 10), blurred(photo, 1), torch.ones_like(photo)])
    batch[:, :, 50:110, 40:100] = 0.75  # flat: rounding must not show
    planes = scene_statistics.patch_features(batch, definition)
    monkeypatch.setattr(
        scene_statistics, "_measure", lambda images, d: scene_statistics.measure_portion(images, d)
    )
    tensors = scene_statistics.patch_features(batch, definition)
    for ours, theirs in zip(tensors, planes, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_extreme_images_have_finite_scores(objective, scene):
    halves = torch.zeros(3, 192, 200)
    halves[:, :, 100:] = 1
    noise = torch.rand(3, 192, 200, generator=torch.Generator().manual_seed(0))
    images = torch.stack([halves, noise, *(torch.full((3, 192, 200), v) for v in (0.0, 0.3, 1.0))])
    scores = objective.score(images, scene)
    assert scores.isfinite().all()
    low, high = objective.facts.range
    assert ((scores >= low) & (scores <= high)).all()


def test_flat_images_are_worse_than_photographs(objective, scene, photo):
    sign = 1 if objective.facts.direction == "maximize" else -1
    best, flat = sign * objective.score(torch.cat([photo, torch.full_like(photo, 0.5)]), scene)
    assert best > flat


def test_nan_in_one_image_gives_nan_for_it_alone(objective, scene, photo):
    spoilt = photo.clone()
    spoilt[0, 1, 5, 5] = math.nan
    scores = objective.score(torch.cat([photo, spoilt]), scene)
    assert scores.isnan().tolist() == [False, True]


@pytest.mark.parametrize(("name", "size"), [("niqe", (96, 191)), ("niqe", (95, 400)), ("brisque", (15, 40))])
def test_images_that_are_too_small_are_refused_with_their_size(name, size, scene):
    with pytest.raises(ScoreError, match=f"{size[1]}x{size[0]}"):
        build("objective", name).score(torch.zeros(1, 3, *size), scene)


@pytest.mark.parametrize(("name", "size"), [("niqe", (96, 192)), ("brisque", (16, 16))])
def test_the_smallest_images_are_scored(name, size, scene):
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    assert build("objective", name).score(image, scene).isfinite().all()


def test_parameters_of_niqe_are_read_from_matlab_and_numpy_files(tmp_path, scene, photo):
    from scipy.io import savemat

    ours = niqe()
    mean, covariance = ours.model.mean.numpy()[None], ours.model.covariance.numpy()
    savemat(tmp_path / "a.mat", {"mu_prisparam": mean, "cov_prisparam": covariance})
    np.savez(tmp_path / "b.npz", mu_pris_param=mean, cov_pris_param=covariance)
    for file in ("a.mat", "b.npz"):
        assert torch.equal(niqe(str(tmp_path / file)).score(photo, scene), ours.score(photo, scene))


def test_a_pickle_in_a_file_of_parameters_is_not_run(tmp_path):
    np.savez(tmp_path / "bad.npz", mu_pris_param=np.array([object()]), cov_pris_param=np.eye(36))
    with pytest.raises(ConfigError, match=r"bad\.npz: cannot be read as parameters"):
        niqe(str(tmp_path / "bad.npz"))


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_no_parameters_are_refused(name, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"not tensors")
    save_file({"mean": torch.zeros(3)}, tmp_path / "other.safetensors")
    (tmp_path / "notes.txt").write_text("")
    factory = {"niqe": niqe, "brisque": brisque}[name]
    for file, reason in (
        ("model.safetensors", "cannot be read"),
        ("other.safetensors", "need"),
        ("notes.txt", "are read from"),
        ("absent.mat", "no such file"),
    ):
        with pytest.raises(ConfigError, match=reason):
            factory(str(tmp_path / file))


OPENCV_MODEL = """%YAML:1.0
---
opencv_ml_svm:
   svmType: EPS_SVR
   kernel:
      type: RBF
      gamma: 5.0e-02
   support_vectors:
      - [ {first} ]
      - [ {second} ]
   decision_functions:
      -
         sv_count: 2
         rho: -40.
         alpha: [ 10., -20. ]
"""


def test_a_regression_in_opencvs_format_predicts_by_its_formula(tmp_path, scene, photo):
    import cv2

    zeros, ones = ", ".join(["0."] * 36), ", ".join(["1."] * 36)
    model = tmp_path / "my_model.yml"
    model.write_text(OPENCV_MODEL.format(first=zeros, second=ones))
    with pytest.raises(ConfigError, match=r"my_range\.yml"):
        brisque(str(model))
    ranges = cv2.FileStorage(str(tmp_path / "my_range.yml"), cv2.FILE_STORAGE_WRITE)
    ranges.write("range", np.stack([np.full(36, -1), np.full(36, 3)]).astype(np.float32))
    ranges.release()
    objective = brisque(str(model))
    x = (brisque_features(photo, OPENCV)[0].double() + 1) / 2 - 1
    expected = 10 * torch.exp(-0.05 * x.square().sum()) - 20 * torch.exp(-0.05 * (x - 1).square().sum()) + 40
    assert objective.facts.direction == "minimize"
    assert sorted(objective.facts.weights) == ["my_model.yml", "my_range.yml"]
    assert float(objective.score(photo, scene)) == pytest.approx(float(expected), abs=1e-4)


def test_a_file_that_is_no_opencv_model_is_refused(tmp_path):
    (tmp_path / "my_model.yml").write_text("%YAML:1.0\n---\nother: 1\n")
    (tmp_path / "my_range.yml").write_text("%YAML:1.0\n---\nother: 1\n")
    with pytest.raises(ConfigError, match="my_model"):
        brisque(str(tmp_path / "my_model.yml"))


def test_bundled_regression_is_a_kernel_machine_over_all_features():
    regression = read_regression(REGRESSION_FILE)
    assert isinstance(regression, Regression)
    at_vector = (regression.support_vectors[:1] + 1) / 2 * (regression.high - regression.low) + regression.low
    distances = (regression.support_vectors - regression.support_vectors[0]).square().sum(1).numpy()
    expected = np.exp(-regression.gamma * distances) @ regression.coefficients.numpy() + regression.offset
    assert float(regression.predict(at_vector)) == pytest.approx(float(expected), abs=1e-6)

"""Two shots of one scene: how they lie beside each other, how bright they are, what moved, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import tifffile
import torch

from isptune.errors import ConfigError, SceneError
from isptune.scenes.images import to_images
from isptune.scenes.pairs.cells import green, mosaic, planes
from isptune.scenes.pairs.levels import chosen_ratio, measured_ratio
from isptune.scenes.pairs.registration import offset_between, whole_periods, worst_in_tiles
from isptune.scenes.pairs.source import pair
from isptune.scenes.pairs.stacking import stacked, without_hot_pixels
from isptune.scenes.scene import crop_scene, load_scenes
from isptune.scenes.sliding import slid
from pipelines.external.dng import _tags
from pipelines.raw.unprocessing import BLACK, WHITE, random_camera, unprocess

THING = slice(100, 140), slice(160, 200)
TAGS = {"time": (33434, 5), "aperture": (33437, 5), "iso": (34855, 3), "focal": (37386, 5)}
EXPOSED = {"time": 0.01, "aperture": 4.0, "iso": 6400, "focal": 50}


def shot(x=0, y=0, iso=100, noise_seed=0, brightness=1.0, thing=False, picture="coffee", size=(240, 320)):
    """A capture of a photograph, moved by so many pixels; `thing` has stood elsewhere."""
    photo = to_images(getattr(skimage.data, picture)(), picture)
    part = photo[..., 20 - y : 20 - y + size[0], 60 - x : 60 - x + size[1]].clone()
    if thing:
        part[..., *THING] = part[..., 30:70, 40:80]
    capture = unprocess(part, random_camera(0, iso), noise_seed)
    numbers = BLACK + (capture.mosaic - BLACK) * brightness
    return replace(capture, mosaic=numbers.round().clamp(0, WHITE))


def write(path, capture, camera="Acme", **exif):
    """A DNG with the tags of a camera."""
    tags = _tags(capture, "RGGB", camera)
    for name, value in {**EXPOSED, **exif}.items():
        code, kind = TAGS[name]
        tags.append((code, kind, 1, int(value) if kind == 3 else (round(value * 1e6), 10**6), True))
    samples = capture.mosaic[0, 0].numpy().astype(np.uint16)
    tifffile.imwrite(path, samples, photometric=32803, extratags=tags, metadata=None, software=False)
    return path


def greens(*captures):
    return [green(planes(capture)) for capture in captures]


@pytest.mark.slow
@pytest.mark.parametrize("picture", ["astronaut", "cat", "coffee"])
@pytest.mark.parametrize(("x", "y", "iso"), [(3, -1, 3200), (0, 1, 12800), (-6, 11, 800)])
def test_an_offset_is_found_to_a_tenth_of_a_pixel_under_noise_and_with_a_thing_that_moved(picture, x, y, iso):
    first, second = greens(
        shot(iso=iso, noise_seed=1, picture=picture), shot(x, y, thing=True, picture=picture)
    )
    offset = offset_between(first, second)
    assert (offset.x, offset.y) == (pytest.approx(x, abs=0.1), pytest.approx(y, abs=0.1))
    assert max(abs(np.subtract((offset.x, offset.y), whole_periods(offset)))) <= 1.01


def test_fractions_of_a_pixel_are_found_too():
    """The photograph is moved by a half at twice the size, so that no interpolation of ours is in the truth."""
    photo = to_images(skimage.data.astronaut(), "a")
    small = [
        torch.nn.functional.avg_pool2d(photo[..., 20 + s : 20 + s + 400, 10 + s : 10 + s + 480], 2)
        for s in (0, 1)
    ]
    first, second = greens(*(unprocess(one, random_camera(0, 400), i) for i, one in enumerate(small)))
    offset = offset_between(first, second)
    assert (offset.x, offset.y) == (pytest.approx(-0.5, abs=0.1), pytest.approx(-0.5, abs=0.1))


@pytest.mark.slow
def test_a_turned_frame_shows_in_its_tiles():
    import cv2

    photo = skimage.data.astronaut()
    turn = cv2.getRotationMatrix2D((256, 256), 0.7, 1)
    turned = cv2.warpAffine(photo, turn, (512, 512), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    first, same, second = greens(
        *(
            unprocess(to_images(p, "p"), random_camera(0, 100), i)
            for i, p in enumerate((photo, photo, turned))
        )
    )
    assert worst_in_tiles(first, same) < 0.1
    assert worst_in_tiles(first, second) > 1


@pytest.mark.parametrize("brightness", [0.25, 0.5, 1.0])
def test_brightness_is_measured_through_the_black_level_whatever_moved(brightness):
    dim = planes(shot(iso=3200, noise_seed=1, brightness=brightness, thing=True))
    ratio = measured_ratio(dim, planes(shot()))
    assert ratio == pytest.approx(brightness, rel=0.005)


def test_samples_decide_where_nominal_tags_are_not_exact():
    assert chosen_ratio(16.0, 16.1) == (16.0, "by ISO, time and aperture")
    assert chosen_ratio(16.0, 17.0) == (17.0, "measured")
    assert chosen_ratio(None, 3.0) == (3.0, "measured")
    assert chosen_ratio(4.0, None) == (4.0, "by ISO, time and aperture")


@pytest.mark.slow
def test_a_mean_of_shots_leaves_out_what_only_one_of_them_shows():
    frames = [planes(shot(iso=1600, noise_seed=seed, thing=seed == 2)) for seed in range(5)]
    frames[3][1, 30, 40] = 0.9  # a hot pixel of one shot
    truth = planes(shot(iso=50, noise_seed=9))
    mean = stacked(frames, [1.0] * 5)
    thing = slice(None), slice(52, 68), slice(82, 98)
    assert np.abs(mean.cells[1, 30, 40] - truth[1, 30, 40]) < 0.05
    one, plain, robust = (np.std((m - truth)[thing]) for m in (frames[0], np.mean(frames, 0), mean.cells))
    assert robust < 0.7 * one
    assert robust < plain
    assert np.std(mean.cells - truth) < 0.5 * np.std(
        frames[0] - truth
    )  # 1 / sqrt(5), and the truth's own noise
    assert 4.5 < mean.frames <= 5


def test_two_shots_that_disagree_are_not_asked():
    frames = [planes(shot(iso=400, noise_seed=seed, thing=seed == 1)) for seed in range(2)]
    unknown = stacked(frames, [1.0, 1.0]).unknown
    assert unknown[62:69, 88:98].mean() > 0.9  # where what stands there is of another brightness
    assert unknown[:, :70].mean() < 0.01


def test_a_hot_pixel_is_replaced_and_a_star_is_kept():
    cells = planes(shot())
    hot, star = cells.copy(), cells.copy()
    hot[0, 40, 50] = 0.9
    star[:, 40, 50] = 0.9
    assert np.abs(without_hot_pixels(hot)[0, 40, 50] - cells[0, 40, 50]) < 0.1
    assert (without_hot_pixels(star)[:, 40, 50] == 0.9).all()


def test_cells_and_mosaic_are_inverse():
    capture = shot()
    again = mosaic(planes(capture)) * (WHITE - BLACK) + BLACK
    torch.testing.assert_close(again.float(), capture.mosaic, atol=0.01, rtol=0)


def test_sliding_is_exact_by_whole_pixels_and_keeps_detail_by_parts():
    image = to_images(skimage.data.astronaut()[100:200, 100:220], "a")
    assert torch.equal(slid(image, 1.0, -1.0)[..., 1:, :-1], image[..., :-1, 1:])
    there_and_back = slid(slid(image, 0.4, 0.3), -0.4, -0.3)[..., 8:-8, 8:-8]
    assert float((there_and_back - image[..., 8:-8, 8:-8]).square().mean()) < 1e-4  # 40 dB, twice through it
    # What a wave becomes is known.
    x = torch.arange(64.0)
    wave = (0.5 + 0.4 * torch.sin(0.9 * x)).expand(1, 3, 8, 64)
    moved = slid(wave, 0.3, 0.0)[..., 8:-8]
    torch.testing.assert_close(
        moved[0, 0, 0], 0.5 + 0.4 * torch.sin(0.9 * (x + 0.3))[8:-8], atol=3e-3, rtol=0
    )


@pytest.mark.slow
def test_a_pair_of_files_lies_over_each_other_at_one_brightness_with_what_moved_masked(tmp_path):
    write(tmp_path / "noisy.dng", shot(iso=6400, noise_seed=1))
    write(tmp_path / "clean.dng", shot(3, -1, brightness=0.5, thing=True), time=0.32, iso=100)
    (scene,) = load_scenes([f"pair:{tmp_path}/noisy.dng?clean={tmp_path}/clean.dng"])
    assert scene.reference is None
    assert scene.metadata["offset_px"] == (pytest.approx(3, abs=0.1), pytest.approx(-1, abs=0.1))
    assert "x2 (by ISO, time and aperture)" in scene.metadata["note"]
    (warning,) = scene.metadata["warnings"]
    assert "something moved" in warning
    left, top, width, height = scene.metadata["window"]
    masked = scene.masked[0, 0]
    assert masked.shape == (height, width) == scene.image.shape[-2:]
    # The thing stands in the clean shot, whose content lies 3 to the right and 1 above.
    thing = masked[102 + 1 - top : 138 + 1 - top, 162 - 3 - left : 198 - 3 - left]
    assert thing.float().mean() > 0.95
    assert masked[4:90, 4:140].float().mean() < 0.01
    # Sample by sample: the residual apart, as both lie, the clean capture is the truth at its brightness.
    x, y = (round(part) for part in scene.rendered.residual)
    truth = shot(x, y, iso=50)
    truth = truth.cropped(left, top, width, height).mosaic
    difference = (scene.rendered.scene.raw.mosaic - truth)[~masked[None, None]] / (WHITE - BLACK)
    assert float(difference.abs().median()) < 0.005
    cut = crop_scene(scene, "100x80+20+30")
    assert cut.masked.shape == (1, 1, 80, 100)
    assert cut.rendered.scene.raw.size == (100, 80)
    assert cut.sha256 != scene.sha256


@pytest.mark.slow
def test_a_burst_is_averaged_and_shots_between_its_samples_are_left_out(tmp_path):
    write(tmp_path / "noisy.dng", shot(iso=6400, noise_seed=1))
    for number in range(4):
        burst = shot(2, -2 if number < 3 else -1, iso=800, noise_seed=number + 5, thing=number == 1)
        write(tmp_path / f"burst{number}.dng", burst, time=0.08, iso=800)
    (scene,) = load_scenes([f"pair:{tmp_path}/noisy.dng?clean={tmp_path}/burst*.dng"])
    assert "the mean of 3 clean shots" in scene.metadata["note"]
    (warning,) = scene.metadata["warnings"]
    assert "1 of 4 clean shots" in warning
    (folder,) = pair(f"{tmp_path}/noisy.dng?clean={tmp_path}")
    assert folder.sha256 == scene.sha256


@pytest.mark.slow
def test_clipped_parts_are_masked(tmp_path):
    noisy, clean = shot(iso=3200, noise_seed=1, brightness=0.3), shot(brightness=1.6)
    write(tmp_path / "noisy.dng", noisy)
    write(tmp_path / "clean.dng", clean)
    (scene,) = load_scenes([f"pair:{tmp_path}/noisy.dng?clean={tmp_path}/clean.dng"])
    white = clean.mosaic[0, 0] >= WHITE
    assert 0.005 < white.float().mean() < 0.4
    assert scene.masked[0, 0][white[: scene.masked.shape[2], : scene.masked.shape[3]]].all()


@pytest.mark.parametrize(
    ("clean", "exif", "words"),
    [
        (shot(), {"camera": "Bcme"}, "one is of isptune Acme, the other of isptune Bcme"),
        (shot(), {"focal": 70}, "a focal length of 50 mm, the other of 70 mm"),
        (shot().cropped(0, 0, 200, 160), {}, "one has 320x240 samples, the other 200x160"),
        (shot(iso=25600, noise_seed=3), {}, "is noisier than noisy"),
        (shot(picture="cat"), {}, "more than half|nothing of one is found in the other"),
        (shot(iso=3200, noise_seed=1), {}, "they are the same samples"),
    ],
)  # fmt: skip
def test_what_is_no_pair_is_refused_in_one_line(tmp_path, clean, exif, words):
    write(tmp_path / "noisy.dng", shot(iso=3200, noise_seed=1))
    write(tmp_path / "clean.dng", clean, **exif)
    with pytest.raises(SceneError, match=words) as refusal:
        pair(f"{tmp_path}/noisy.dng?clean={tmp_path}/clean.dng")
    assert "\n" not in str(refusal.value)


def test_other_filters_are_refused(tmp_path):
    from pipelines.external.dng import write_dng

    write_dng(tmp_path / "noisy.dng", shot(iso=3200, noise_seed=1))
    write_dng(tmp_path / "clean.dng", shot(), order="GRBG")
    with pytest.raises(SceneError, match="begin with RGGB, of the other with GRBG"):
        pair(f"{tmp_path}/noisy.dng?clean={tmp_path}/clean.dng")


@pytest.mark.parametrize(
    ("exif", "words"), [({"time": 0}, "exposure time as 0"), ({"time": 0.2}, "in truth by x")]
)
def test_tags_that_are_zero_or_wrong_cost_a_warning(tmp_path, exif, words):
    write(tmp_path / "noisy.dng", shot(iso=3200, noise_seed=1))
    write(tmp_path / "clean.dng", shot(), **exif)
    (scene,) = pair(f"{tmp_path}/noisy.dng?clean={tmp_path}/clean.dng")
    assert words in scene.metadata["warnings"][0]
    assert "(measured)" in scene.metadata["note"]


@pytest.mark.parametrize(
    ("argument", "error", "words"),
    [
        (None, SceneError, "needs two shots"),
        ("a.dng", SceneError, "needs two shots"),
        ("a.dng?clean=b.dng", SceneError, "a.dng: no such file"),
        ("a.dng?clean=b.dng&tone=1", ConfigError, "no option 'tone'"),
        ("bundled:cat?clean=b.dng", SceneError, "is a photograph"),
    ],
)
def test_what_is_missing_or_unknown_is_said(argument, error, words):
    with pytest.raises(error, match=words):
        pair(argument)


def test_a_pattern_without_files_and_a_set_that_is_not_there_are_refused(tmp_path):
    write(tmp_path / "noisy.dng", shot(iso=3200, noise_seed=1))
    with pytest.raises(SceneError, match="there is no such raw file"):
        pair(f"{tmp_path}/noisy.dng?clean={tmp_path}/clean*.dng")
    write(tmp_path / "clean.dng", shot())
    with pytest.raises(SceneError, match="set=nowhere.toml: cannot be read"):
        pair(f"{tmp_path}/noisy.dng?clean={tmp_path}/clean.dng&set=nowhere.toml")


def test_a_picture_that_is_mostly_black_is_compared_where_there_is_light(tmp_path):
    """A camera that cuts at black leaves no noise there: the dark part said that the clean shot is the noisier."""
    noisy, clean = shot(iso=3200, noise_seed=1), shot(iso=100, noise_seed=2)
    mosaics = [noisy.mosaic.clone(), clean.mosaic.clone()]
    for samples in mosaics:
        samples[..., :200] = BLACK
    mosaics[1][..., :200] += torch.randint(0, 9, (240, 200), generator=torch.Generator().manual_seed(0))
    write(tmp_path / "noisy.dng", replace(noisy, mosaic=mosaics[0]))
    write(tmp_path / "clean.dng", replace(clean, mosaic=mosaics[1]))
    (scene,) = load_scenes([f"pair:{tmp_path}/noisy.dng?clean={tmp_path}/clean.dng"])
    assert not [told for told in scene.metadata["warnings"] if "cleaner" in told]

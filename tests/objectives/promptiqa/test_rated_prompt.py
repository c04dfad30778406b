"""What becomes of a prompt before a network sees it: which pictures are taken, on which scale, with which warnings."""

import re

import pytest
import torch

from isptune.errors import ConfigError
from isptune.scenes.images import write_image
from isptune.scenes.scene import bundled
from objectives.promptiqa.likeness import UNLIKE, Likeness, statistics_of
from objectives.promptiqa.rated_prompt import FROM_STUDY, MOST, read_prompt


def picture(name, left=0, side=96):
    return bundled(name)[0].image[:, :, 60 : 60 + side, left : left + side]


@pytest.fixture
def rated(tmp_path):
    """Writes a CSV over one small picture, with these scores."""
    write_image(tmp_path / "a.png", picture("cat"))

    def write(scores, name="rated.csv"):
        (tmp_path / name).write_text("image,score\n" + "".join(f"a.png,{score}\n" for score in scores))
        return str(tmp_path / name)

    return write


def test_three_to_twenty_pictures_are_taken_as_they_are(rated):
    for count in (3, MOST):
        prompt = read_prompt(rated(range(count)))
        assert [rating.score for rating in prompt.ratings] == list(range(count))
        assert prompt.warnings == ()


def test_any_scale_and_either_direction_become_0_to_1(rated):
    expected = [0.0, 0.25, 1.0]
    assert read_prompt(rated([1, 2, 5])).scores.tolist() == expected
    assert read_prompt(rated([-300, -200, 100])).scores.tolist() == expected
    assert read_prompt(rated([5, 4, 1]), lower_is_better=True).scores.tolist() == expected


def test_more_than_twenty_are_sampled_at_even_ranks_with_a_warning(rated):
    scores = [(7 * n) % 41 for n in range(41)]  # every number below 41 once, in disorder
    prompt = read_prompt(rated(scores))
    taken = [rating.score for rating in prompt.ratings]
    assert sorted(taken) == [*range(0, 38, 2), 40]  # the step is 39 // 18
    assert taken == [score for score in scores if score in taken]  # in the order of the file
    assert prompt.scores.min() == 0
    assert prompt.scores.max() == 1
    (warning,) = prompt.warnings
    assert "of 41 rated pictures 20 are taken" in warning


def test_two_pictures_are_few_and_one_is_too_few(rated):
    prompt = read_prompt(rated([1, 2]))
    assert prompt.scores.tolist() == [0, 1]
    assert re.search(r"rated\.csv: 2 rated pictures say little of a taste; at least 3", prompt.warnings[0])
    with pytest.raises(ConfigError, match=r"rated\.csv: at least 2 rated pictures .* there are 1"):
        read_prompt(rated([1]))


def test_equal_scores_say_nothing_and_stand_in_the_middle(rated):
    prompt = read_prompt(rated([4, 4, 4]))
    assert prompt.scores.tolist() == [0.5, 0.5, 0.5]
    assert prompt.warnings[0].endswith("all scores are 4, which says nothing of a taste")


def test_of_a_study_ten_are_taken_by_rank(rated, tmp_path):
    rated(range(100), "prompt.csv")
    prompt = read_prompt(f"study:{tmp_path}")
    assert [rating.score for rating in prompt.ratings] == [*range(0, 97, 12), 99]
    assert len(prompt.ratings) == FROM_STUDY
    assert prompt.warnings == ()
    assert prompt.file == tmp_path / "prompt.csv"


def test_a_study_without_scores_is_named_with_what_writes_them(tmp_path):
    with pytest.raises(
        ConfigError, match=r"there is no .*prompt\.csv; it is what `isptune study fit` writes"
    ):
        read_prompt(f"study:{tmp_path}")


def test_statistics_are_each_images_own_and_hardly_see_fine_noise():
    images = torch.cat([picture("cat"), picture("coffee")])
    together = statistics_of(images)
    torch.testing.assert_close(together[1:], statistics_of(images[1:]), atol=1e-5, rtol=1e-5)
    large = torch.nn.functional.interpolate(images[:1], scale_factor=4, mode="bicubic").clamp(0, 1)
    noisy = large + 0.03 * torch.randn(large.shape, generator=torch.Generator().manual_seed(0))
    assert (statistics_of(noisy.clamp(0, 1)) - together[:1]).norm() < 0.3
    assert statistics_of(torch.zeros(1, 3, 5, 400)).isfinite().all()


def test_a_scene_of_another_kind_is_told_and_the_same_scene_is_not():
    shown = Likeness([picture("cat"), picture("cat") ** 1.5, picture("cat", 40)], "mine.csv")
    assert shown.bar == UNLIKE
    assert shown.warnings([picture("cat", 80)]) == []
    stripes = (torch.arange(96) % 8 < 4).float().expand(1, 3, 96, 96)
    (warning,) = shown.warnings([stripes])
    assert warning.startswith("mine.csv: the picture to score is unlike the rated ones (distance ")
    (warning,) = shown.warnings([stripes, picture("cat", 80)])
    assert "1 of 2 pictures to score is unlike" in warning


def test_prompts_that_differ_much_raise_the_bar():
    stripes = (torch.arange(96) % 8 < 4).float().expand(1, 3, 96, 96)
    mixed = Likeness([picture("cat"), stripes, picture("rocket")], "mine.csv")
    assert mixed.bar > UNLIKE
    assert mixed.distance(stripes) == pytest.approx(0, abs=1e-3)
    assert Likeness([stripes], "one.csv").bar == UNLIKE


def test_scores_on_their_own_scale_stay_as_they_are_given(rated):
    assert read_prompt(rated([0.7, 0.75, 0.9]), stretched=False).scores.tolist() == pytest.approx(
        [0.7, 0.75, 0.9]
    )
    turned = read_prompt(rated([0.7, 0.75, 0.9]), lower_is_better=True, stretched=False)
    assert turned.scores.tolist() == pytest.approx([0.3, 0.25, 0.1])
    alike = read_prompt(rated([0.9, 0.9, 0.9]), stretched=False)
    assert alike.warnings == ()
    for score in (70, -0.1):
        with pytest.raises(
            ConfigError, match=rf"line 3: a score of {score}; .* lie from 0 to 1: divide them"
        ):
            read_prompt(rated([0.7, score, 0.9]), stretched=False)

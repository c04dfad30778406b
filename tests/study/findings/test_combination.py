"""A sum of objectives is offered where it is worth more than its parts."""

from isptune.study.findings.combination import Combination, better_alone


def test_a_sum_that_is_no_better_than_a_part_gives_way_to_it():
    alone = {"ssim": 0.93, "niqe": 0.6}
    assert better_alone(alone, 0.9, ["ssim", "niqe"]) == "ssim"
    assert better_alone(alone, 0.93, ["ssim", "niqe"]) == "ssim"
    assert better_alone(alone, 0.95, ["ssim", "niqe"]) is None
    assert better_alone(alone, 0.93, ["ssim"]) is None  # the sum is that part already


def test_what_is_offered_and_kept_is_the_part():
    both = {"ssim": 12.0, "niqe": 0.3}
    assert Combination(both, 0.95, {}, 40, 5).spec == "weighted:12*ssim+0.3*niqe"
    assert Combination(both, 0.9, {}, 40, 5, ("ssim", 14.0)).spec == "weighted:14*ssim"

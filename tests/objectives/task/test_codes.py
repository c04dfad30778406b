"""QR codes and ArUco markers that are read."""

import pytest
import torch

from isptune.errors import ConfigError, SceneError
from isptune.registry import build
from isptune.runs.settings import RunSettings
from isptune.scenes.scene import Scene, load_scenes, photograph
from isptune.testing import check_objective
from isptune.tuning.bench import Bench
from objectives.charts.codes_chart import ARUCO, QR


@pytest.fixture(scope="module")
def chart():
    return load_scenes(["chart:codes"])[0]


@pytest.fixture(scope="module")
def noisy(chart):
    noise = torch.randn(chart.image.shape, generator=torch.Generator().manual_seed(0))
    return torch.cat([(chart.image + sigma * noise).clamp(0, 1) for sigma in (0.0, 0.03, 0.1)])


def test_nearly_all_codes_of_a_clean_chart_are_read_and_fewer_with_noise(chart, noisy):
    scores = build("objective", "task:codes").score(noisy, chart).tolist()
    assert scores[0] >= 0.85
    assert scores[0] > scores[1] + 0.1 > scores[2] + 0.2
    assert scores[2] > 0  # the largest ones stay


def test_the_contract_is_kept_and_scenes_are_counted_together(chart, noisy):
    objective = build("objective", "task:codes")
    half = Scene(
        "half", chart.image, metadata={"regions": dict(list(chart.metadata["regions"].items())[:10])}
    )
    check_objective(objective, noisy[:2], half)
    assert objective.together([(3.0, 10.0), (40.0, 40.0)]) == 43 / 50


def test_codes_go_with_a_chart_into_a_raw_capture(chart):
    (raw,) = load_scenes(["unprocessed:chart:codes?iso=200"])
    kinds = [name.startswith(QR) for name in raw.metadata["regions"]]
    assert (sum(kinds), len(kinds)) == (20, 40)
    assert all(name.startswith((QR, ARUCO)) for name in raw.metadata["regions"])
    build("objective", "task:codes").check_scene(raw)
    cropped = load_scenes(["chart:codes"], crop="300x200+0+0")[0]
    assert 0 < len(cropped.metadata["regions"]) < 20  # what is cut off is not to be read


def test_other_seeds_say_other_codes_at_the_same_places(chart):
    (other,) = load_scenes(["chart:codes?seed=1"])
    assert set(other.metadata["regions"]) != set(chart.metadata["regions"])
    assert list(other.metadata["regions"].values()) == list(chart.metadata["regions"].values())
    with pytest.raises(ConfigError, match="'nothing' is no chart"):
        load_scenes(["chart:nothing"])


def test_codes_of_ones_own_pictures_are_listed_in_a_table(chart, tmp_path):
    qr, marker = (
        next(name for name in chart.metadata["regions"] if name.startswith(kind)) for kind in (QR, ARUCO)
    )
    listed = [qr.removeprefix(QR), f"aruco:{marker.removeprefix(ARUCO)}", "not there"]
    (tmp_path / "codes.csv").write_text("file,code\n" + "".join(f"desk.jpg,{says}\n" for says in listed))
    objective = build("objective", f"task:codes?codes={tmp_path / 'codes.csv'}")
    top = chart.image[..., :128, :]
    assert objective.score(top, photograph("desk", top)).item() == pytest.approx(2 / 3)
    with pytest.raises(SceneError, match="cat: nobody knows which codes it shows"):
        Bench(
            RunSettings(
                objectives=(f"task:codes?codes={tmp_path / 'codes.csv'}",), scenes=("cat",), device="cpu"
            )
        )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("task:codes?dictionary=9x9", "no markers called '9x9'"),
        ("task:codes?codes=absent.csv", "no such file"),
        ("task:codes?sizes=2", "no option 'sizes'"),
    ],
)
def test_what_a_spec_cannot_mean_is_one_line(spec, message):
    with pytest.raises(ConfigError, match=message):
        build("objective", spec)

"""`isptune train scorenet` from pictures to a file that scores, and its answers to mistakes."""

import subprocess
import sys

import pytest
import torch
from click.testing import CliRunner

from isptune.errors import ConfigError, ScoreError
from isptune.scenes.images import read_image, write_image
from isptune.scenes.scene import photograph
from objectives.encoders import build as encoders
from objectives.scorenet.files import read_learned_for
from objectives.scorenet.scorenet import scorenet
from objectives.training.command import train
from tests.objectives.fake_encoder import FakeEncoder

COUNT = 60


@pytest.fixture(autouse=True)
def fake_encoders(monkeypatch):
    monkeypatch.setitem(encoders._KINDS, "fake", lambda argument: FakeEncoder())


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Small noise pictures, the noisier the worse; scores from 0 to 100."""
    folder = tmp_path_factory.mktemp("pictures")
    generator = torch.Generator().manual_seed(0)
    lines = ["file,mos"]
    for i in range(COUNT):
        smooth = torch.nn.functional.interpolate(
            torch.rand((1, 3, 8, 8), generator=generator), (32, 32), mode="bilinear"
        )
        strength = i / COUNT
        noise = torch.randn((1, 3, 32, 32), generator=generator)
        write_image(folder / f"{i}.png", (0.2 + 0.6 * smooth + 0.2 * strength * noise).clamp(0, 1))
        lines.append(f"{i}.png,{100 * (1 - strength):.2f}")
    (folder / "scores.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def call(pictures, tmp_path):
    """Call with usual options, which those given here replace or add to; raises what the command raises."""

    def call(*more, **replaced):
        options = {
            "scores": pictures / "scores.csv",
            "images": pictures,
            "out": tmp_path / "mine.safetensors",
            "encoder": "fake",
            "epochs": 3,
            "metrics": "tv,noise",
            **replaced,
        }
        arguments = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
        outcome = CliRunner().invoke(train, ["scorenet", *arguments, *more], catch_exceptions=True)
        if outcome.exception and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        return outcome

    return call


@pytest.mark.slow
def test_pictures_become_prompts_that_score(call, pictures, tmp_path):
    outcome = call("--seed", "1")
    assert outcome.exit_code == 0, outcome.output
    for word in ("plain prompts", "learned prompts", "difference", "SROCC", "PLCC"):
        assert word in outcome.output
    objective = scorenet(str(tmp_path / "mine.safetensors"))
    image = read_image(pictures / "3.png")
    assert 0 <= float(objective.score(image, photograph("3", image))) <= 1
    held = read_learned_for(tmp_path / "mine.safetensors")
    assert held.metrics == ("tv", "noise")
    counts = held.notes["pictures"]
    assert sum(counts.values()) == COUNT
    assert 8 <= counts["validation"] <= 12
    assert held.notes["seed"] == 1
    before = (tmp_path / "mine.safetensors").read_bytes()
    assert call("--seed", "1", "--force").output == outcome.output
    assert (tmp_path / "mine.safetensors").read_bytes() == before


def test_an_existing_file_is_replaced_only_when_forced(call, tmp_path):
    (tmp_path / "mine.safetensors").write_text("precious")
    with pytest.raises(ConfigError, match="--force"):
        call()
    assert (tmp_path / "mine.safetensors").read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.safetensors"]


@pytest.mark.slow
def test_scores_of_the_other_direction_are_turned(call, pictures, tmp_path):
    call("--higher-is-better")  # which the encoder, made of noise, may doubt
    lines = (pictures / "scores.csv").read_text().splitlines()
    turned = [f"{name};{100 - float(mos)}" for name, mos in (line.split(",") for line in lines[1:])]
    table = tmp_path / "dmos.csv"
    table.write_text("name,dmos\n" + "\n".join(turned).replace(";", ",") + "\n")
    outcome = call(scores=table, out=tmp_path / "other.safetensors")
    assert outcome.exit_code == 0
    assert "column dmos, lower is better" in outcome.output
    tensors = [
        scorenet(str(tmp_path / f"{name}.safetensors")).learner.state_dict() for name in ("mine", "other")
    ]
    for key, value in tensors[0].items():
        torch.testing.assert_close(tensors[1][key], value, atol=1e-3, rtol=0)


@pytest.mark.slow
def test_prompts_that_order_pictures_the_wrong_way_round_are_not_offered(call, tmp_path, monkeypatch):
    from objectives.training.scorenet import from_pictures

    real = from_pictures.predict
    monkeypatch.setattr(from_pictures, "predict", lambda *given: -real(*given))
    with pytest.raises(ScoreError, match="is not written: what was learned orders"):
        call("--higher-is-better")
    assert not (tmp_path / "mine.safetensors").exists()


@pytest.mark.slow
def test_scores_that_run_against_the_first_fit_are_turned_which_is_said(
    call, pictures, tmp_path, monkeypatch
):
    from objectives.training.scorenet import from_pictures

    real = from_pictures.predict
    monkeypatch.setattr(
        from_pictures, "predict", lambda encoder, prompts, head, samples: -samples.scores
        if len(samples.scores) > 12 else real(encoder, prompts, head, samples)
    )  # fmt: skip
    assert "warning: lower scores are taken for better" in call().output
    assert read_learned_for(tmp_path / "mine.safetensors").notes["lower_is_better"] is True
    assert "warning" not in call("--force", "--higher-is-better").output
    assert read_learned_for(tmp_path / "mine.safetensors").notes["lower_is_better"] is False


@pytest.mark.slow
def test_a_table_as_prompt_make_writes_it_needs_no_names_of_columns(call, pictures, tmp_path):
    rows = (pictures / "scores.csv").read_text().splitlines()
    (tmp_path / "rated.csv").write_text("\n".join(["image,score", *rows[1:]]) + "\n")
    assert call(scores=tmp_path / "rated.csv").exit_code == 0


def test_without_metrics_the_image_alone_makes_the_prompts(call, tmp_path):
    assert call(metrics="none").exit_code == 0
    held = read_learned_for(tmp_path / "mine.safetensors")
    assert held.metrics == ()
    assert not held.design.use_metrics


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "holds no scores"),
        (["file,mos"], "holds no scores"),
        (["shot,mos", "x0,1"], "no column file or image; its columns are shot, mos"),
        (["file,mos", "0.png,high"], "line 2: the score is 'high', no finite number"),
        (["file,mos", "0.png,nan"], "line 2: the score is 'nan'"),
        (["file,mos", ",3"], "line 2: no file name"),
        (["file,mos", "0.png,1", "0.png,2"], "line 3: 0.png is in line 2 already"),
        (["file,mos", *(f"no{i}.png,{i}" for i in range(30))], r"30 of 30 pictures missing: no0\.png; no1"),
        (["file,mos", *(f"{i}.png,{i}" for i in range(5))], "5 scored pictures; 20"),
        (["file,mos", *(f"{i}.png,3" for i in range(30))], "the same score"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(call, tmp_path, lines, message):
    (tmp_path / "bad.csv").write_text("\n".join(lines))
    with pytest.raises(ConfigError, match=message):
        call(scores=tmp_path / "bad.csv")
    assert not (tmp_path / "mine.safetensors").exists()


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"scores": "nothing.csv"}, "nothing.csv: no such file"),
        ({"images": "nowhere"}, "no such folder"),
        ({"out": "nowhere/mine.safetensors"}, "folder does not exist"),
        ({"metrics": "tv,sharpnes"}, "no lightweight metric is called 'sharpnes'"),
        ({"encoder": "nothing"}, "no image-text encoder is called"),
    ],
)
def test_options_that_cannot_be_used_are_refused(call, replaced, message):
    with pytest.raises(ConfigError, match=message):
        call(**replaced)


def test_pictures_that_all_look_alike_cannot_be_divided(call, pictures, tmp_path):
    folder = tmp_path / "same"
    folder.mkdir()
    lines = ["file,mos"]
    for i in range(30):
        (folder / f"{i}.png").write_bytes((pictures / "0.png").read_bytes())
        lines.append(f"{i}.png,{i}")
    (tmp_path / "same.csv").write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="cannot be held out"):
        call(scores=tmp_path / "same.csv", images=folder)


def test_help_imports_no_torch():
    code = (
        "import sys; from click.testing import CliRunner; from objectives.training.command import train\n"
        "assert CliRunner().invoke(train, ['scorenet', '--help']).exit_code == 0\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

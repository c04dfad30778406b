"""PromptIQA against a second implementation, on small random weights in the published layout."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from isptune.errors import ConfigError, MissingExtra
from isptune.interfaces import Objective
from isptune.scenes.images import read_image, write_image
from isptune.scenes.scene import bundled
from isptune.testing import check_objective
from objectives.promptiqa import promptiqa
from objectives.promptiqa.checkpoint import WEIGHTS_FILE, read_network
from objectives.promptiqa.network import PromptIqaNetwork, PromptIqaSize, prepared
from objectives.promptiqa.promptiqa import Prompt, PromptIqa, build
from tests.objectives.promptiqa.oracle import PUBLISHED, TINY, Oracle, layout, random_state

SCORES = (12.0, 47.5, 80.0, 33.0)


def save(state, path, **beside):
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}, "prompt_num": 10, **beside}, path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save(random_state(TINY), tmp_path_factory.mktemp("weights") / WEIGHTS_FILE)


@pytest.fixture(scope="module")
def network(weights):
    return read_network(weights)


@pytest.fixture(scope="module")
def scene():
    return bundled("cat")[0]


@pytest.fixture(scope="module")
def population(scene):
    """Five versions of one piece of a photograph, 60 x 84."""
    image = scene.image[:, :, 100:160, 120:204]
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    blurred = F.avg_pool2d(F.pad(image, (2, 2, 2, 2), mode="reflect"), 5, 1)
    versions = [image, image**1.8, blurred, (image + 0.1 * noise).clamp(0, 1), image.flip(3)]
    return torch.cat(versions)


@pytest.fixture
def prompt(tmp_path, population):
    """A CSV with four rated pictures in a folder beside it."""
    (tmp_path / "mine").mkdir()
    rows = ["image,score"]
    for number, score in enumerate(SCORES):
        write_image(tmp_path / "mine" / f"{number}.png", population[number : number + 1])
        rows.append(f"mine/{number}.png,{score}")
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "mine.csv"


def scores_with(prompt, weights, images, scene, **options):
    more = "".join(f",{key}={value}" for key, value in options.items())
    return build(f"prompt={prompt},weights={weights}{more}").score(images, scene)


def test_scores_as_given_reach_the_network_and_its_unit_says_so(prompt, weights, network, population, scene):
    rows = [line.split(",") for line in prompt.read_text().splitlines()[1:]]
    given = [0.01 * score for score in SCORES]
    prompt.write_text(
        "image,score\n" + "".join(f"{row[0]},{s:.4f}\n" for row, s in zip(rows, given, strict=True))
    )
    objective = build(f"prompt={prompt},weights={weights},scores=given")
    assert objective.prompt.scores.tolist() == pytest.approx(given)
    assert "on the scale of the prompt" in objective.facts.unit
    stretched = scores_with(prompt, weights, population, scene)
    assert not torch.allclose(objective.score(population, scene), stretched, atol=1e-4)
    with pytest.raises(ConfigError, match="scores is stretched or given; got 'raw'"):
        build(f"prompt={prompt},weights={weights},scores=raw")


def test_large_weights_say_that_they_are_read(prompt, weights, monkeypatch, caplog):
    build(f"prompt={prompt},weights={weights}")
    assert not caplog.messages
    monkeypatch.setattr(promptiqa, "SLOW_TO_READ", 1000)
    build(f"prompt={prompt},weights={weights}")
    (line,) = caplog.messages
    assert str(weights) in line
    assert "about a minute" in line


def test_the_network_has_the_published_layout():
    """The rule in the oracle was compared with the keys of the published state dictionary."""
    with torch.device("meta"):
        network = PromptIqaNetwork(PromptIqaSize())
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert shapes == layout(PUBLISHED)
    assert len(shapes) == 505
    assert sum(value.numel() for value in network.parameters()) == 318_159_200


@pytest.mark.slow
def test_sizes_are_read_off_a_checkpoint(network):
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert shapes == layout(TINY)
    assert network.size.image_px == 28
    assert not network.training
    assert not any(value.requires_grad for value in network.parameters())


def leave_one_out(network, pixels, scores):
    """The score of each picture beside all others, as the network was trained."""
    features = network.encode(pixels)
    found = []
    for i in range(len(pixels)):
        others = [j for j in range(len(pixels)) if j != i]
        tokens = network.prompts(features[others], scores[others])
        found.append(float(network.score(features[i : i + 1], tokens)))
    return found


@pytest.mark.slow
def test_scores_are_those_of_a_second_implementation(network, population):
    pixels, scores = network.prepare(population), torch.tensor([0.0, 1.0, 0.35, 0.6, 0.9])
    expected = Oracle(random_state(TINY), TINY).scores_among(pixels.numpy(), scores.double().tolist())
    assert np.ptp(expected) > 0.01  # else equality would say little
    exact = leave_one_out(copy.deepcopy(network).double(), pixels.double(), scores.double())
    np.testing.assert_allclose(exact, expected, atol=1e-10)
    # In float32 rounding adds up over some thirty layers.
    np.testing.assert_allclose(leave_one_out(network, pixels, scores), expected, atol=1e-5)


def test_pictures_are_resized_by_a_cubic_that_neither_smooths_nor_keeps_their_ratio(population):
    levels = (population * 255).round()
    expected = F.interpolate(levels, (28, 28), mode="bicubic", align_corners=False).clamp(0, 255)
    ours = (prepared(population, 28) * 0.5 + 0.5) * 255
    assert prepared(population, 28).shape == (5, 3, 28, 28)
    torch.testing.assert_close(ours, ours.round(), atol=1e-3, rtol=0)  # whole levels
    # OpenCV works with weights of 11 bits, which moves some sums over a half.
    torch.testing.assert_close(ours, expected, atol=1.0, rtol=0)
    assert prepared(population[:0], 28).shape == (0, 3, 28, 28)


@pytest.mark.slow
def test_the_objective_keeps_the_contract_and_says_what_it_is_made_of(prompt, weights, population, scene):
    objective = build(f"{prompt},weights={weights}")
    assert isinstance(objective, Objective)
    assert {WEIGHTS_FILE, "mine.csv", "mine/0.png"} <= set(objective.facts.weights)
    assert all(len(digest) == 64 for digest in objective.facts.weights.values())
    assert objective.facts.direction == "maximize"
    check_objective(objective, population, scene)


@pytest.mark.slow
def test_scores_are_those_of_the_network_beside_the_prompt(prompt, weights, population, scene):
    oracle = Oracle(random_state(TINY), TINY)
    network = read_network(weights)
    rated = [read_image(prompt.parent / "mine" / f"{number}.png") for number in range(4)]
    pixels = network.prepare(torch.cat([population[4:], *rated])).numpy()
    unit = [0.0, *((score - 12) / 68 for score in SCORES)]
    expected = oracle.scores_among(pixels, unit)[0]
    ours = float(scores_with(prompt, weights, population[4:], scene)[0])
    assert ours == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_a_population_scores_as_its_images_do_alone(prompt, weights, population, scene):
    objective = build(f"prompt={prompt},weights={weights}")
    together = objective.score(population, scene)
    alone = [objective.score(image.unsqueeze(0), scene) for image in population]
    assert torch.equal(together, torch.cat(alone))
    assert together.unique().numel() == len(population)
    assert objective.score(population[:0], scene).shape == (0,)


@pytest.mark.slow
def test_the_order_of_a_prompt_does_not_matter(prompt, weights, population, scene):
    expected = scores_with(prompt, weights, population, scene)
    header, *rows = prompt.read_text().splitlines()
    prompt.write_text("\n".join([header, *rows[::-1]]))
    torch.testing.assert_close(scores_with(prompt, weights, population, scene), expected, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_the_scale_of_a_prompt_does_not_matter_but_its_direction_does(prompt, weights, population, scene):
    expected = scores_with(prompt, weights, population, scene)
    inverted = scores_with(prompt, weights, population, scene, direction="lower")
    prompt.write_text(rated_as([score / 1000 - 4 for score in SCORES]))
    scaled = scores_with(prompt, weights, population, scene)
    prompt.write_text(rated_as([-score for score in SCORES]))
    negated = scores_with(prompt, weights, population, scene, direction="lower")
    torch.testing.assert_close(scaled, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(negated, expected, atol=1e-5, rtol=0)
    assert (inverted - expected).abs().min() > 1e-4


def rated_as(scores):
    return "image,score\n" + "".join(f"mine/{n}.png,{score!r}\n" for n, score in enumerate(scores))


class Counting:
    """A network whose features are the mean colour, and which counts its calls."""

    bytes_per_image = 1

    def __init__(self):
        self.calls = {"encode": 0, "prompts": 0, "score": 0}

    def to(self, device):
        return self

    def prepare(self, images):
        return images

    def encode(self, pixels):
        self.calls["encode"] += len(pixels)
        return pixels.mean((2, 3))

    def prompts(self, features, scores):
        self.calls["prompts"] += 1
        return features * scores.unsqueeze(1)

    def score(self, features, tokens):
        self.calls["score"] += 1
        return (features @ tokens.mean(0)).sigmoid()


def test_a_prompt_is_encoded_once_for_all_images(population, scene):
    network = Counting()
    prompt = Prompt(tuple(population[:3].split(1)), torch.tensor([0.0, 0.5, 1.0]))
    objective = PromptIqa(network, prompt)
    assert network.calls == {"encode": 0, "prompts": 0, "score": 0}
    for _ in range(3):
        objective.score(population, scene)
    assert network.calls == {"encode": 3 + 3 * 5, "prompts": 1, "score": 15}


@pytest.mark.slow
def test_nan_in_one_image_gives_nan_for_it_alone(prompt, weights, population, scene):
    spoilt = population.clone()
    spoilt[1, 0, 3, 3] = math.nan
    scores = scores_with(prompt, weights, spoilt, scene)
    assert scores.isnan().tolist() == [False, True, False, False, False]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the columns are image,score; the first line has 'nothing'"),
        ("picture,score\nmine/0.png,1\n", "line 1: the columns are image,score; the first line has 'pic"),
        ("image,score,score\nmine/0.png,1,2\n", "line 1"),
        ("image,score\nmine/0.png,1\nmine/1.png\n", "line 3: 1 columns of at least 2"),
        ("image,score\nmine/0.png,1\n\nmine/1.png,good\n", "line 4: a score is a finite number; got 'good'"),
        ("image,score\nmine/0.png,nan\n", "line 2: a score is a finite number; got 'nan'"),
        ("image,score\nmine/0.png,-inf\n", "line 2: a score is a finite number"),
        ("image,score\nmine/9.png,1\n", "line 2: there is no picture 'mine/9.png'"),
        ("image,score\n,1\n", "line 2: there is no picture ''"),
        ("image,score\n~nobody/0.png,1\n", "line 2: there is no picture '~nobody/0.png'"),
        (f"image,score\n{'long' * 100},1\n", "line 2: there is no picture"),
        ("image,score\nmine,1\n", "line 2: there is no picture 'mine'"),
        ("image,score\nmine/0.png,1\n", "at least 2 rated pictures are needed .*; there are 1"),
        (rated_as([-1.7e308, 1.7e308, 0]), "must differ by a finite number"),
        ('image,score\n"mine/0.png,1\n', "is not a CSV that can be read"),
        (rated_as([1, 2, 3]) + "bad.png,4\n", r"line 5: .*bad\.png: is not a picture"),
    ],
)
def test_a_csv_that_is_no_prompt_is_refused_with_the_line(prompt, weights, text, message):
    (prompt.parent / "bad.png").write_text("no picture")
    prompt.write_text(text)
    with pytest.raises(ConfigError, match=f"mine.csv.*{message}") as refused:
        build(f"prompt={prompt},weights={weights}")
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_a_csv_may_have_other_columns_a_byte_order_mark_and_spaces(prompt, weights, population, scene):
    expected = scores_with(prompt, weights, population, scene)
    rows = "".join(f"  {score}, a note, mine/{n}.png\n" for n, score in enumerate(SCORES))
    prompt.write_text("\ufeffScore, note, Image\n" + rows + "\n", encoding="utf-8")
    assert torch.equal(scores_with(prompt, weights, population, scene), expected)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (None, "prompt=FILE names a CSV"),
        ("prompt=absent.csv", r"absent\.csv: cannot be read: No such file"),
        ("prompt=mine.csv,direction=up", "direction is higher or lower; got 'up'"),
        ("prompt=mine.csv,prompts=3", "'prompts=3' is not one of its options"),
        ("prompt=mine.csv,weights=absent.tar", r"absent\.tar: no such file of weights"),
    ],
)
def test_options_that_cannot_be_are_refused(prompt, argument, message, monkeypatch):
    monkeypatch.chdir(prompt.parent)
    with pytest.raises(ConfigError, match=message):
        build(argument)


@pytest.fixture
def empty_caches(monkeypatch, tmp_path):
    for variable in ("ISPTUNE_WEIGHTS", "TORCH_HOME", "HF_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return tmp_path


def test_missing_weights_are_named_with_the_command_that_gets_them(prompt, empty_caches):
    folder = empty_caches / "ISPTUNE_WEIGHTS"
    command = f"hf download Zevin2023/PromptIQA best_model.pth.tar --local-dir {folder}"
    with pytest.raises(MissingExtra, match=f"file best_model.pth.tar .*{command}"):
        build(f"prompt={prompt},weights=published")


@pytest.mark.slow
def test_weights_are_found_in_their_folder_and_in_the_hubs_cache(
    prompt, weights, population, scene, empty_caches
):
    cache = empty_caches / "HF_HOME" / "hub" / "models--Zevin2023--PromptIQA"
    commit = "0123456789" * 4
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(commit)
    (cache / "snapshots" / commit).mkdir(parents=True)
    (cache / "snapshots" / commit / WEIGHTS_FILE).write_bytes(weights.read_bytes())
    from_cache = build(f"prompt={prompt},weights=published").score(population, scene)
    assert torch.equal(from_cache, scores_with(prompt, weights, population, scene))
    (empty_caches / "ISPTUNE_WEIGHTS").mkdir()
    save(random_state(TINY, seed=1), empty_caches / "ISPTUNE_WEIGHTS" / WEIGHTS_FILE)
    found = build(f"prompt={prompt},weights=published").score(population, scene)
    assert not torch.equal(found, from_cache)


class Marker:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a checkpoint was executed')",))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    torch.save({"state_dict": random_state(TINY), "prompt_num": Marker()}, tmp_path / "a.pth.tar")
    (tmp_path / "b.pth.tar").write_bytes(pickle.dumps({"state_dict": Marker()}))
    for name in ("a", "b"):
        with pytest.raises(ConfigError, match="refused"):
            read_network(tmp_path / f"{name}.pth.tar")


def changed(**tensors):
    state = random_state(TINY)
    for name, value in tensors.items():
        if value is None:
            del state[name.replace("__", ".")]
        else:
            state[name.replace("__", ".")] = value
    return state


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"norm__bias": None}, r"missing: norm\.bias"),
        ({"vit__pos_embed": None}, r"missing: vit\.pos_embed"),
        ({"cnn__4__weight": None}, r"missing: cnn\.4\.weight"),
        ({"extra__weight": torch.ones(2)}, r"unexpected: extra\.weight"),
        ({"mlp__0__bias": torch.ones(5)}, r"of another shape: mlp\.0\.bias \[5\] for \[8\]"),
        ({"vit__pos_embed": torch.ones(24)}, r"of another shape: vit\.pos_embed \[24\]"),
        ({"vit__pos_embed": torch.ones(1, 1, 24)}, "leave no single place of 0x0"),
        ({"vit__pos_embed": torch.ones(1, 201, 24)}, r"pos_embed \[1, 201, 24\] for \[1, 197, 24\]"),
        ({"norm__weight": torch.full((16,), math.nan)}, r"not finite: norm\.weight"),
        (
            {"cnn__0__weight": torch.ones(10, 24, 9, 9)},
            r"convolutions \(9, 1, 1\) that leave no single place",
        ),
        ({"cnn__8__weight": torch.ones(18, 12, 1, 1)}, "tokens of 18 numbers, no multiple of 4"),
        ({"MALs__0__attention_module__2__gamma": torch.ones(1)}, "4 blocks for 3 maps"),
        ({"vit__patch_embed__proj__weight": torch.ones(30, 3, 2, 2)}, "a width of 30, no multiple of 24"),
        ({f"blocks__{n}__x": torch.ones(1) for n in range(200)}, r"200 parts blocks\.\*; at most 100"),
    ],
)
def test_another_layout_is_refused_with_the_keys_at_fault(tmp_path, changes, message):
    path = save(changed(**changes), tmp_path / "other.pth.tar")
    with pytest.raises(ConfigError, match=rf"other\.pth\.tar: its layout .*{message}"):
        read_network(path)

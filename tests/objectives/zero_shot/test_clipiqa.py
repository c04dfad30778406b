"""CLIP-IQA against its formula on a second implementation of CLIP; pairs, learned prompts, and what is refused."""

from dataclasses import dataclass, field

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from isptune.errors import ConfigError, ScoreError, UnknownName
from isptune.interfaces import Objective
from isptune.scenes.scene import bundled
from isptune.testing import check_objective
from objectives.encoders import build as encoders
from objectives.encoders.clip.preprocessing import DEVIATION, MEAN
from objectives.encoders.clip.tokenizer import TABLE_NAME
from objectives.encoders.interface import Prompts
from objectives.zero_shot.clipiqa import ATTRIBUTES, clipiqa
from tests.objectives.encoders.clip import oracles

MERGES = ["g o", "o d</w>", "go od</w>", "p h", "o t", "ph ot", "phot o</w>", "b a", "ba d</w>", ". .</w>"]
START, END = 522, 523
GOOD, PHOTO, BAD, STOP, STOPS = 514, 518, 520, 256 + ord(".") - 33, 521

TOLERANCE = 2e-5
"""A cosine is exact to about 1e-7, and is multiplied by 20."""


@pytest.fixture(scope="module")
def state():
    return oracles.made_state(oracles.resnet_layout(vocabulary=514 + len(MERGES), text_width=64))


@pytest.fixture(scope="module")
def encoder(state, tmp_path_factory):
    """The spec of a small residual CLIP with a tokenizer beside it."""
    folder = tmp_path_factory.mktemp("rn")
    save_file(state, folder / "small.safetensors")
    oracles.made_table(folder / TABLE_NAME, MERGES)
    return f"encoder=openai:{folder}/small.safetensors"


@pytest.fixture(scope="module")
def scene():
    return bundled("coffee")[0]


@pytest.fixture(scope="module")
def images(scene):
    """A piece of coffee, dark, blurred, noisy."""
    image = scene.image[:, :, 100:196, 200:321]
    noise = 0.1 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    blurred = F.avg_pool2d(image, 9, 1, 4)
    return torch.cat([image, image * 0.3, blurred, (image + noise).clamp(0, 1)])


def rows(*sentences):
    tokens = torch.zeros(len(sentences), 77, dtype=torch.long)
    for row, sentence in zip(tokens, sentences, strict=True):
        row[: len(sentence) + 2] = torch.tensor([START, *sentence, END])
    return tokens


def probabilities(state, images, texts, with_positions=False):
    """The published formula: softmax over exp(logit_scale) times cosines, the first of each pair."""
    pixels = (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    seen = F.normalize(oracles.encode_resnet(state, pixels, 8, with_positions))
    logits = state["logit_scale"].exp() * seen @ F.normalize(texts).T
    return logits.view(len(images), -1, 2).softmax(2)[:, :, 0].mean(1)


@pytest.mark.parametrize("view", ["", "+native", "+positions"])
def test_scores_follow_the_published_formula(view, state, encoder, images, scene):
    texts = oracles.encode_text(state, rows([GOOD, PHOTO, STOP], [BAD, PHOTO, STOP]), 1)
    expected = probabilities(state, images, texts, view == "+positions")
    objective = clipiqa(encoder + view)
    torch.testing.assert_close(objective.score(images, scene), expected, atol=TOLERANCE, rtol=0)
    assert expected.max() - expected.min() > 1e-4  # the pictures differ


def test_it_is_an_objective_that_describes_itself_and_carries_weights(encoder, images, scene):
    objective = clipiqa(encoder)
    assert isinstance(objective, Objective)
    assert sorted(objective.facts.weights) == [TABLE_NAME, "small.safetensors"]
    assert (objective.facts.direction, objective.facts.range) == ("maximize", (0.0, 1.0))
    check_objective(objective, images, scene)


def test_pairs_of_a_file_are_averaged(state, encoder, images, scene, tmp_path):
    file = tmp_path / "pairs.txt"
    file.write_text("# mine\n\n good photo | Bad photo \nphoto. | bad\n")
    texts = oracles.encode_text(state, rows([GOOD, PHOTO], [BAD, PHOTO], [PHOTO, STOP], [BAD]), 1)
    objective = clipiqa(f"{encoder},prompts={file}")
    ours = objective.score(images, scene)
    torch.testing.assert_close(ours, probabilities(state, images, texts), atol=TOLERANCE, rtol=0)
    assert "pairs.txt" in objective.facts.weights


def with_context(state, context):
    """CLIP-IQA+: start, 8 learned, the words with two full stops, 8 learned, end; as one matrix of embeddings."""
    table = state["token_embedding.weight"]
    matrices = []
    for learned, words in zip(context, ([GOOD, PHOTO, STOPS], [BAD, PHOTO, STOPS]), strict=True):
        embedded = table[torch.tensor([START, *words, END])]
        parts = [embedded[:1], learned[:8], embedded[1:4], learned[8:], embedded[4:]]
        matrices.append(torch.cat([*parts, torch.zeros(77 - 21, table.shape[1])]))
    fake = {**state, "token_embedding.weight": torch.cat(matrices)}
    # The oracle looks for the largest number as the end: number the rows and put the end's last.
    tokens = torch.arange(154).view(2, 77)
    order = torch.cat([torch.arange(21), torch.zeros(56, dtype=torch.long)])
    return oracles.encode_text(fake, tokens[:, order], 1)


@pytest.mark.parametrize("form", ["bare", "pair", "pyiqa", "authors"])
def test_learned_prompts_stand_around_the_words_in_every_published_layout(
    form, state, encoder, images, scene, tmp_path
):
    generator = torch.Generator().manual_seed(2)
    context = 0.5 * torch.randn(2, 16, 64, generator=generator)
    if form in ("bare", "authors"):
        context[1] = context[0]
    file = tmp_path / "learned.pth"
    content = {
        "bare": torch.nn.Parameter(context[0]),
        "pair": context,
        "pyiqa": {
            "params": {"prompt_learner.ctx": context, "prompt_learner.token_prefix": torch.zeros(2, 1, 64)}
        },
        "authors": {
            "meta": {"iter": 80000},
            "state_dict": {
                "generator.clipmodel_0.prompt_learner.ctx": context[0],
                "generator.clipmodel_0.logit_scale": torch.tensor(1.0),
            },
            "optimizer": {"generator": {"state": {}, "param_groups": [{"lr": 0.002}]}},
        },
    }[form]
    torch.save(content, file)
    objective = clipiqa(f"{encoder},prompts={file}")
    expected = probabilities(state, images, with_context(state, context))
    torch.testing.assert_close(objective.score(images, scene), expected, atol=TOLERANCE, rtol=0)
    assert "learned.pth" in objective.facts.weights


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"ctx": torch.zeros(16, 32)}, "a context of width 32; the tokens of .* have 64"),
        ({"ctx": torch.zeros(73, 64)}, "73 tokens of context; .* takes 77 in all"),
        ({"ctx": torch.zeros(3, 16, 64)}, r"a context of shape \[3, 16, 64\]"),
        ({"ctx": torch.full((16, 64), float("inf"))}, "finite"),
        ({"other": torch.zeros(2)}, r"has 0 learned contexts .* first names are other"),
        (
            {"a.prompt_learner.ctx": torch.zeros(2, 2), "b.prompt_learner.ctx": torch.zeros(2, 2)},
            "has 2 learned",
        ),
    ],
)
def test_learned_prompts_of_another_layout_are_refused(content, reason, encoder, tmp_path):
    save_file(content, tmp_path / "learned.safetensors")
    with pytest.raises(ConfigError, match=reason):
        clipiqa(f"{encoder},prompts={tmp_path}/learned.safetensors")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no prompts"),
        (b"# only a remark\n\n", "holds no prompts"),
        (b"good photo\n", "line 1: 'good photo' is not `better | worse`"),
        (b"good | bad | ugly\n", "line 1"),
        (b"good | bad\n| bad\n", "line 2"),
        (b"\xff\xfe\xff", "cannot be read as prompts"),
    ],
)
def test_files_of_prompts_that_say_nothing_are_refused(content, reason, encoder, tmp_path):
    file = tmp_path / "pairs.txt"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=reason.replace("|", r"\|")):
        clipiqa(f"{encoder},prompts={file}")


def test_files_that_are_not_there_are_refused(encoder, tmp_path):
    for name in ("absent.txt", "absent.pth"):
        with pytest.raises(ConfigError, match=name):
            clipiqa(f"{encoder},prompts={tmp_path}/{name}")


def test_options_that_do_not_fit_are_refused(encoder):
    with pytest.raises(UnknownName, match=r"attribute of clipiqa is called 'beauty'.*sharpness"):
        clipiqa(f"{encoder},attribute=beauty")
    with pytest.raises(ConfigError, match="not both"):
        clipiqa("attribute=contrast,prompts=mine.txt")
    with pytest.raises(ConfigError, match="is not one of its options"):
        clipiqa("quality,side=512")
    with pytest.raises(UnknownName, match="image-text encoder"):
        clipiqa("encoder=nothing:x")


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_black_white_and_tiny_images_have_finite_scores(value, encoder, scene):
    scores = clipiqa(encoder).score(torch.full((1, 3, 32, 32), value), scene)
    assert scores.isfinite().all()
    assert ((scores >= 0) & (scores <= 1)).all()


def test_images_smaller_than_the_network_takes_are_refused(encoder, scene):
    with pytest.raises(ScoreError, match="40x31"):
        clipiqa(encoder).score(torch.zeros(1, 3, 31, 40), scene)


def test_nan_in_one_image_gives_nan_for_it_alone(encoder, images, scene):
    spoilt = images.clone()
    spoilt[1, 0, 3, 3] = float("nan")
    assert clipiqa(encoder).score(spoilt, scene).isnan().tolist() == [False, True, False, False]


@dataclass
class FakeEncoder:
    """Sees how bright an image is, and knows a few words on the same axis."""

    name: str = "bundled"
    weights: dict = field(default_factory=lambda: {"fake.safetensors": "0" * 64})
    source: str = "this test"
    temperature: float = 4.0

    def encode_images(self, images):
        return angle(images.mean((1, 2, 3)))

    def embed_prompts(self, prompts):
        known = {"Bright photo.": 1.0, "Dark photo.": 0.0, "Clean photo.": 0.9, "Noisy photo.": 0.2}
        values = [known.get(prompt, 0.5) for prompt in prompts]
        return Prompts(torch.tensor(values).view(-1, 1, 1), torch.zeros(len(prompts), dtype=torch.long))

    def encode_prompts(self, prompts):
        return angle(prompts.embeddings[:, 0, 0])


def angle(value):
    return torch.stack([value.cos(), value.sin()], dim=1)


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setitem(encoders._KINDS, "bundled", lambda argument: FakeEncoder())


def test_the_bundled_encoder_is_the_default_and_attributes_may_stand_first(fake, images, scene):
    bright = clipiqa("brightness")
    assert bright.facts.weights == {"fake.safetensors": "0" * 64}
    scores = bright.score(images, scene)
    means = images.mean((1, 2, 3))
    expected = torch.sigmoid(4 * ((means - 1).cos() - means.cos()))
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=0)
    assert torch.equal(clipiqa("attribute=brightness,encoder=bundled").score(images, scene), scores)
    assert clipiqa().score(images, scene).tolist() == pytest.approx([0.5] * 4)  # words that it does not know


def test_high_is_better_in_every_attribute_of_quality():
    better = ["Good", "Bright", "Sharp", "Clean", "Colorful", "High contrast"]
    worse = ["Bad", "Dark", "Blurry", "Noisy", "Dull", "Low contrast"]
    pairs = [ATTRIBUTES[name] for name in list(ATTRIBUTES)[:6]]
    assert pairs == [(f"{one} photo.", f"{other} photo.") for one, other in zip(better, worse, strict=True)]


def test_a_clean_image_scores_high_in_noisiness_unlike_in_the_published_code(fake, scene):
    clean, noisy = (
        torch.full((1, 3, 8, 8), 0.9),
        torch.full((1, 3, 8, 8), 0.2),
    )  # as the fake encoder has them
    assert clipiqa("noisiness").score(clean, scene) > 0.5 > clipiqa("noisiness").score(noisy, scene)

"""The judge that asks a model of transformers, here a tiny LLaVA that the test makes; most need the extra."""

import re
import sys

import numpy as np
import pytest
import torch

from isptune.distortions.depictqa_recipes import ANSWERS
from isptune.errors import ConfigError, MissingExtra, ScoreError, UnknownName
from isptune.interfaces import Diagnoses, Judge
from isptune.registry import build as build_plug_in
from isptune.scenes.scene import Scene, load_scenes
from isptune.testing import check_judge
from objectives.asking.questions import Place, comparison_prompt, identification_prompt
from objectives.judges.by_transformers import IDENTIFICATION_TOKENS, build
from tests.objectives.language_models import tiny_llava

pytestmark = [
    pytest.mark.extras,
    pytest.mark.filterwarnings("default"),
]  # warnings of a third party's own making

CATEGORIES = {ANSWERS[name]: name for name in ("noise", "blur", "compression", "pixelate")}
WORDS = ["<unk>", "<s>", "<image>", "</s>", "Image", "A", "B", "and", *CATEGORIES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("transformers", reason="the extra `transformers` is not installed")
    folder = tmp_path_factory.mktemp("llava")
    save(folder)
    return folder


def save(folder, words=WORDS, **more):
    tiny_llava.processor(words, **more).save_pretrained(folder)
    network = tiny_llava.model(words)
    network.generation_config.eos_token_id = words.index("</s>")
    network.save_pretrained(folder)


@pytest.fixture(scope="module")
def scene():
    return load_scenes(["astronaut"], crop="72x64+190+40")[0]


@pytest.fixture(scope="module")
def pictures(scene):
    noise = torch.randn(scene.image.shape, generator=torch.Generator().manual_seed(0))
    return torch.cat([scene.image, (scene.image + 0.2 * noise).clamp(0, 1), scene.image * 0.4])


@pytest.fixture(scope="module")
def network(folder):
    """The library's own classes: pictures to pixels, and the model."""
    from transformers import LlavaForConditionalGeneration
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    pixels = CLIPImageProcessorPil.from_pretrained(folder)
    return pixels, LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()


def by_hand(network, prompt, shown, begun=()):
    """The next token's logits, the prompt spelled in numbers."""
    numbers, levels = [], []
    for part in prompt:
        if isinstance(part, Place):
            numbers += [WORDS.index("<image>")] * tiny_llava.IMAGE_TOKENS
            eight_bits = (shown[part] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
            levels.append(np.ascontiguousarray(eight_bits))
        else:
            words = [word for word in re.split(" ", part) if word]
            numbers += [WORDS.index(word) if word in WORDS else 0 for word in words]
    numbers += [WORDS.index(word) for word in begun]
    pixels = network[0](levels, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        return network[1](input_ids=torch.tensor([numbers]), pixel_values=pixels).logits[0, -1].double()


def odds_by_hand(network, a, b, reference=None, wording="listed"):
    shown = {Place.A: a, Place.B: b, Place.REFERENCE: reference}
    logits = by_hand(network, comparison_prompt(reference is not None, wording), shown, ["Image"])
    return float(logits[WORDS.index("A")] - logits[WORDS.index("B")])


@pytest.mark.parametrize(("wording", "reference"), [("listed", False), ("depictqa", True)])
def test_probabilities_are_those_of_the_librarys_own_classes(
    folder, network, pictures, scene, reference, wording
):
    judge = build(f"{folder},words={wording}", reference=reference)
    given = scene.reference[0] if reference else None
    first, second = pictures, pictures[[1, 2, 0]]
    wanted = []
    for one, other in zip(first, second, strict=True):
        shown_first = odds_by_hand(network, one, other, given, wording)
        shown_second = odds_by_hand(network, other, one, given, wording)
        wanted.append(1 / (1 + np.exp(-(shown_first - shown_second) / 2)))
    found = judge.prefer(first, second, scene)
    assert found.tolist() == pytest.approx(wanted, abs=1e-5)  # float32, in another order of sums
    assert max(abs(p - 0.5) for p in wanted) > 0.01


def test_exchanging_pictures_gives_exactly_one_minus_the_probability(folder, pictures, scene):
    judge = build(str(folder))
    assert isinstance(judge, Judge)
    assert isinstance(judge, Diagnoses)
    assert "model.safetensors" in judge.facts.weights
    check_judge(judge, pictures[:2], scene)
    one, other = (
        judge.prefer(pictures, pictures[[1, 2, 0]], scene),
        judge.prefer(pictures[[1, 2, 0]], pictures, scene),
    )
    assert torch.equal(one, 1 - other)
    assert torch.equal(other, 1 - one)
    assert judge.prefer(pictures, pictures, scene).tolist() == [0.5] * 3


def test_one_order_keeps_the_lean_towards_a_place(folder, network, pictures, scene):
    judge = build(f"{folder},orders=one")
    wanted = 1 / (1 + np.exp(-odds_by_hand(network, pictures[0], pictures[0])))
    assert judge.prefer(pictures[:1], pictures[:1], scene).tolist() == pytest.approx([wanted], abs=1e-5)
    assert abs(wanted - 0.5) > 1e-3


def test_pictures_may_differ_in_size_and_one_with_nan_has_no_probability(folder, pictures, scene):
    smaller = torch.nn.functional.interpolate(pictures, (40, 50))
    broken = pictures.clone()
    broken[1, 0, 0, 0] = torch.nan
    judge = build(str(folder))
    found = judge.prefer(broken, smaller, scene)
    assert found.isnan().tolist() == [False, True, False]
    assert torch.allclose(found[[0, 2]], judge.prefer(pictures, smaller, scene)[[0, 2]], atol=1e-6)
    with pytest.raises(ScoreError, match="NaN"):
        judge.describe(broken, scene)


def test_a_diagnosis_is_the_greedy_answer_with_the_probabilities_of_its_tokens(
    folder, network, pictures, scene
):
    found = build(str(folder)).describe(pictures[:2], scene)
    for picture, diagnosis in zip(pictures[:2], found, strict=True):
        words, sure = [], []
        for _ in range(IDENTIFICATION_TOKENS):
            logits = by_hand(network, identification_prompt(False, "listed"), {Place.IMAGE: picture}, words)
            word = WORDS[int(logits.argmax())]
            if word in ("</s>", "<s>", "<unk>", "<image>"):
                break
            words.append(word)
            sure.append(float(logits.softmax(0).max()))
        kept = [p for word, p in zip(words, sure, strict=True) if word != "and"]
        assert diagnosis.confidence == pytest.approx(sum(kept) / len(kept), abs=1e-5)
        parts = " ".join(words).split(" and ")
        named = list(
            dict.fromkeys(CATEGORIES[part.split()[-1]] for part in parts if part.split()[-1] in CATEGORIES)
        )
        assert [finding.category for finding in diagnosis.findings] == named


def test_a_reference_has_to_be_there(folder, pictures):
    with pytest.raises(ScoreError, match="the scene 'bare' has none"):
        build(str(folder), reference=True).prefer(pictures, pictures, Scene("bare", pictures[:1]))


def test_a_tokenizer_without_the_letters_is_refused(folder, tmp_path):
    save(tmp_path, words=[word for word in WORDS if word not in "AB"])
    with pytest.raises(ConfigError, match="does not tell A and B apart"):
        build(str(tmp_path))


def test_a_processor_without_a_chat_template_is_refused(folder, tmp_path):
    save(tmp_path, template=None)
    with pytest.raises(ConfigError, match="chat template"):
        build(str(tmp_path))


def test_it_is_registered(folder, pictures, scene):
    judge = build_plug_in("judge", f"vision_language:{folder}", reference=False)
    assert 0 < float(judge.prefer(pictures[:1], pictures[1:2], scene)) < 1


def test_without_transformers_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"pip install 'isptune\[transformers\]'"):
        build(str(tmp_path))


@pytest.mark.parametrize(
    ("argument", "kind", "message"),
    [
        (None, ConfigError, "which model"),
        ("nobody/nothing", MissingExtra, "nobody/nothing is no folder here"),
        ("no such thing", ConfigError, "no such folder"),
        (".,orders=three", UnknownName, "there are: both, one"),
        (".,words=mine", UnknownName, "there are: depictqa, listed"),
        (".,dtype=int8", UnknownName, "there are: auto, bf16, fp32"),
        (".,colour=red", ConfigError, "is not one of its options: model="),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_can(argument, kind, message, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(kind, match=message):
        build(argument)

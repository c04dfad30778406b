"""Q-Align's question put to a tiny LLaVA that the test makes; needs the extra `transformers`."""

import json
import math

import numpy as np
import pytest
import torch

from isptune.errors import ConfigError
from isptune.scenes.scene import load_scenes
from isptune.testing import check_objective
from objectives.qalign.qalign import qalign
from tests.objectives.language_models import tiny_llava

pytest.importorskip("transformers", reason="the extra `transformers` is not installed")
pytestmark = [
    pytest.mark.extras,
    pytest.mark.filterwarnings("default"),
]  # warnings of a third party's own making

LEVELS = ["excellent", "good", "fair", "poor", "bad"]
WORDS = [
    "<unk>",
    "<s>",
    "<image>",
    *["How", "would", "you", "rate", "the", "quality", "aesthetics", "of", "this", "image", "?", "The", "is"],
    *LEVELS,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llava")
    processor().save_pretrained(folder)
    model().save_pretrained(folder)
    return folder


def processor(template=tiny_llava.TEMPLATE, words=WORDS, begins=False):
    return tiny_llava.processor(words, template, begins)


def model():
    return tiny_llava.model(WORDS)


@pytest.fixture(scope="module")
def scene():
    return load_scenes(["astronaut"], crop="72x64+190+40")[0]


@pytest.fixture(scope="module")
def pictures(scene):
    noise = torch.randn(scene.image.shape, generator=torch.Generator().manual_seed(0))
    return torch.cat([scene.image, (scene.image + 0.2 * noise).clamp(0, 1), scene.image * 0.4])


def by_hand(folder, picture):
    """One picture through the library's own classes, the prompt spelled in numbers."""
    from transformers import LlavaForConditionalGeneration
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    network = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    levels = (picture * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    pixels = CLIPImageProcessorPil.from_pretrained(folder)(np.ascontiguousarray(levels), return_tensors="pt")
    asked = ["How", "would", "you", "rate", "the", "quality", "of", "this"]
    numbers = [WORDS.index("<image>")] * 4
    numbers += [WORDS.index(word) for word in asked] + [WORDS.index("<unk>")]  # "image?" is no word
    numbers += [WORDS.index(word) for word in ["The", "quality", "of", "the", "image", "is"]]
    with torch.no_grad():
        logits = network(input_ids=torch.tensor([numbers]), pixel_values=pixels["pixel_values"]).logits[0, -1]
    chosen = logits[[WORDS.index(level) for level in LEVELS]].double()
    return float(chosen.softmax(0) @ torch.tensor([5.0, 4, 3, 2, 1], dtype=torch.float64))


@pytest.mark.parametrize("kind", ["hf:", ""])
def test_scores_are_those_of_the_librarys_own_classes(folder, pictures, scene, kind):
    scores = qalign(f"{kind}{folder}").score(pictures, scene)
    assert scores.tolist() == pytest.approx([by_hand(folder, picture) for picture in pictures], abs=1e-5)
    assert len({round(score, 3) for score in scores.tolist()}) == 3


def test_it_keeps_the_contract(folder, pictures, scene):
    objective = qalign(f"hf:{folder}")
    check_objective(objective, pictures, scene)
    assert "model.safetensors" in objective.facts.weights
    assert "Q-Align" in objective.facts.source


def test_extreme_images_have_finite_scores(folder, scene):
    images = torch.stack([torch.full((3, 32, 32), value) for value in (0.0, 0.5, 1.0)])
    images = torch.cat([images, torch.full((1, 3, 32, 32), math.nan)])
    assert qalign(f"hf:{folder}").score(images, scene).isfinite().tolist() == [True, True, True, False]


def test_a_model_that_brings_code_is_refused_and_the_code_not_run(folder, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    brought = {"AutoConfig": "evil.Config", "AutoModelForImageTextToText": "evil.Model"}
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "evil", "auto_map": brought}))
    (tmp_path / "evil.py").write_text("raise SystemExit('this code was run')\n")
    with pytest.raises(ConfigError, match="no image-text-to-text model"):
        qalign(f"hf:{tmp_path}")


def test_a_prompt_begins_once_though_template_and_tokenizer_both_say_so(tmp_path, pictures, scene):
    scores = []
    for number, template in enumerate((tiny_llava.TEMPLATE, "<s>" + tiny_llava.TEMPLATE)):
        folder = tmp_path / str(number)
        model().save_pretrained(folder)
        processor(template, begins=True).save_pretrained(folder)
        scores.append(qalign(f"hf:{folder}").score(pictures, scene))
    assert torch.equal(*scores)


def test_a_processor_without_a_chat_template_is_refused(folder, tmp_path):
    model().save_pretrained(tmp_path)
    processor(template=None).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="chat template"):
        qalign(f"hf:{tmp_path}")


def test_a_tokenizer_that_does_not_know_the_levels_is_refused(tmp_path):
    model().save_pretrained(tmp_path)
    processor(words=WORDS[:-5]).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="does not tell the five levels apart"):
        qalign(f"hf:{tmp_path}")


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ConfigError, match="no image-text-to-text model"):
        qalign(f"hf:{tmp_path}")

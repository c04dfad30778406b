"""Diagnoses: what they may say, and the names that they share with the catalogue of distortions."""

import numpy as np
import pytest

from isptune.diagnosis.finding import CATEGORIES, Diagnosis, Finding
from isptune.distortions.presets import presets_of
from isptune.errors import ConfigError, UnknownName
from isptune.registry import build


def test_the_categories_are_those_of_the_published_set_of_distortions():
    groups = {preset.group for preset in presets_of("depictqa").values() if preset.part == "main"}
    assert set(CATEGORIES) == groups
    assert len(CATEGORIES) == 12


def test_a_diagnosis_holds_findings_and_where_they_are():
    heat_map = np.zeros((3, 4), dtype=np.float32)
    diagnosis = Diagnosis((Finding("noise", 3, 0.8), Finding("blur", None, 0.5)), 0.6, "a test", heat_map)
    assert [finding.category for finding in diagnosis.findings] == ["noise", "blur"]


@pytest.mark.parametrize(
    ("category", "severity", "confidence", "message"),
    [
        ("fog", 1, 0.5, "'fog' is no category; there are: blur, "),
        ("blur", 6, 0.5, "severity = 6 of blur: 1 to 5"),
        ("blur", 0, 0.5, "severity = 0"),
        ("blur", 1, 1.5, r"confidence = 1\.5 of blur: 0 to 1"),
        ("blur", 1, float("nan"), "confidence = nan"),
    ],
)
def test_a_finding_out_of_range_is_refused(category, severity, confidence, message):
    with pytest.raises(ConfigError, match=message):
        Finding(category, severity, confidence)


def test_a_category_named_twice_is_refused():
    with pytest.raises(ConfigError, match="twice: blur, blur"):
        Diagnosis((Finding("blur", 1, 0.5), Finding("blur", 2, 0.5)), 0.5, "a test")


def test_an_unknown_judge_is_answered_with_what_there_is():
    with pytest.raises(UnknownName, match="no judge is called 'nobody'; there are: "):
        build("judge", "nobody", reference=False)

"""A small study, and a real browser for the tests of its page."""

import pytest

from tests.browser import browser, window
from tests.study.served import small_study

__all__ = ["browser", "window"]


@pytest.fixture
def study(tmp_path):
    return small_study(tmp_path / "study")

"""Rendering is the slow part of these tests: pages that several of them read are rendered once."""

import html.parser
import re

import pytest

from isptune.report.run_report import write_report
from tests.browser import browser, window
from tests.report.folders import write_run

__all__ = ["browser", "window"]


class Page(html.parser.HTMLParser):
    """The visible text, tags with attributes, and whether every tag that opens closes in order."""

    VOID = frozenset({"meta", "img", "br", "input", "link", "hr"})

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.source, self.tags, self.open, self.balanced, self.parts = source, [], [], True, []
        self.feed(source)
        self.close()
        self.balanced = self.balanced and not self.open
        self.text = re.sub(r"\s+", " ", " ".join(self.parts))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        self.balanced = self.balanced and bool(self.open) and self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.parts.append(data)

    def named(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="session")
def read_page():
    return lambda path: Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory, read_page):
    """A finished run with some failed trials: its folder, log, answer and page."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    generations, answer = write_run(
        folder,
        failing=lambda generation, number: "RenderError: too <hot>" if number == generation % 8 else None,
    )
    return folder, generations, answer, read_page(write_report(folder))

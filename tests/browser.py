"""A real browser for the tests of the page: headless Chromium, driven by Playwright."""

import shutil

import pytest

DESK = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no chromium; 'apt-get install chromium' brings it")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def window(browser):
    """Open a window on a link; errors and refusals of the content policy in any of them fail the test."""
    problems, contexts = [], []

    def opened(link, **options):
        context = browser.new_context(**({"viewport": DESK} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60000)  # of a busy machine; it costs nothing elsewhere
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: line.type == "error" and problems.append(line.text))
        page.goto(link)
        return page

    opened.problems = problems
    yield opened
    for context in contexts:
        context.close()
    assert problems == []

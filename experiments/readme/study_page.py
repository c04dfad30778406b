"""The screenshots of a study's page, on pictures of a bundled scene.

Usage: python -m experiments.readme.study_page [--out docs] [--all] [--chromium /usr/bin/chromium]

Makes a small study with `isptune study new`, serves it, and photographs it in headless Chromium. Writes
study_page.jpg, the picture of the README; with --all also the page at 3840x2160 and on a phone, and the owner's page.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

MAIN = [sys.executable, "-c", "from isptune.cli import main; main()"]
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
WALL: dict[str, Any] = {"viewport": {"width": 3840, "height": 2160}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 3,
    "has_touch": True,
    "is_mobile": True,
}


def photograph(page: Page, path: Path) -> None:
    page.screenshot(path=path, type="jpeg", quality=82)
    print(f"{path}: {path.stat().st_size // 1000} kB")


def pair(browser: Browser, link: str, votes: int, **size: Any) -> Page:
    """The page of an observer who has given so many votes."""
    page = browser.new_context(**size).new_page()
    page.goto(link)
    for _ in range(2 * votes + 2):
        page.wait_for_function("() => document.body.dataset.screen !== 'loading'")
        if page.evaluate("document.body.dataset.screen") != "pair":
            page.click("#card-go")
            page.wait_for_selector("body[data-screen=pair]")
        if votes == 0:
            break
        if page.is_visible("#show-right"):  # both in one place: both must have been seen
            page.click("#show-right")
        page.wait_for_timeout(300)
        before = page.evaluate("document.body.dataset.screen + document.getElementById('count').textContent")
        page.click(f"[data-answer={('left', 'right', 'same')[votes % 3]}]")
        page.wait_for_function(
            "old => document.body.dataset.screen + document.getElementById('count').textContent !== old",
            arg=before,
        )
        votes -= 1
    page.mouse.move(5, 100)  # off the buttons, which answer to it
    page.wait_for_timeout(300)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--all", action="store_true", help="also 3840x2160, a phone, and the owner's page")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "study"
        new = ["--dmc", "astronaut", "--count", "6", "--schedule", "complete", "--training", "1"]
        subprocess.run(
            [*MAIN, "study", "new", str(folder), *new, "--seed", "3", "--anchors", "0"], check=True
        )
        serving = subprocess.Popen(
            [*MAIN, "study", "serve", str(folder), "--port", "0", "--invite", "3"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        try:
            links = read_links(serving)
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
                photograph(pair(browser, links[1], 6, **DESK), arguments.out / "study_page.jpg")
                if arguments.all:
                    photograph(pair(browser, links[2], 3, **WALL), arguments.out / "study_page_4k.jpg")
                    photograph(pair(browser, links[3], 2, **PHONE), arguments.out / "study_page_phone.jpg")
                    owner = browser.new_context(**DESK).new_page()
                    owner.goto(links[0])
                    owner.wait_for_selector("#scale svg")
                    photograph(owner, arguments.out / "study_owner.jpg")
                browser.close()
        finally:
            serving.terminate()
            serving.wait(20)


def read_links(serving: subprocess.Popen) -> list[str]:
    """The owner's link and the three observers'."""
    assert serving.stdout is not None
    links = []
    for line in serving.stdout:
        links += re.findall(r"http://\S+/(?:o|owner)/\S+", line)
        if len(links) == 4:
            return links
    raise SystemExit(f"the server did not start (status {serving.wait()})")


if __name__ == "__main__":
    main()

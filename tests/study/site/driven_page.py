"""What an observer does and sees on the page, for tests that drive it in a browser."""

import numpy as np

from isptune.study.votes.answers import Answers
from tests.study.served import SIZE

PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 3,
    "has_touch": True,
    "is_mobile": True,
}
RAMP = np.round(np.linspace(0, 255, SIZE[1])).astype(np.uint8)


def votes(study):
    with Answers(study.answers_path) as answers:
        return [(vote.observer, vote.number, vote.answer) for vote in answers.votes()]


def screen(page, name):
    page.wait_for_selector(f"body[data-screen={name}]")


def begin(page):
    page.click("#card-go")
    screen(page, "pair")


def after_a_look(page):
    """Wait until the pair takes votes: its pictures are there, for so long that no key is taken for a double press."""
    page.wait_for_selector("#panes[aria-busy=false]")


def count(page, text):
    page.wait_for_function("text => document.getElementById('count').textContent === text", arg=text)


def answer_rest(page, key="ArrowDown"):
    """Vote until the card at the end appears."""
    for _ in range(20):
        page.wait_for_function("() => document.body.dataset.screen !== 'loading'")
        if page.evaluate("document.body.dataset.screen") == "finished":
            return
        if page.evaluate("document.body.dataset.screen") != "pair":
            begin(page)
        after_a_look(page)
        before = page.inner_text("#count")
        page.keyboard.press(key)
        page.wait_for_function(
            "old => document.body.dataset.screen !== 'pair' || document.getElementById('count').textContent !== old",
            arg=before,
        )


def middle_row(page, side):
    """What the canvas of a side shows along its middle row, RGB."""
    flat = page.evaluate(
        """side => {
          const canvas = document.querySelector(`#pane-${side} canvas`);
          const row = Math.floor(canvas.height / 2);
          return Array.from(canvas.getContext("2d").getImageData(0, row, canvas.width, 1).data);
        }""",
        side,
    )
    return np.array(flat, dtype=np.uint8).reshape(-1, 4)[:, :3]


def ramp_on(page, side):
    """The blue values of the picture on the middle row; blue runs from 0 to 255 over the picture's width."""
    row = middle_row(page, side)
    surround = (row == 0x77).all(axis=1)
    return row[~surround, 2]


def green_on(page):
    """The green that tells pictures apart, on each side."""
    return [int(middle_row(page, side)[:, 1].max()) for side in ("left", "right")]

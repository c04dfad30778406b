"""What observers see of their screens: asked once, kept, told in the report; in a browser, too."""

import numpy as np
import pytest

from isptune.errors import StudyError
from isptune.study.votes.viewing import (
    ENOUGH_SQUARES,
    SQUARES,
    VIEWING,
    Plate,
    Viewing,
    keep_viewing,
    read_viewing,
    viewing_warnings,
)
from tests.study.served import local_server, small_study
from tests.study.site.driven_page import PHONE, screen
from tests.study.site.test_server import site

CONES = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
"""L, M and S of linear sRGB: Vienot, Brettel and Mollon 1999, equation 4."""


def test_it_is_asked_once_before_the_first_vote_and_kept(tmp_path):
    said = {"dark": 7, "light": 6, "plates": [{"kind": "deutan", "shown": 5, "read": 5}]}
    with site(tmp_path / "study", viewing=True) as here:
        link, other = here.observer(), here.observer()
        assert here.state(link)["ask_viewing"] is True
        for wrong in (
            {},
            {"skipped": False},
            said | {"dark": SQUARES + 1},
            said | {"more": 1},
            said | {"light": None},
        ):
            assert here.client.post(f"{link}/viewing", json=wrong).status_code == 400
        assert here.client.post(f"{link}/viewing", json=said).json()["ask_viewing"] is False
        assert (
            here.client.post(f"{link}/viewing", json={"skipped": True}).status_code == 200
        )  # comes too late
        assert here.client.post(f"{other}/viewing", json={"skipped": True}).json()["ask_viewing"] is False
        assert here.client.post(f"/o/{'x' * 32}/viewing", json=said).status_code == 404
    assert read_viewing(tmp_path / "study") == {
        1: Viewing(1, 7, 6, (Plate("deutan", 5, 5),)),
        2: Viewing(2),
    }


def test_a_study_may_leave_it_out_and_who_has_voted_is_not_asked(tmp_path):
    with site(tmp_path / "without") as here:
        assert here.state(here.observer())["ask_viewing"] is False
    with site(tmp_path / "with", viewing=True) as here:
        link = here.observer()
        here.vote(link)
        assert here.state(link)["ask_viewing"] is False


def test_a_torn_line_is_left_out_and_a_damaged_one_is_told(tmp_path):
    keep_viewing(tmp_path, Viewing(1, 8, 8))
    with (tmp_path / VIEWING).open("a") as file:
        file.write('{"observer": 2, "da')
    assert list(read_viewing(tmp_path)) == [1]
    (tmp_path / VIEWING).write_text('{"observer": 1, "dark": "all"}\n')
    with pytest.raises(StudyError, match="is damaged"):
        read_viewing(tmp_path)


def test_the_report_says_who_sees_little_or_other_colours():
    good, dim = Viewing(1, 8, 8, (Plate("protan", 3, 3),)), Viewing(2, ENOUGH_SQUARES - 1, 8)
    blind = Viewing(3, 8, 8, (Plate("control", 4, None), Plate("deutan", 3, 8)))
    assert viewing_warnings([good, Viewing(4)]) == []
    first, second = viewing_warnings([good, dim, blind, Viewing(4)])
    assert first.startswith("1 of 3 observers saw fewer than 5 of 8")
    assert second.startswith("1 of 3 observers did not read a digit in red and green")


@pytest.mark.slow
def test_on_the_page_it_stands_before_the_first_pair_in_the_browsers_language(tmp_path, window):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    study = small_study(tmp_path / "study", viewing=True)
    with local_server(study) as (_, (link,)):
        page = window(link, locale="de-DE", **PHONE)
        page.tap("#card-go")
        screen(page, "viewing")
        assert "Blick auf den Bildschirm" in page.inner_text("#card-title")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        found = axe.Axe().run(page, options={"rules": {"meta-viewport": {"enabled": False}}}).response
        assert [(one["id"], one["nodes"][0]["html"][:90]) for one in found["violations"]] == []
        plates = page.evaluate("import('/page/viewing.js').then((found) => found.PLATES)")
        page.tap("#card-go")  # nothing is chosen yet: it stays
        screen(page, "viewing")
        for field in page.locator(".viewing select").all():
            field.select_option("6")
        page.tap("#card-go")
        screen(page, "pair")
        assert page.inner_text("#question") == "Welches der beiden Bilder gefällt Ihnen besser?"
    kept = read_viewing(study.folder)[1]
    assert (kept.dark, kept.light, [plate.read for plate in kept.plates]) == (6, 6, [6, 6, 6])
    missing = {"protan": 0, "deutan": 1}
    for plate in plates:
        digit, ground = (CONES @ np.array(plate[part]) for part in ("digit", "ground"))
        change = np.abs(digit / ground - 1)
        if plate["kind"] in missing:  # the cones that are left see less than the dots differ among each other
            others = [k for k in range(3) if k != missing[plate["kind"]]]
            assert change[others].max() < 0.06
            assert change[missing[plate["kind"]]] > 0.1
        else:
            assert change.min() > 0.3

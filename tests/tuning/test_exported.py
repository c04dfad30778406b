"""The picture that the exported file gives is compared with the one that was chosen."""

import json
from dataclasses import replace

import pytest

from isptune.errors import RenderError
from isptune.runs.answer import ExportedFile, read_answer
from tests import toys
from tests.toys import SHORT, TOY


class _Loads(toys.Tint):
    """Writes a file with a tenth less of red than was chosen."""

    facts = replace(toys.Tint.facts, file_formats=("inked",))

    def parameter_file(self, file_format, candidate, template):
        return json.dumps({**candidate, "tint.red": candidate["tint.red"] - 0.1}).encode()

    def render_file(self, file_format, data, scene):
        if b"null" in data:
            raise RenderError("torn")
        params = {
            name: scene.image.new_full((1,), value).double() for name, value in json.loads(data).items()
        }
        return self.render(scene, params, 0)


@pytest.mark.slow
def test_the_end_of_a_run_says_how_far_the_exported_file_is_from_what_was_chosen(
    isptune, tmp_path, monkeypatch
):
    monkeypatch.setattr(toys, "tint", lambda argument, **options: _Loads(**options))
    status, out, err = isptune("run", *TOY, *SHORT, "--out", "made")
    assert status == 0, err
    (file,) = read_answer(tmp_path / "made").exported
    assert (file.format, file.error) == ("inked", None)
    assert 5 < file.mean < 10 < file.largest < 26  # a tenth of 255 where red does not clip
    assert f"from the exported inked: {file.mean:.2g} of 255 levels from the chosen picture" in out
    assert file.words in (tmp_path / "made" / "report.html").read_text()


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (ExportedFile("pp3", "cat", 0.0, 0.0), "cat from the exported pp3: the same picture as was chosen"),
        (ExportedFile("pp3", "cat", error="torn"), "cat from the exported pp3: could not be made: torn"),
    ],
)
def test_it_is_said_in_one_line(file, words):
    assert file.words == words

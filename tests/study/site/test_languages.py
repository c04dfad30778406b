"""The language of a page is a file, which the browser's wishes choose."""

import json
import re
from importlib.resources import files

import pytest

from isptune.study.site.languages import chosen, translated

PACKAGES = ("isptune.study.site", "isptune.rating")
PLACEHOLDER = re.compile(r"\{\w+\}")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-AT, de;q=0.9, en;q=0.8", "de"),
        ("fr, de;q=0.3, en;q=0.7", "en"),
        ("fr-FR, DE;q=0.1", "de"),
        ("fr, ja", "en"),
        ("de;q=0, fr", "en"),
        ("", "en"),
        ("de;q=oops, ;;q=,*", "de"),
        ("../../secret, " + "x-" * 9000, "en"),
    ],
)
def test_the_first_language_that_there_is_is_taken_and_english_where_there_is_none(accepted, language):
    assert chosen(accepted, ["de", "en"]) == language


def test_a_region_goes_before_its_language():
    assert chosen("pt-BR", ["en", "pt", "pt-BR"]) == "pt-BR"
    assert chosen("pt-PT", ["en", "pt", "pt-BR"]) == "pt"


@pytest.mark.parametrize("package", PACKAGES)
def test_all_languages_have_the_same_words_with_the_same_values_in_them(package):
    folder = files(package).joinpath("page", "words")
    languages = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.iterdir()}
    english = languages.pop("en.json")
    assert languages

    def values(text):
        forms = [text] if isinstance(text, str) else [text["other"]]
        return set(PLACEHOLDER.findall(forms[0]))

    for name, words in languages.items():
        assert words.keys() == english.keys(), name
        for key in english.keys() - {"defaults"}:
            assert values(words[key]) == values(english[key]), (name, key)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_word_that_a_script_says_is_in_the_file(package):
    folder = files(package).joinpath("page")
    words = json.loads(folder.joinpath("words", "en.json").read_text(encoding="utf-8"))
    scripts = [path for path in folder.iterdir() if path.name.endswith(".js")]
    scripts.append(files("isptune.study.site").joinpath("page", "viewing.js"))
    said = {
        key for path in scripts for key in re.findall(r'\bsay\("(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert len(said) > 10
    assert said <= words.keys()


def test_a_page_is_filled_and_its_words_cannot_end_the_script(monkeypatch):
    page = translated("isptune.study.site", "observer.html", "de")
    assert "{{" not in page
    assert '<html lang="de">' in page
    held = page.partition('id="words">')[2].partition("</script>")[0]
    assert "<" not in held
    assert json.loads(held)["left"] == "Links"

"""The tables of docs/what_to_trust.md, from the cards of objectives. `python -m tests.docs.trust_table` prints them."""

import tomllib
from pathlib import Path
from typing import Any

CARDS = tomllib.loads((Path(__file__).parents[2] / "objectives" / "cards.toml").read_text(encoding="utf-8"))
COLUMNS = ("as_target", "as_target_one_map", "ends", "raw", "twins", "people")
OF_PEOPLE = ("people", "people_scorenet", "people_of_photographs")
HEADS = ("led, synthetic", "led, one map", "led, short", "led, raw", "led, twins", "people")


def leads_table() -> str:
    """Who may lead what, and judge what; a line each, those that lead first."""
    lines = ["| objective | needs | may lead a search | may only judge |", "|---|---|---|---|"]
    for wanted in ("yes", "some", "no"):
        for name, card in CARDS["objective"].items():
            if card["leads"] == wanted:
                lines.append(f"| `{name}` | {card.get('needs', '')} | {card['lead']} | {card['judge']} |")
    return "\n".join(lines)


def figures_table() -> str:
    """The figures that there are, a line an objective."""
    lines = ["| objective | " + " | ".join(HEADS) + " |", "|---" * (len(HEADS) + 1) + "|"]
    for name, card in CARDS["objective"].items():
        found = card.get("figures", {})
        if {*COLUMNS, *OF_PEOPLE} & set(found):
            lines.append(f"| `{name}` | " + " | ".join(_cells(found)) + " |")
    return "\n".join(lines)


def _cells(found: dict[str, Any]) -> list[str]:
    people = next((found[key] for key in OF_PEOPLE if key in found), "")
    return [*(found.get(key, "") for key in COLUMNS[:-1]), people]


def sources() -> list[str]:
    """What each column measures, with the page that it stands in."""
    of = CARDS["evidence"]
    lines = []
    for head, key in zip(HEADS, COLUMNS, strict=True):
        source = of[key]["source"]
        lines.append(f"* **{head}**: {of[key]['what']} ([{Path(source).parent.name}](../{source}))")
    return lines


if __name__ == "__main__":
    print(leads_table(), figures_table(), "\n".join(sources()), sep="\n\n")

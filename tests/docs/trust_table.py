"""The tables of docs/what_to_trust.md, from the cards of objectives. `python -m tests.docs.trust_table` prints them."""

import tomllib
from pathlib import Path

CARDS = tomllib.loads((Path(__file__).parents[2] / "objectives" / "cards.toml").read_text(encoding="utf-8"))
COLUMNS = {
    "led, synthetic": ("as_target",),
    "led, one map": ("as_target_one_map",),
    "led, short": ("ends",),
    "led, raw": ("raw",),
    "led, twins": ("twins",),
    "people": ("people", "people_scorenet", "people_of_photographs"),
}
"""By head of a column the kinds of evidence that stand in it, of which an objective has one at most."""


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
    lines = ["| objective | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, card in CARDS["objective"].items():
        found = card.get("figures", {})
        cells = [next((found[kind] for kind in kinds if kind in found), "") for kinds in COLUMNS.values()]
        if any(cells):
            lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def sources() -> list[str]:
    """What each column measures, with the pages that it stands in."""
    lines = []
    for head, kinds in COLUMNS.items():
        of = [CARDS["evidence"][kind] for kind in kinds]
        links = ", ".join(f"[{Path(one['source']).as_posix()}](../{one['source']})" for one in of)
        lines.append(f"* **{head}**: {of[0]['what']} ({links})")
    return lines


if __name__ == "__main__":
    print(leads_table(), figures_table(), "\n".join(sources()), sep="\n\n")

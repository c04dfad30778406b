"""Lines and tables on a console."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def print_line(console: "Console", text: str, style: str | None = None) -> None:
    """One line as it is, however long."""
    # Names and messages come from outside: never read as markup.
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def print_table(console: "Console", title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table with its title: with rules on a terminal, as aligned plain text elsewhere; nothing without rows."""
    if not rows:
        return
    if console.is_terminal:
        _rich_table(console, title, head, rows)
        return
    columns = len(head)
    padded = [[*row, *[""] * (columns - len(row))] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in padded) for i in range(columns)]
    print_line(console, f"{title}:")
    for row in padded:
        print_line(
            console,
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(),
        )


def _rich_table(console: "Console", title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for number_of, name in enumerate(head):
        table.add_column(Text(name), justify="left" if number_of == 0 else "right")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)

"""Tables as programs save them."""

import pytest

from isptune.system.tables import read_table


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_the_program_had_them(tmp_path, end):
    (tmp_path / "a.csv").write_bytes(end.join(["file,mos", "a.png,1", '"b, c.png",2', ""]).encode())
    table = read_table(tmp_path / "a.csv")
    assert (table.heads, [row.cells for row in table.rows]) == (
        ("file", "mos"),
        [("a.png", "1"), ("b, c.png", "2")],
    )
    assert [row.line for row in table.rows] == [2, 3]

"""What commands print into a pipe: a line for a line, whatever letters are in it."""

import pytest
from rich.table import Table
from rich.text import Text

from collectiverun_operator.cli.printing import print_parts


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\x1c"])
def test_a_message_is_one_line_whatever_else_separates_lines(capsys, separator):
    print_parts(Text(f"refused:{separator}try again  "), Text("next"))
    assert capsys.readouterr().out == f"refused:{separator}try again\nnext\n"


def test_rows_of_a_table_end_in_no_blanks(capsys):
    table = Table("run", "state", box=None, pad_edge=False)
    table.add_row("a", "Complete")
    table.add_row("b", "")
    print_parts(table)
    assert capsys.readouterr().out == "run  state\na    Complete\nb\n"

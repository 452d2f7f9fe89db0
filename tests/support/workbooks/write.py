"""Writes the workbooks beside it by XlsxWriter; run by hand with that.

The files are kept, so that the tests read what it really writes without having it installed.
"""

import sys
from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NAMES = ("question", "answer", "number", "moment", "flag", "made")
MOMENTS = ("2024-05-01T12:30:01", "1999-12-31T00:00:00", "2000-02-29T23:59:59")
# What Excel does not hold as it is, and what looks like the way in which it is written then.
QUESTIONS = ('Where is "it"?\r\nüé日本, 👍', "_x0041_ and _x005F_, x005F_", "\x0b\x1f  blanks around  ")
ANSWERS = ("007", "=1+1", "12345678901234567890")
NUMBERS: tuple[float, ...] = (7, 1.5, -0.01)
FILES: Mapping[str, Mapping[str, Any]] = {
    "shared.xlsx": {},
    "inline.xlsx": {"constant_memory": True},
    "days-from-1904.xlsx": {"date_1904": True},
}


def write(path: Path, options: Mapping[str, Any]) -> None:
    """Write one workbook: texts that cells share or have for themselves, one of them in two fonts."""
    xlsxwriter = import_module("xlsxwriter")

    with xlsxwriter.Workbook(str(path), dict(options)) as book:
        book.set_properties({"created": datetime.fromisoformat("2024-05-01")})
        bold, moment = book.add_format({"bold": True}), book.add_format({"num_format": "dd/mm/yyyy hh:mm:ss"})
        sheet = book.add_worksheet()
        for column, name in enumerate(NAMES):
            sheet.write_string(0, column, name)
        for row in range(3):
            sheet.write_string(row + 1, 0, QUESTIONS[row])
            sheet.write_string(row + 1, 1, ANSWERS[row])
            sheet.write_number(row + 1, 2, NUMBERS[row])
            sheet.write_datetime(row + 1, 3, datetime.fromisoformat(MOMENTS[row]), moment)
            sheet.write_boolean(row + 1, 4, row != 1)
            if row == 0:
                sheet.write_rich_string(row + 1, 5, "half ", bold, "bold", ", 日本")
            elif row == 1:
                sheet.write_formula(row + 1, 5, '="a" & "b"', None, "ab")


def main() -> int:
    """Write them all; returns the exit code."""
    for name, options in FILES.items():
        write(HERE / name, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())

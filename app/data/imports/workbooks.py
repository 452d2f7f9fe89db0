"""Excel workbooks opened by openpyxl, with the texts that Excel shows: its escapes are read as ECMA-376 means them."""

import re
from typing import Any, BinaryIO

from openpyxl.cell.text import Text
from openpyxl.reader.excel import ExcelReader
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
from openpyxl.xml.functions import iterparse

_TEXT = f"{{{SHEET_MAIN_NS}}}si"
# A character that XML does not hold, and an underscore before what would be read as one (ECMA-376, ST_Xstring).
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def opened(file: BinaryIO) -> Any:  # noqa: ANN401 -- openpyxl has no types
    """Return a workbook to be read cell by cell; its texts are as they are written (`shown`)."""
    reader = _AsWritten(file, read_only=True, data_only=True)
    reader.read()
    return reader.wb


def shown(text: str) -> str:
    """Return a text of a cell as Excel shows it."""
    if "_x" not in text:
        return text
    made = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return made.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")  # halves become one character


class _AsWritten(ExcelReader):  # type: ignore[misc]  # openpyxl has no types
    def read_strings(self) -> None:
        """Read the texts that cells share; openpyxl would take `x005F_` out of each, whatever it stands for."""
        part = self.package.find(SHARED_STRINGS)
        if part is None:
            return
        with self.archive.open(part.PartName[1:]) as stream:
            for _, node in iterparse(stream):
                if node.tag == _TEXT:
                    self.shared_strings.append(Text.from_tree(node).content)
                    node.clear()

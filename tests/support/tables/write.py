"""Writes the tables beside it, each as its library writes it by default or is often asked to; run by hand with these.

The files are kept, so that the tests read what the libraries really write without having them installed.
"""

import sys
from datetime import date
from decimal import Decimal
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
QUESTIONS = ['Where is "it"?\nüé日本, here; there', "NA", "null"]
ANSWERS = ["007", "", "=1+1"]
IDS = [2**64 - 1, 2**63, 0]
AMOUNTS = [Decimal("1.10"), Decimal("-0.01"), Decimal(100)]
DAYS = [date(2024, 5, 1), date(1999, 12, 31), date(2000, 1, 1)]
FLAGS = [True, False, True]


def with_pandas() -> None:
    """Write by pandas: with its index, in UTF-16, with everything in quotes, packed."""
    pd = import_module("pandas")

    frame = pd.DataFrame(
        {
            "question": QUESTIONS,
            "answer": ANSWERS,
            "id": pd.Series(IDS, dtype="uint64"),
            "amount": AMOUNTS,
            "day": pd.to_datetime(DAYS),
            "flag": FLAGS,
        }
    )
    frame.to_csv(HERE / "with-index.csv")
    frame.to_csv(HERE / "utf-16.tsv", sep="\t", encoding="utf-16", index=False)
    frame.to_csv(HERE / "semicolons.csv", sep=";", index=False, quoting=1, lineterminator="\r\n")
    frame.to_csv(HERE / "packed.csv.gz", index=False, compression={"method": "gzip", "mtime": 1})


def with_polars() -> None:
    """Write by polars, for which nothing and an empty text are two things: `,,` and `,"",`."""
    pl = import_module("polars")

    columns = {
        "question": QUESTIONS,
        "answer": ANSWERS,
        "id": pl.Series(IDS, dtype=pl.UInt64),
        "amount": pl.Series(AMOUNTS, dtype=pl.Decimal(10, 2)),
        "day": DAYS,
        "flag": FLAGS,
        "note": [None, "", "x"],
    }
    frame = pl.DataFrame(columns)
    frame.write_csv(HERE / "polars.csv")
    frame.write_csv(HERE / "polars-mark.tsv", separator="\t", include_bom=True, quote_style="always")


def with_duckdb() -> None:
    """Write by DuckDB, which quotes what it must."""
    duckdb = import_module("duckdb")

    found = duckdb.sql(
        """
            SELECT * FROM (VALUES
                ('Where is "it"?' || chr(10) || 'üé日本, here; there', '007', 18446744073709551615::UBIGINT,
                 1.10::DECIMAL(10, 2), DATE '2024-05-01', true, NULL),
                ('NA', '', 9223372036854775808, -0.01, DATE '1999-12-31', false, ''),
                ('null', '=1+1', 0, 100, DATE '2000-01-01', true, 'x')
            ) AS t(question, answer, id, amount, day, flag, note)
        """
    )
    found.write_csv(str(HERE / "duckdb.csv"))
    found.write_csv(str(HERE / "duckdb.psv.gz"), sep="|", compression="gzip")


def main() -> int:
    """Write all of them; returns the exit code."""
    with_pandas()
    with_polars()
    with_duckdb()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes the Parquet files beside it, each by the library that it is named for; run by hand where they are installed.

    python tests/support/parquet/write.py        # pip install pandas pyarrow polars duckdb

The files are kept, so that the tests read what these libraries really write without having them installed.
"""

import datetime as dt
import sys
from decimal import Decimal
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
QUESTIONS = ["Where is it?\nüé日本", "", None]
TURNS = [[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], [], None]
DAYS = [dt.date(2024, 5, 1), None, dt.date(1999, 12, 31)]
MOMENTS = [dt.datetime.fromisoformat("2024-05-01T12:30:01.000005"), None, dt.datetime.fromisoformat("1970-01-01")]
IDS = [2**63, 2**64 - 1, 0]
AMOUNTS = [Decimal("1.10"), Decimal("-0.01"), None]
LABELS = ["x", "y", "x"]
SCORES = [0.5, float("nan"), None]


def with_pandas() -> None:
    """Write by pandas, which has an index, categories, and its own missing values."""
    pd = import_module("pandas")

    frame = pd.DataFrame(
        {
            "question": pd.Series(QUESTIONS, dtype="string"),
            "id": pd.Series(IDS, dtype="uint64"),
            "count": pd.Series([1, None, 3], dtype="Int64"),
            "label": pd.Series(LABELS, dtype="category"),
            "moment": pd.Series(MOMENTS, dtype="datetime64[us]"),
            "turns": TURNS,
            "score": SCORES,
        }
    )
    frame.index = ["first", "second", "third"]
    frame.to_parquet(HERE / "pandas.parquet")


def with_polars() -> None:
    """Write by polars, which has structs, categories, and NaN apart from nothing."""
    pl = import_module("polars")

    columns = {
        "question": QUESTIONS,
        "id": pl.Series(IDS, dtype=pl.UInt64),
        "amount": pl.Series(AMOUNTS, dtype=pl.Decimal(10, 2)),
        "label": pl.Series(LABELS, dtype=pl.Categorical),
        "day": DAYS,
        "moment": MOMENTS,
        "turns": TURNS,
        "score": SCORES,
        "scores": [[1.0, float("inf")], [float("nan")], None],
    }
    pl.DataFrame(columns).write_parquet(HERE / "polars.parquet")


def with_duckdb() -> None:
    """Write by DuckDB, with its enums, decimals, lists of structs and maps."""
    duckdb = import_module("duckdb")

    duckdb.sql(
        """
            SELECT * FROM (VALUES
                ('Where is it?' || chr(10) || 'üé日本', 9223372036854775808::UBIGINT, 1.10::DECIMAL(10, 2),
                 'x'::ENUM('x', 'y'), DATE '2024-05-01', [{'role': 'user', 'content': 'q'}], MAP {'a': 1}, 0.5::DOUBLE),
                ('', 18446744073709551615, -0.01, 'y', NULL, [], MAP {}, 'NaN'::DOUBLE),
                (NULL, 0, NULL, 'x', DATE '1999-12-31', NULL, NULL, NULL)
            ) AS t(question, id, amount, label, day, turns, more, score)
        """
    ).write_parquet(str(HERE / "duckdb.parquet"), compression="zstd")
    duckdb.sql(
        """
            SELECT * FROM (VALUES
                ('[{"a": 1.10}]'::JSON, '00000000-0000-0000-0000-000000000001'::UUID, [('{"n": 1}')::JSON]),
                (NULL, NULL, NULL)
            ) AS t(tools, id, calls)
        """
    ).write_parquet(str(HERE / "duckdb-json.parquet"))


def main() -> int:
    """Write them all; returns the exit code."""
    with_pandas()
    with_polars()
    with_duckdb()
    return 0


if __name__ == "__main__":
    sys.exit(main())

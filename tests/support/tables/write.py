"""Writes the tables beside it, each as pandas writes it by default or is often asked to; run by hand with pandas.

The files are kept, so that the tests read what it really writes without having it installed.
"""

from decimal import Decimal
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Write all of them."""
    pd = import_module("pandas")

    frame = pd.DataFrame(
        {
            "question": ['Where is "it"?\nüé日本, here; there', "NA", "null"],
            "answer": ["007", "", "=1+1"],
            "id": pd.Series([2**64 - 1, 2**63, 0], dtype="uint64"),
            "amount": [Decimal("1.10"), Decimal("-0.01"), Decimal(100)],
            "day": pd.to_datetime(["2024-05-01", "1999-12-31", "2000-01-01"]),
            "flag": [True, False, True],
        }
    )
    frame.to_csv(HERE / "with-index.csv")
    frame.to_csv(HERE / "utf-16.tsv", sep="\t", encoding="utf-16", index=False)
    frame.to_csv(HERE / "semicolons.csv", sep=";", index=False, quoting=1, lineterminator="\r\n")
    frame.to_csv(HERE / "packed.csv.gz", index=False, compression={"method": "gzip", "mtime": 1})


if __name__ == "__main__":
    main()

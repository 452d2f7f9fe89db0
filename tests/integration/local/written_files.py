"""Sample rows as files that pandas and datasets write, which a runtime's interpreter has.

`python -m tests.integration.local.written_files FOLDER` writes a file for each sample and library, named
`SAMPLE~LIBRARY.ENDING`, with "-" for the slash.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from datasets import Dataset, Features, Json, List

from tests.support.format_samples import FLAT, TRAINED, UNTRAINED, Row


def with_pandas(rows: Sequence[Row], stem: Path, *, flat: bool) -> None:
    """Write as JSON Lines, as Parquet and, where it can hold the rows, as CSV."""
    frame = pd.DataFrame(list(rows))
    frame.to_json(f"{stem}~pandas.jsonl", orient="records", lines=True)
    frame.to_parquet(f"{stem}~pandas.parquet")
    if flat:
        frame.to_csv(f"{stem}~pandas.csv", index=False)
        frame.to_csv(f"{stem}~pandas-gzip.csv.gz", index=False, sep=";")


def with_datasets(rows: Sequence[Row], stem: Path, *, flat: bool) -> None:
    """Write the same by the library that TRL reads its rows with: nulls where a row has no such field."""
    found = Dataset.from_list([json.loads(json.dumps(row)) for row in rows])
    found.to_json(f"{stem}~datasets.jsonl")
    found.to_parquet(f"{stem}~datasets.parquet")
    if flat:
        found.to_csv(f"{stem}~datasets.csv")


def with_json_columns(rows: Sequence[Row], stem: Path) -> None:
    """Write tools as TRL has them kept: a column of JSON, and a text of JSON as before there was such a column."""
    plain = [dict(row) for row in rows]
    features = Features({**Dataset.from_list(plain).features, "tools": List(Json())})
    Dataset.from_list(plain, features=features).to_parquet(f"{stem}~json.parquet")
    texts = [{**row, "tools": json.dumps(row["tools"])} for row in rows]
    Dataset.from_list(texts).to_parquet(f"{stem}~text.parquet")


def main(folder: Path) -> None:
    """Write all files."""
    for name, rows in {**TRAINED, **UNTRAINED}.items():
        stem = folder / name.replace("/", "-")
        with_pandas(rows, stem, flat=name in FLAT or name in UNTRAINED)
        with_datasets(rows, stem, flat=name in FLAT or name in UNTRAINED)
    with_json_columns(TRAINED["chat/tools"], folder / "chat-tools")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

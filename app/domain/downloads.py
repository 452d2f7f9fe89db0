"""The formats in which a dataset's rows are handed out."""

from enum import StrEnum


class DownloadFormat(StrEnum):
    """A format by the ending of its files; the last part of a packed one is how it is packed."""

    JSONL = "jsonl"
    JSONL_GZ = "jsonl.gz"
    JSONL_ZST = "jsonl.zst"
    JSON = "json"
    JSON_GZ = "json.gz"
    JSON_ZST = "json.zst"
    CSV = "csv"
    CSV_GZ = "csv.gz"
    CSV_ZST = "csv.zst"
    TSV = "tsv"
    TSV_GZ = "tsv.gz"
    TSV_ZST = "tsv.zst"
    PARQUET = "parquet"
    XLSX = "xlsx"

    @property
    def rows(self) -> str:
        """How the rows are written, such as `csv`."""
        return self.partition(".")[0]

    @property
    def packing(self) -> str:
        """How the file is packed: `gz`, `zst`, or nothing."""
        return self.partition(".")[2]

    @property
    def media_type(self) -> str:
        """What the file is, as IANA has it registered."""
        return _MEDIA[self.packing or self.rows]


_MEDIA = {
    "jsonl": "application/x-ndjson",
    "json": "application/json",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "gz": "application/gzip",
    "zst": "application/zstd",
}

"""The kinds of files that rows are taken out of, and what may lie around them.

A new kind is one file with a `Container` (or a `Layer`), and one line here.
"""

from app.data.imports import archives, delimited, encodings, json_values, parquet, sheets
from app.data.imports.container import Container, Layer, Recognition, Sample

LAYERS: list[Layer] = [archives.GZIP, archives.BZIP2, archives.XZ, archives.ZSTD, archives.ZIP, encodings.LAYER]
CONTAINERS: list[Container] = [parquet.CONTAINER, sheets.CONTAINER, json_values.CONTAINER, delimited.CONTAINER]


def layer_of(sample: Sample) -> tuple[Layer, str] | None:
    """Return what lies around a file, and its words for people; None where nothing does."""
    for layer in LAYERS:
        words = layer.recognise(sample)
        if words is not None:
            return layer, words
    return None


def recognise(sample: Sample) -> tuple[Container, Recognition] | None:
    """Return the kind of a file, and how sure that is; None where it is JSON Lines already, or of no kind."""
    found = [(kind, seen) for kind in CONTAINERS if (seen := kind.recognise(sample)) is not None]
    return max(found, key=lambda each: each[1].confidence, default=None)

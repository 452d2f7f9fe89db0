"""How rows are set apart, as a split and a job's validation ask for it: the rules of `domain/splits.py`, described."""

from typing import Annotated, Any

from app.domain.jobs import SplitStrategy
from app.domain.splits import MAX_KEY_CHARS, MAX_SEED
from app.http.fields import Line, Whole, described, given, holds

Share = Annotated[float, described(exclusiveMinimum=0, exclusiveMaximum=1)]
Seed = Annotated[Whole, described(minimum=0, maximum=MAX_SEED)]
RowField = Annotated[Line, described(maxLength=MAX_KEY_CHARS)]
# A grouped split needs a field (rows with the same value of it stay together), a random one uses none.
ROW_FIELD_RULE: dict[str, Any] = {
    "if": holds("strategy", SplitStrategy.GROUPED),
    "then": given("key") | {"properties": {"key": {"type": "string", "minLength": 1}}},
    "else": {
        "if": holds("strategy", SplitStrategy.STRATIFIED),
        "else": {"properties": {"key": {"enum": [None, ""]}}},
    },
}

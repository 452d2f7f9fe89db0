"""Unpaired preferences: {"prompt", "completion", "label": true or false}, told apart lest bad answers are learned."""

from app.data.formats.format import Format

_WRITTEN = ("true", "false", "True", "False", "TRUE", "FALSE")  # as tables hold them: all of their cells are texts
FORMAT = Format(
    name="unpaired",
    words="unpaired preference (prompt, completion and a true or false label)",
    marks=(frozenset({"prompt", "completion", "label"}),),
    fits=lambda row: isinstance(row["label"], bool) or row["label"] in _WRITTEN,
    wins=True,
    remedy="Keep the rows whose label is true, and remove the label: they are prompt/completion rows then.",
)

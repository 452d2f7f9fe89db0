"""Every rule that a file of rows is held against: its severity, its title, and the usual remedy."""

from dataclasses import dataclass

from app.domain.datasets import Severity

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `fix` is used where a finding has no better advice."""

    id: str
    severity: Severity
    title: str
    fix: str


@dataclass(frozen=True, slots=True)
class Issue:
    """One breach of a rule within one line.

    `at` is the byte within the line, `column` the character from 1; both only where the text itself is broken.
    """

    rule: Rule
    message: str
    path: str = ""
    at: int | None = None
    column: int | None = None
    fix: str = ""


_EXAMPLE = '{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}'

# --- the file as a whole
EMPTY_FILE = Rule(
    "empty_file", ERROR, "The file is empty", f"Upload a JSONL file with one row a line, for example {_EXAMPLE}."
)
WRONG_TYPE = Rule(
    "wrong_type", ERROR, "Not a text file of rows", "Export the rows as JSONL: one JSON object a line, in UTF-8."
)
CONVERT = Rule("convert", ERROR, "A format that must be converted first", "Convert it to chat JSONL.")
UNKNOWN_FORMAT = Rule(
    "unknown_format",
    ERROR,
    "Unknown rows",
    f"Say what each column is (Columns, on the dataset's page), or name the fields as in {_EXAMPLE}.",
)
ONE_ROW = Rule(
    "too_few_rows",
    ERROR,
    "Too few rows",
    "Add rows: two are the least that can be trained on, 50 to 100 are a good start.",
)
FEW_ROWS = Rule(
    "few_rows", WARNING, "Few rows", "Add rows: providers ask for 10 at least, and 50 to 100 are a good start."
)
BOM = Rule("byte_order_mark", INFO, "Byte-order mark at the start", "Nothing to do: it is left out when rows are read.")
READ_AS = Rule(
    "read_as",
    INFO,
    "Read as another format",
    "Nothing to do: the file stays as it is, and its lines keep their numbers.",
)
EXTRA_FIELDS = Rule(
    "extra_fields",
    INFO,
    "Fields that are not trained on",
    "Nothing to do: they are kept, and can group or stratify a split.",
)
DUPLICATE = Rule("duplicate_row", WARNING, "The same row again", "Remove the copy, unless it is meant to count twice.")
DUPLICATES_UNCHECKED = Rule(
    "duplicates_unchecked",
    INFO,
    "Not all rows compared",
    "Nothing to do: equal rows were looked for among the first ones only.",
)

# --- what was brought, where rows were made from it
UNREADABLE = Rule(
    "unreadable", ERROR, "A file that cannot be read", "Save the file again with the program that wrote it."
)
TOO_LARGE = Rule(
    "unpacks_too_large", ERROR, "Unpacks to too much", "Unpack it yourself, look at it, and upload what is inside."
)
NO_ROWS = Rule("blank_lines_left_out", INFO, "Blank lines left out", "Nothing to do: they are not among the rows.")
LEFT_OUT = Rule("left_out", WARNING, "Left out", "Upload it as a file of its own, if its rows are wanted.")
REENCODED = Rule(
    "reencoded",
    WARNING,
    "Read in another encoding than UTF-8",
    "Look at words with accents among the first rows; if they are wrong, save the file as UTF-8 and upload it again.",
)
COLUMN_NAMES = Rule(
    "column_names", WARNING, "Columns renamed", "Give each column a name of its own in the file's first line."
)
MARKED = Rule("marked_columns", INFO, "Columns of JSON values", "Nothing to do: docs/formats.md has the rule.")
CELLS = Rule(
    "cells",
    ERROR,
    "Another number of cells than columns",
    "Put cells that hold the delimiter in double quotes, and give the row a cell for each column.",
)
QUOTES = Rule(
    "quotes",
    ERROR,
    "Quotation marks that do not match",
    'Put the whole cell in double quotes, and write a quotation mark inside it twice ("").',
)
ROUNDED = Rule(
    "rounded",
    WARNING,
    "Numbers that the file has rounded",
    "Where such numbers are ids, export them as text and upload the file again.",
)

NULLED = Rule(
    "nulled",
    WARNING,
    "Numbers that are none",
    "Nothing to do where they mean a missing value; else write them as text, and upload the file again.",
)

# --- the text of a line
ENCODING = Rule(
    "encoding", ERROR, "Bytes that are not UTF-8", "Save the file as UTF-8 (in most editors: Save as, Encoding, UTF-8)."
)
NUL = Rule("nul_byte", ERROR, "NUL byte", "Remove the byte; it often means a file that was cut or copied badly.")
BOM_INSIDE = Rule(
    "byte_order_mark_inside",
    ERROR,
    "Byte-order mark inside the file",
    "Remove it; it comes from joining files that each began with one.",
)
LONG_LINE = Rule(
    "long_line", ERROR, "Line too long", "Split the row into shorter ones; so long a row cannot be trained on whole."
)
BLANK = Rule("blank_line", WARNING, "Blank line", "Remove the line; it is skipped.")
SYNTAX = Rule("syntax", ERROR, "Broken JSON", "Fix the line, or write it anew with a JSON library.")
TRUNCATED = Rule("truncated", ERROR, "The last line is cut off", "Upload the file again; the copy is not complete.")
SEVERAL = Rule("several_values", ERROR, "Several values on one line", "Put each object on a line of its own.")
NOT_A_NUMBER = Rule(
    "not_a_number", ERROR, "NaN or Infinity", "Write null or leave the field out: JSON has no NaN and no Infinity."
)
NUMBER = Rule("number", ERROR, "Number out of range", "Write the number as text in quotes, or make it smaller.")
SURROGATE = Rule(
    "lone_surrogate",
    ERROR,
    "Half a character",
    "Write the character whole; a text was cut in the middle of an emoji, most likely.",
)
DEPTH = Rule("depth", ERROR, "Nested too deep", "Flatten the row; messages need three levels.")
NOT_OBJECT = Rule("not_an_object", ERROR, "Not a JSON object", f"Write an object, for example {_EXAMPLE}.")
DUPLICATE_KEY = Rule("duplicate_key", WARNING, "The same key twice", "Remove one of them; the last one counts.")
NUL_TEXT = Rule(
    "nul_character",
    WARNING,
    "NUL character in a text",
    "Remove \\u0000 from the text; tokenizers and terminals treat it in odd ways.",
)

# --- the shape of a row
MIXED = Rule(
    "mixed_formats",
    ERROR,
    "Another format than the file's",
    "Keep one format a file: convert these rows or move them to a file of their own.",
)
AMBIGUOUS = Rule("ambiguous", ERROR, "Two formats in one row", "Keep the fields of one format.")
MISSING = Rule("missing_field", ERROR, "Missing field", "Add the field.")
TYPE = Rule("wrong_field_type", ERROR, "A field of the wrong type", "Write text in double quotes.")
EMPTY_TEXT = Rule("empty_text", ERROR, "Empty text", "Write the text, or remove the row.")
MESSAGES = Rule(
    "messages", ERROR, "Missing or empty messages", f"Write a list with a question and its answer, as in {_EXAMPLE}."
)
MESSAGE = Rule("message", ERROR, "A message that is no object", 'Write {"role": "user", "content": "…"}.')
ROLE = Rule("role", ERROR, "Unknown role", "Use system, developer, user, assistant or tool.")
CONTENT = Rule("content", ERROR, "Content that is no text", "Write the content as one text in double quotes.")
EMPTY_CONTENT = Rule("empty_content", ERROR, "Message without text", "Write the text, or remove the message.")
LAST_ROLE = Rule(
    "last_role",
    ERROR,
    "The last message is not from the assistant",
    "End the conversation with the answer that is to be learned.",
)
NO_USER = Rule(
    "no_user", WARNING, "No user message", "Begin with what the user asks, unless the model is to speak unasked."
)
ORDER = Rule(
    "order",
    WARNING,
    "Unusual order of messages",
    "Let user and assistant take turns, with at most one system message at the start: many chat templates insist.",
)
WEIGHT = Rule("weight", ERROR, "Wrong weight", "Write 0 or 1, on assistant messages only.")
WEIGHTS = Rule(
    "weights",
    INFO,
    "Answers that are not learned",
    "Nothing to do: answers of weight 0 are shown to the model, and no loss is counted on them.",
)
ALL_WEIGHTS_ZERO = Rule(
    "nothing_to_learn",
    ERROR,
    "Nothing to learn",
    "Give at least one assistant message the weight 1, or leave weights out.",
)
MESSAGE_FIELD = Rule("message_field", WARNING, "Unknown field in a message", "Remove the field; it is not trained on.")
TOOL = Rule(
    "tool",
    ERROR,
    "Broken tool call",
    "Follow the chat format: tool_calls on the assistant's message, tool_call_id on the tool's.",
)
TOOLS = Rule(
    "tools",
    WARNING,
    "Rows with tool calls",
    "Choose a model and a backend that train tool calls, or remove these rows.",
)
EQUAL_ANSWERS = Rule(
    "equal_answers", ERROR, "Chosen and rejected are equal", "Make the two answers differ, or remove the row."
)

# --- sets of rules, of which a check may be asked for one
ALL = frozenset(each for each in tuple(globals().values()) if isinstance(each, Rule))
# What the data check of OpenAI's cookbook looks for ("Data preparation and analysis for chat model fine-tuning"): a row
# that is no object, no messages, a message without role or content, with an unknown field or role, with a content that
# is empty or no text, and no answer. A row that a format other than chat fits has no messages either.
COOKBOOK = frozenset(
    {NOT_OBJECT, MESSAGES, MESSAGE, ROLE, CONTENT, EMPTY_CONTENT, MESSAGE_FIELD, LAST_ROLE, MIXED, AMBIGUOUS}
    | {SYNTAX, TRUNCATED, SEVERAL, ENCODING}  # at which the cookbook's script stops
)

"""What columns are usually called, by what they are to a model; compared in lower case, words apart by `_`."""

import re

from app.domain.mappings import Role

NAMES: dict[Role, frozenset[str]] = {
    Role.SYSTEM: frozenset({"system", "system_prompt", "system_message", "persona"}),
    Role.USER: frozenset(
        {
            "user", "question", "query", "instruction", "input", "human", "request", "user_message", "utterance",
            "customer_message", "problem", "message", "frage", "pregunta", "ask", "q",
        }
    ),
    Role.ASSISTANT: frozenset(
        {
            "assistant", "answer", "response", "output", "reply", "bot", "gpt", "solution", "agent_message",
            "ground_truth", "assistant_message", "expected_answer", "expected_output", "antwort", "respuesta", "a",
        }
    ),
    Role.PROMPT: frozenset({"prompt"}),
    Role.COMPLETION: frozenset({"completion", "continuation"}),
    Role.TEXT: frozenset(
        {"text", "content", "sentence", "document", "body", "review", "comment", "ticket", "description", "email"}
    ),
    Role.LABEL: frozenset(
        {"label", "category", "class", "sentiment", "intent", "topic", "tag", "kategorie", "target"}
    ),
    Role.CHOSEN: frozenset({"chosen", "preferred", "better", "accepted", "win"}),
    Role.REJECTED: frozenset({"rejected", "non_preferred", "worse", "lose", "dispreferred"}),
}  # fmt: skip
# Of these, the name of a text is also that of its number, its sender, its date and its address.
_THINGS = frozenset({"user", "human", "request", "message", "document", "review", "comment", "ticket", "email"})
_WORDS = re.compile(r"[^\w]+|_+")


def plain(name: str) -> str:
    """Return a column's name as it is compared: `User Message` is `user_message`."""
    return _WORDS.sub("_", name.strip().lower()).strip("_")


def is_sure(name: str) -> bool:
    """Tell whether a name says what a column is, whatever stands in it: a question may be a formula."""
    words = plain(name)
    return words not in _THINGS and any(words in names for names in NAMES.values())


def role_named(name: str) -> tuple[Role, float] | None:
    """Return what a column is by its name, and how sure that is; None where the name does not say."""
    words = plain(name)
    for role, names in NAMES.items():
        if words in names:
            return role, 0.95
    for role, names in NAMES.items():
        if names & set(words.split("_")):
            return role, 0.7
    return None

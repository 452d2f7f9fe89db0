"""The ends of answers in a tuned model's saved files: what its chat template teaches, against what its configs stop at.

Earlier releases saved the base's end beside weights that had learned the template's: whoever loads such a folder gets
answers that run on. The template is rendered here with a probe, as `app.training.rendering` does it with a tokenizer.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.backends.local.context import LocalContext
from app.backends.local.errors import in_backend_words
from app.domain.backend import Rejected
from app.domain.backend_abilities import Ends, MendsEnds
from app.training.run_lock import read_whole, write_whole

ORIGINALS = "before-mending"
_GENERATION, _CONFIG, _TOKENIZER, _SPECIAL = (
    "generation_config.json", "config.json", "tokenizer_config.json", "special_tokens_map.json",
)  # fmt: skip
_PROBE = "Qx7vProbe"
_LEARNED = re.compile(r"(\{%[-+]?\s*)(end)?generation(\s*[-+]?%\})")  # what transformers marks answers with


class LocalEnds(MendsEnds):
    """To find saved models that stop at another end than they were taught, and to mend their configs."""

    context: LocalContext

    @in_backend_words
    def ends(self, model: str) -> Ends:
        """Return what ends an answer, and what the saved configs stop at; models of this release say nothing new."""
        folder = self.context.model_folder(model)
        if "chat" in self.context.tuned.note(folder):  # saved by a release that sets the end that was taught
            return Ends()
        return look(folder)

    @in_backend_words
    def mend_ends(self, model: str) -> Ends:
        """Write the taught end into the configs beside the weights; the first originals are kept.

        Raises:
            Rejected: where nothing is wrong.
        """
        folder = self.context.model_folder(model)
        if not self.ends(model).wrong:
            raise Rejected("The saved configs stop at the end that was taught.", fix="There is nothing to fix.")
        mend(folder)
        return look(folder)


def look(folder: Path) -> Ends:
    """Return the ends of the model in a folder; nothing where the template does not say it without doubt."""
    special, taught = _special(folder), _taught(folder)
    if taught is None or taught not in special:
        return Ends()
    known = _known(folder, special)
    words = {index: token for token, index in special.items()}
    saved = tuple(words.get(each, str(each)) for each in known)
    return Ends(taught=taught, saved=saved, wrong=special[taught] not in known)


def mend(folder: Path) -> None:
    """Write the taught end into the configs in a folder, each of them whole."""
    special, taught = _special(folder), str(_taught(folder))
    stops = sorted({special[taught], *_known(folder, special)})
    (folder / ORIGINALS).mkdir(exist_ok=True)
    for name in (_GENERATION, _CONFIG, _TOKENIZER, _SPECIAL):
        value = read_whole(folder / name)
        if value is None and name != _GENERATION:
            continue
        if value is not None and not (folder / ORIGINALS / name).exists():
            shutil.copyfile(folder / name, folder / ORIGINALS / name)
        write_whole(folder / name, _mended(name, value or {}, taught, stops))


def _mended(name: str, value: dict[str, Any], taught: str, stops: Sequence[int]) -> dict[str, Any]:
    if name in {_TOKENIZER, _SPECIAL}:
        # Where padding is the same token, it stays the end that is not learned: collators mask what is padding.
        return value if taught == _word(value.get("pad_token")) else {**value, "eos_token": taught}
    ends: int | list[int] = list(stops) if len(stops) > 1 else stops[0]
    inner = value.get("text_config")
    if name == _CONFIG and isinstance(inner, dict):
        return {**value, "text_config": {**inner, "eos_token_id": ends}, "eos_token_id": ends}
    return {**value, "eos_token_id": ends}


def _known(folder: Path, special: Mapping[str, int]) -> list[int]:
    """Return the ids at which whoever loads the folder stops: of the generation config, else the config, else the
    tokenizer.
    """
    for name in (_GENERATION, _CONFIG):
        own = (read_whole(folder / name) or {}).get("eos_token_id")
        if isinstance(own, int | list):
            return [own] if isinstance(own, int) else [each for each in own if isinstance(each, int)]
    eos = _word((read_whole(folder / _TOKENIZER) or {}).get("eos_token"))
    return [special[eos]] if eos in special else []


def _taught(folder: Path) -> str | None:
    """Return the first special token that the chat template writes after an answer; None where it writes none."""
    config = read_whole(folder / _TOKENIZER) or {}
    for after in _written_after(_template(folder, config), config):
        found = [(at, token) for token in _special(folder) if (at := after.find(token)) >= 0]
        return min(found, key=lambda each: (each[0], -len(each[1])))[1] if found else None
    return None


def _written_after(template: str, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a template writes after an answer, with contents as texts or else in parts; nothing if it refuses."""
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    made.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    made.globals |= {"raise_exception": _refuse, "strftime_now": lambda _format: ""}
    tokens = {name: _word(config.get(name)) for name in ("bos_token", "eos_token", "pad_token", "unk_token")}
    template = _LEARNED.sub(lambda tag: f"{tag[1]}{'endif' if tag[2] else 'if true'}{tag[3]}", template)
    for in_parts in (False, True):
        turns = [("user", "?"), ("assistant", _PROBE)]
        messages = [
            {"role": role, "content": [{"type": "text", "text": text}] if in_parts else text} for role, text in turns
        ]
        try:
            text = made.from_string(template).render(messages=messages, add_generation_prompt=False, **tokens)
        except (TemplateError, TypeError, ValueError, KeyError, AttributeError):
            continue
        if text.count(_PROBE) == 1:
            yield text.partition(_PROBE)[2]


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _template(folder: Path, config: Mapping[str, Any]) -> str:
    """Return the chat template that is used where nobody names one; "" where there is none."""
    try:
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    except OSError:
        own = config.get("chat_template")
    named = own if isinstance(own, list) else []
    default = [str(each.get("template", "")) for each in named if isinstance(each, dict) and each["name"] == "default"]
    return own if isinstance(own, str) else next(iter(default), "")


def _special(folder: Path) -> Mapping[str, int]:
    """Return the special tokens with their ids."""
    path = folder / "tokenizer.json"
    try:
        return _special_in(path, path.stat().st_mtime_ns)
    except OSError:
        return {}


@lru_cache(maxsize=256)
def _special_in(path: Path, _changed: int) -> Mapping[str, int]:
    added = (read_whole(path) or {}).get("added_tokens") or []
    return {str(each["content"]): int(each["id"]) for each in added if each.get("special")}


def _word(token: object) -> str:
    """Return a token's text, which stands alone or in an object."""
    if isinstance(token, dict):
        return str(token.get("content") or "")
    return token if isinstance(token, str) else ""

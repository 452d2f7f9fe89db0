"""The look before a training: everything about its model, settings and rows that can be known without its weights.

It runs by itself for a person who is about to submit, and at the beginning of each training; what it makes of the rows
is what is then trained.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2.exceptions import TemplateError, TemplateSyntaxError
from transformers import PreTrainedTokenizerBase

from app.domain.preflight import PreflightFinding, PreflightSeverity
from app.training import architecture, dpo, loading, loss_masking, model_files, row_look, trl_arguments
from app.training.architecture import Built
from app.training.channel import Channel
from app.training.failures import ChildError, Failure, Stopped, explain, first_line
from app.training.rendering import Renderer
from app.training.row_look import Rows
from app.training.rows import Row, read_rows

_ROWS, _VALIDATION = "/training_dataset", "/validation/dataset"
# The field of a job that a failure is about, by its code; the others are about the base model.
_POINTERS: Mapping[str, str] = {
    "max_length_beyond_context": "/hyperparameters/max_length",
    "lora_dropout_on_experts": "/options/lora_dropout",
    "nothing_trained": "/options/lora_target_modules",
    "adapter_refused": "/options/lora_target_modules",
    **dict.fromkeys(("bad_row", "file_missing", "mixed_rows", "no_rows", "no_chat_template"), _ROWS),
}


@dataclass
class Looked:
    """What was found, and what a training goes on with: None for what could not be had."""

    findings: list[PreflightFinding] = field(default_factory=list)
    renderer: Renderer | None = None
    training: Rows | None = None
    validation: Rows | None = None
    built: Built | None = None

    def ready(self) -> tuple[Renderer, Rows]:
        """Return what is trained with, and on.

        Raises:
            ChildError: the first thing that stands in the way.
        """
        for each in self.findings:
            if each.severity is PreflightSeverity.BLOCKER:
                raise ChildError(each.code, each.message, each.fix)
        if self.renderer is None or self.training is None:
            raise ChildError("no_rows", "There are no rows to train on.", "Choose a dataset with rows.")
        return self.renderer, self.training

    def failed(self, failure: Failure, pointer: str = "") -> None:
        """Take in a failure as a blocker."""
        self.findings.append(
            PreflightFinding(
                severity=PreflightSeverity.BLOCKER,
                code=failure.code,
                message=failure.message,
                fix=failure.fix,
                pointer=pointer or _POINTERS.get(failure.code, "/base_model"),
            )
        )


def preflight(spec: dict[str, Any], channel: Channel) -> None:
    """Look at the training that `spec` describes, and tell what was found with the state `succeeded`."""

    def tell(stage: str) -> None:
        channel.raise_if_stopped()
        channel.state("checking", stage=stage)

    found = look(spec, tell)
    channel.state("succeeded", findings=[each.as_json() for each in found.findings], **_facts(found))


def _facts(found: Looked) -> dict[str, Any]:
    rows, built = found.training, found.built
    facts: dict[str, Any] = {"trained_parameters": built.trained if built else None}
    if rows is None:
        return facts
    return facts | {
        "rows": len(rows.rows),
        "tokens": rows.tokens,
        "sequences": rows.kept,
        "sequence_tokens": rows.kept_tokens,
        "learned_tokens": rows.learned,
        "longest": rows.longest,
    }


def look(spec: Mapping[str, Any], tell: Callable[[str], None]) -> Looked:
    """Return everything that is found; `tell` is given what is being looked at, in words."""
    # What was imported stays, and rows have no cycles: looking through all of it again and again would take longer.
    gc.freeze()
    gc.disable()
    try:
        return _look(spec, tell)
    finally:
        gc.enable()


def _look(spec: Mapping[str, Any], tell: Callable[[str], None]) -> Looked:
    found = Looked()
    base, settings = spec["base"], spec["settings"]
    whole = False
    with _found(found):
        tell("The model's files")
        if not base.get("hub"):
            model_files.check(Path(base["path"]))
        whole = True
    rows, validation = _rows(spec, found, tell)
    with _found(found):
        if whole:
            tell("The tokenizer")
            found.renderer = Renderer(tokenizer(loading.locate(base)))
    with _found(found):
        if whole:
            tell("The architecture")
            found.built = architecture.build(loading.locate(base), settings, adapter=base.get("adapter"))
    if rows and found.renderer is not None:
        _encode(spec, found, found.renderer, (rows, validation), tell)
    if found.renderer is not None and found.built is not None:
        _compare(found, found.renderer.tokenizer, found.built.embeddings)
    return found


@contextmanager
def _found(found: Looked, pointer: str = "") -> Iterator[None]:
    """Let what is raised inside become a finding, whatever it is."""
    try:
        yield
    except Stopped:
        raise
    except Exception as error:  # noqa: BLE001 -- libraries raise whatever they like over files that people bring
        found.failed(explain(error), pointer)


def _rows(spec: Mapping[str, Any], found: Looked, tell: Callable[[str], None]) -> tuple[list[Row], list[Row]]:
    """Return the rows for training and for validation; none where they cannot be read or used."""
    rows: list[Row] = []
    validation: list[Row] = []
    only_last = spec["settings"].get("learn_turns") == trl_arguments.LAST
    with _found(found):
        tell("The rows")
        rows = read_rows(Path(spec["train"]), only_last=only_last)
    with _found(found, _VALIDATION):
        validation = read_rows(Path(spec["validation"]), only_last=only_last) if spec.get("validation") else []
    if rows and validation and validation[0].shape != rows[0].shape:
        message = f"The training rows have {rows[0].shape}, the validation rows have {validation[0].shape}."
        found.failed(Failure("mixed_rows", message, "Bring both files to one shape."), _VALIDATION)
        return rows, []
    return rows, validation


def tokenizer(where: str) -> PreTrainedTokenizerBase:
    """Return a model's tokenizer, its chat template known to be one.

    Raises:
        ChildError: it cannot be loaded, or its template cannot be read.
    """
    try:
        made = loading.load_tokenizer(where)
    except ChildError:
        raise
    except Exception as error:
        if (known := explain(error)).code != "unexpected":
            raise ChildError(known.code, known.message, known.fix) from error
        raise ChildError(
            "no_tokenizer",
            f"The model's tokenizer cannot be loaded: {first_line(error)}",
            "Copy tokenizer.json and tokenizer_config.json again from where the model is from.",
        ) from error
    try:
        if made.chat_template:
            made.apply_chat_template([{"role": "user", "content": "?"}], tokenize=False)
    except TemplateSyntaxError as error:
        message = f"The model's chat template cannot be read: {error.message} (its line {error.lineno})."
        raise ChildError("bad_template", message, "Copy the template again from where the model is from.") from error
    except (TemplateError, TypeError, ValueError, KeyError, AttributeError):
        pass  # it refuses this conversation; whether it takes the rows is found with these
    return made


def _encode(
    spec: Mapping[str, Any],
    found: Looked,
    renderer: Renderer,
    parts: tuple[Sequence[Row], Sequence[Row]],
    tell: Callable[[str], None],
) -> None:
    settings = spec["settings"]
    with _found(found):
        if spec["method"] == "dpo":
            dpo.need_pairs(parts[0], renderer.tokenizer)
        else:
            loss_masking.note(parts[0], renderer.tokenizer, answers_only=True)
        for rows, pointer in zip(parts, (_ROWS, _VALIDATION), strict=True):
            if not rows:
                continue
            made = row_look.look(
                rows,
                renderer,
                answers_only=bool(settings.get("assistant_only_loss", True)),
                max_length=int(settings["max_length"]),
                pointer=pointer,
                tell=_counting(tell, "Rows" if pointer == _ROWS else "Validation rows", len(rows)),
            )
            found.findings += made.findings()
            if pointer == _ROWS:
                found.training = made
            else:
                found.validation = made


def _counting(tell: Callable[[str], None], what: str, rows: int) -> Callable[[int], None]:
    return lambda done: tell(f"{what}: {done} of {rows}")


def _compare(found: Looked, words: PreTrainedTokenizerBase, embeddings: int) -> None:
    """Compare the tokens that are used with the rows of the embedding, which has one for each token."""
    fix = "Take tokenizer and model from the same place, or resize the model's embedding."
    for name, number in (("end-of-text", words.eos_token_id), ("padding", words.pad_token_id)):
        if number is not None and number >= embeddings:
            message = f"The {name} token is number {number}, and the model's embedding has {embeddings} rows."
            found.failed(Failure("vocabulary", message, fix))
            return
    for rows in (found.training, found.validation):
        if rows is not None and rows.largest_id >= embeddings:
            token = words.convert_ids_to_tokens(rows.largest_id)
            message = f"Line {rows.largest_line} has the token {token!r}, number {rows.largest_id}, and the model's "
            found.failed(Failure("vocabulary", f"{message}embedding has {embeddings} rows.", fix))
            return

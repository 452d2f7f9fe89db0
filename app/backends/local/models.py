"""Base models by id: `builtin:starter`, `path:/…`, `hf:org/name`, and what was tuned here, `run:…`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.backends.local import directories, hyperparameters
from app.backends.local.errors import untyped
from app.backends.local.tuned import TUNED, TunedModels
from app.domain.backend import NotFound, Rejected
from app.domain.catalog import CatalogModel
from app.kit.clock import Clock

STARTER = "builtin:starter"
_STARTER_NAME, _STARTER_LICENCE = "TuneDesk starter", "as TuneDesk"
_TASKS = ("chat_completion", "text_completion")
# The hub's own rule for repository names (huggingface_hub 2.4, validate_repo_id): 96 characters, no leading - or .
_HUB_ID = re.compile(r"(?=.{3,96}$)[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)
_HUB = "https://huggingface.co"
_HUB_TIMEOUT_S = 4.0
_REMEMBERED = timedelta(minutes=1)
# Names only: sizes, context and licence are read from the hub or from the files, never from memory.
_SUGGESTED = (
    ("hf:HuggingFaceTB/SmolLM2-135M-Instruct", "Small enough for a laptop's processor."),
    ("hf:Qwen/Qwen3-0.6B", "A small model for many languages; a GPU is advised."),
    ("hf:microsoft/Phi-4-mini-instruct", "The successor of Phi-3 mini; needs a GPU."),
)


@dataclass(frozen=True, slots=True)
class Base:
    """A base model as children are told: its id, and a directory or a hub name, perhaps with an adapter upon it.

    `root` is the id of the model that it all began with.
    """

    id: str
    path: Path | None = None
    hub: str | None = None
    adapter: Path | None = None
    root: str = ""

    @property
    def is_starter(self) -> bool:
        """Whether it is the starter, or comes from it."""
        return self.root == STARTER

    def as_spec(self) -> dict[str, Any]:
        """Return it as JSON for a child's spec."""
        return {
            "id": self.id,
            "path": str(self.path) if self.path else None,
            "hub": self.hub,
            "adapter": str(self.adapter) if self.adapter else None,
            "root": self.root,
        }


class BaseModels:
    """What can be trained here."""

    def __init__(
        self, starter: Path, environment: Mapping[str, str], *, tuned: TunedModels, offline: bool, clock: Clock
    ) -> None:
        self._starter = starter
        self._tuned = tuned
        self._clock = clock
        self._known: dict[str, tuple[datetime, CatalogModel]] = {}  # what the hub said, so as not to ask at every step
        self._hub = environment.get("HF_ENDPOINT", _HUB).rstrip("/")
        home = environment.get("HF_HOME") or f"{environment.get('HOME', '~')}/.cache/huggingface"
        self.hub_cache = Path(environment.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()
        self.offline = offline or environment.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}

    def listed(self) -> Sequence[CatalogModel]:
        """Return the starter and a few models of the hub; any other is used by its id."""
        hub = [self._of_hub(identifier, summary=summary) for identifier, summary in _SUGGESTED]
        return [self._of_directory(STARTER, self._starter), *hub]

    def one(self, identifier: str) -> CatalogModel:
        """Return one base model; a hub model that is not on this machine yet is looked up at the hub.

        Raises:
            Rejected: for a form of id that is not known, or a directory that is no safe, whole model.
            NotFound: for a directory or a hub model that does not exist.
        """
        identifier = _whole(identifier)
        base = self.resolve(identifier)
        if identifier.startswith(TUNED):
            return self._of_tuned(base)
        if base.path is not None:
            return self._of_directory(identifier, base.path)
        known = self._known.get(identifier)
        if known is not None and self._clock.now() - known[0] < _REMEMBERED:
            return known[1]
        found = self._look_up(identifier, str(base.hub))
        self._known[identifier] = (self._clock.now(), found)
        return found

    def resolve(self, identifier: str) -> Base:
        """Return where `identifier` is; asks nobody.

        Raises:
            Rejected, NotFound: as in `one`.
        """
        identifier = _whole(identifier)
        kind, _, name = identifier.partition(":")
        if identifier == STARTER:
            return Base(STARTER, path=self._starter, root=STARTER)
        if kind == "path":
            return Base(identifier, path=directories.checked_directory(name), root=identifier)
        if identifier.startswith(TUNED):
            return self._resolve_tuned(identifier)
        if kind == "hf":
            if not _HUB_ID.fullmatch(name) or ".." in name or "--" in name:
                raise Rejected(
                    f"{name[:100]!r} is not the name of a model at the Hugging Face hub.",
                    fix="Write hf:organisation/name.",
                )
            return Base(identifier, hub=name, root=identifier)
        raise Rejected(
            f"{identifier[:100]!r} is not a base model of this machine.",
            fix="Use builtin:starter, a whole path such as /models/phi-3, or organisation/name of the hub.",
        )

    def _resolve_tuned(self, identifier: str) -> Base:
        """Return a tuned model as a base: whole weights stand alone, an adapter stands upon the base of its note."""
        folder, note = self._tuned.base(identifier)
        base = untyped(note.get("base"))
        below = str(base.get("id") or STARTER)
        root = str(base.get("root") or below)
        if not (folder / "adapter_config.json").is_file():
            return Base(identifier, path=folder, root=root)
        return replace(self.resolve(below), id=identifier, adapter=folder, root=root)

    def _of_tuned(self, base: Base) -> CatalogModel:
        folder, note = self._tuned.base(base.id)
        adapter = base.adapter is not None
        if adapter:
            below = self.one(str(untyped(note.get("base")).get("id") or STARTER))
        else:
            below = self._of_directory(base.id, folder)
        return replace(
            below,
            id=base.id,
            name=self._tuned.name(base.id),
            publisher="this installation",
            summary="An adapter that was trained here, upon its base." if adapter else "A model that was tuned here.",
            hyperparameters=hyperparameters.specs(below.context_length, adapter=adapter, starter=base.is_starter),
            presets=hyperparameters.presets(starter=base.is_starter),
        )

    def licence(self, base: Base) -> str:
        """Return the licence of what a base goes back to, as far as it is known without asking anybody."""
        known = self._known.get(base.root)
        return _STARTER_LICENCE if base.is_starter else known[1].licence if known is not None else ""

    def cached(self, hub: str) -> Path | None:
        """Return the hub's model where it lies whole in the hub's cache: its config, tokenizer and weights; else None.

        What is still being downloaded is no file there, and a snapshot has the name that transformers loads by.
        """
        snapshots = self.hub_cache / f"models--{hub.replace('/', '--')}"
        try:
            revision = (snapshots / "refs" / "main").read_text(encoding="utf-8").strip()
            folder = snapshots / "snapshots" / revision
            return folder if directories.is_whole(folder) else None
        except (OSError, ValueError):
            return None

    def config(self, base: Base) -> Mapping[str, Any]:
        """Return a model's config where it is on this machine, in a directory or in the hub's cache; else nothing."""
        if base.path is not None:
            return directories.read(base.path / "config.json")
        cached = self.hub_cache / f"models--{str(base.hub).replace('/', '--')}" / "snapshots"
        return next((directories.read(path) for path in sorted(cached.glob("*/config.json"))), {})

    def name(self, identifier: str) -> str:
        """Return a name for people; asks nobody, and knows one for what is gone, too."""
        if identifier == STARTER:
            return _STARTER_NAME
        if identifier.startswith(TUNED):
            return self._tuned.name(identifier)
        kind, _, name = identifier.partition(":")
        return {"path": Path(name).name, "hf": name}.get(kind) or identifier

    def context_length(self, identifier: str) -> int | None:
        """Return the context of a model whose config is on this machine; None where it is not."""
        base = self.resolve(identifier)
        return directories.context_length(directories.read(base.path / "config.json")) if base.path else None

    def size_bytes(self, identifier: str) -> int | None:
        """Return the size of a model's weights where that is known without asking anybody."""
        base = self.resolve(identifier)
        return directories.weight_bytes(base.path) if base.path else None

    def _of_directory(self, identifier: str, path: Path) -> CatalogModel:
        config = directories.read(path / "config.json")
        context, starter = directories.context_length(config), identifier == STARTER
        issue = directories.unusable_reason(path)
        return CatalogModel(
            id=identifier,
            name=_STARTER_NAME if starter else path.name,
            publisher="TuneDesk" if starter else "this machine",
            connection="",
            summary="A tiny model of the Phi-3 architecture for the sample: trains in half a minute on any processor."
            if starter
            else f"A {config.get('model_type', 'language')} model in {path}.",
            licence=_STARTER_LICENCE if starter else "",
            methods=hyperparameters.METHODS,
            task_types=_TASKS if directories.has_template(path) else ("text_completion",),
            context_length=context,
            parameters=directories.parameters(path) or None,
            size_bytes=directories.weight_bytes(path),
            hyperparameters=hyperparameters.specs(context, starter=starter),
            presets=hyperparameters.presets(starter=starter),
            usable=not issue,
            unusable_reason=issue,
        )

    def _of_hub(
        self, identifier: str, *, parameters: int | None = None, licence: str = "", summary: str = "", issue: str = ""
    ) -> CatalogModel:
        publisher, _, name = identifier.removeprefix("hf:").partition("/")
        return CatalogModel(
            id=identifier,
            name=name,
            publisher=publisher,
            connection="",
            summary=summary or "A model of the Hugging Face hub; it is downloaded when it is first used.",
            licence=licence,
            methods=hyperparameters.METHODS,
            task_types=_TASKS,
            parameters=parameters,
            hyperparameters=hyperparameters.specs(None),
            presets=hyperparameters.presets(starter=False),
            usable=not issue,
            unusable_reason=issue,
        )

    def _look_up(self, identifier: str, name: str) -> CatalogModel:
        if any((self.hub_cache / f"models--{name.replace('/', '--')}" / "snapshots").glob("*/config.json")):
            return self._of_hub(identifier)
        unreachable = f"The Hugging Face hub could not be reached, and {name} is not on this machine yet."
        if self.offline:
            return self._of_hub(identifier, issue=f"{unreachable} HF_HUB_OFFLINE is set.")
        import httpx

        try:
            answer = httpx.get(f"{self._hub}/api/models/{name}", timeout=_HUB_TIMEOUT_S, follow_redirects=True)
            facts = answer.json() if answer.is_success else {}
        except (httpx.HTTPError, ValueError):
            return self._of_hub(identifier, issue=unreachable)
        if answer.status_code in {401, 403, 404}:
            raise NotFound(
                f"The Hugging Face hub shows no model {name} to this machine.",
                fix="Check the spelling, or sign in with `hf auth login` if it is private.",
            )
        if not answer.is_success or not isinstance(facts, dict):
            return self._of_hub(identifier, issue=f"{unreachable} It answered {answer.status_code}.")
        return self._of_hub(identifier, parameters=_parameters(facts), licence=_licence(facts))


def _parameters(facts: Mapping[str, Any]) -> int | None:
    tensors = facts.get("safetensors")
    total = tensors.get("total") if isinstance(tensors, dict) else None
    return total if isinstance(total, int) else None


def _licence(facts: Mapping[str, Any]) -> str:
    card = facts.get("cardData")
    licence = card.get("license") if isinstance(card, dict) else None
    return licence[:100] if isinstance(licence, str) else ""


def _whole(identifier: str) -> str:
    """Return an id as it is kept: people type a directory, or a name of the hub, as they would to transformers."""
    if identifier.startswith(("/", "~/")):
        return f"path:{Path(identifier).expanduser()}"
    return f"hf:{identifier}" if _HUB_ID.fullmatch(identifier) else identifier

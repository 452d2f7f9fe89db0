"""Merge an adapter into its base, and see that the merged model says what the adapter said."""

import gc
import math
import shutil
from pathlib import Path
from typing import Any

import torch

from app.training import handing_out, loading, merge_probe
from app.training.channel import Channel
from app.training.failures import ChildError
from app.training.notes import NOTE
from app.training.portable import clean
from app.training.rendering import Renderer
from app.training.run_lock import read_whole, write_whole


def merge(spec: dict[str, Any], channel: Channel) -> None:
    """Merge as `spec` says, and leave a whole model in `model/` of the run folder, or nothing.

    Raises:
        ChildError: the merged model says other things than the adapter upon its base.
    """
    adapter, partial = Path(spec["target"]["model"]), channel.run / "model.partial"
    note = read_whole(adapter / NOTE) or {}
    own = loading.own_dtype(note["base"])
    try:
        dtype, difference = _faithful(spec, channel, partial, own, chat=note.get("chat", True))
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    write_whole(partial / NOTE, {**note, "kind": "full", "name": spec["name"]})
    said = f"The adapter was merged into its base. The weights are kept in {_name(dtype)}"
    said += "" if dtype is own else f": in {_name(own)}, as the base is, too much was rounded away"
    said += f". Its perplexity differs by {difference:.1e} from that of the adapter on its base."
    _write_card(adapter, partial, said)
    clean(partial)
    partial.rename(channel.run / "model")
    channel.state("succeeded", difference=difference, dtype=_name(dtype), base_dtype=_name(own))


def _faithful(
    spec: dict[str, Any], channel: Channel, folder: Path, own: torch.dtype, *, chat: bool
) -> tuple[torch.dtype, float]:
    """Write the merged model in its base's type of numbers, or in float32 where that rounds too much away."""
    difference = math.nan
    for dtype in dict.fromkeys((own, torch.float32)):
        difference = _written(spec, channel, folder, dtype, chat=chat)
        if difference <= (merge_probe.LIMIT if dtype is torch.float32 else merge_probe.HALF_LIMIT):
            return dtype, difference
        channel.log(f"In {_name(dtype)} the merged model's perplexity differs by {difference:.2%}.", level="warning")
    said = "its logits are no numbers" if math.isnan(difference) else f"its perplexity differs by {difference:.2%}"
    raise ChildError(
        "merge_differs",
        f"The merged model does not say what the adapter says: {said}, and rounding explains "
        f"{merge_probe.LIMIT:.1%} at most. Nothing was kept.",
        "Use the adapter with its base, which needs no merging.",
    )


def _written(spec: dict[str, Any], channel: Channel, folder: Path, dtype: torch.dtype, *, chat: bool) -> float:
    """Write the merged model, read it again as whoever takes it will, and return how far it is from the adapter."""
    channel.state("loading")
    model, tokenizer = loading.load_target(spec["target"], device="cpu")
    channel.raise_if_stopped()
    renderer = Renderer(tokenizer)
    probe = merge_probe.ask(model, renderer, chat=chat)
    whole = loading.merged(model).to(dtype)
    handing_out.fit(whole, renderer, chat=False)  # its tokenizer was fitted when the adapter was saved
    channel.state("saving")
    shutil.rmtree(folder, ignore_errors=True)
    whole.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    del model, whole
    gc.collect()
    channel.raise_if_stopped()
    channel.state("measuring")
    return probe.difference(loading.load_model(str(folder), device="cpu", half=False).eval())


def _write_card(adapter: Path, folder: Path, said: str) -> None:
    if (adapter / "README.md").exists():
        card = (adapter / "README.md").read_text(encoding="utf-8")
        (folder / "README.md").write_text(f"{card}\n{said}\n", encoding="utf-8")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

"""Merge an adapter into its base."""

import shutil
from pathlib import Path
from typing import Any

from app.training import handing_out, loading
from app.training.channel import Channel
from app.training.notes import NOTE
from app.training.rendering import Renderer
from app.training.run_lock import read_whole, write_whole


def merge(spec: dict[str, Any], channel: Channel) -> None:
    """Merge as `spec` says, and leave a whole model in `model/` of the run folder."""
    channel.state("loading")
    adapter = Path(spec["target"]["model"])
    model, tokenizer = loading.load_target(spec["target"], device="cpu")
    channel.raise_if_stopped()
    whole = model.merge_and_unload()
    handing_out.fit(whole, Renderer(tokenizer), chat=False)  # its tokenizer was fitted when the adapter was saved
    channel.state("saving")
    partial, final = channel.run / "model.partial", channel.run / "model"
    shutil.rmtree(partial, ignore_errors=True)
    whole.save_pretrained(str(partial))
    tokenizer.save_pretrained(str(partial))
    note = read_whole(adapter / NOTE) or {}
    write_whole(partial / NOTE, {**note, "kind": "full", "name": spec["name"]})
    if (adapter / "README.md").exists():
        card = (adapter / "README.md").read_text(encoding="utf-8")
        (partial / "README.md").write_text(f"{card}\nThe adapter was merged into its base.\n", encoding="utf-8")
    partial.rename(final)
    channel.state("succeeded")

"""Faults planted in model directories, settings and rows, each with the words that its own sentence must have.

Standard library only. Run by a runtime's interpreter, `python -m tests.families.planting FOLDER` makes all of them and
writes what the pre-flight finds.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.families.rows import FUNCTIONS, PAIRS, asked, call, turn

Row = Mapping[str, Any]
Spoil = Callable[[Path], None]
GOOD: tuple[Row, ...] = tuple({"messages": asked(f"Where is parcel {n}?", "delivery")} for n in range(6))
LORA = {"adapter": "lora", "lora_r": 4, "lora_alpha": 8, "lora_dropout": 0.0, "lora_target_modules": "all-linear"}


def _nothing(_: Path) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault: the family that it is planted in, what is spoiled, and what must be said of it."""

    words: Sequence[str]
    spoil: Spoil = _nothing
    family: str = "chatml-instruct"
    rows: Sequence[Row] | str = GOOD  # or the file's text
    method: str = "sft"
    settings: Mapping[str, Any] = field(default_factory=dict)


def _edit(name: str, **changes: object) -> Spoil:
    """Change fields of a JSON file; None takes one out."""

    def spoil(folder: Path) -> None:
        value = {**json.loads((folder / name).read_text(encoding="utf-8")), **changes}
        kept = {key: each for key, each in value.items() if each is not None}
        (folder / name).write_text(json.dumps(kept), encoding="utf-8")

    return spoil


def _write(name: str, content: str | bytes) -> Spoil:
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: _ignored((folder / name).write_bytes(data))


def _cut(name: str, *, keep: int) -> Spoil:
    """Keep so many bytes of a file; a negative number takes so many off its end."""
    return lambda folder: _ignored((folder / name).write_bytes((folder / name).read_bytes()[:keep]))


def _without(*names: str) -> Spoil:
    def spoil(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return spoil


def _renamed(old: str, new: str) -> Spoil:
    return lambda folder: _ignored((folder / old).rename(folder / new))


def _both(*spoils: Spoil) -> Spoil:
    def spoil(folder: Path) -> None:
        for each in spoils:
            each(folder)

    return spoil


def _ignored(_: object) -> None:
    pass


def _a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("no directory", encoding="utf-8")


def _dangling(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("../blobs/gone")


def _header(change: Callable[[dict[str, Any]], None]) -> Spoil:
    """Change the header of the weights; the data stay as they are."""

    def spoil(folder: Path) -> None:
        file = folder / "model.safetensors"
        whole = file.read_bytes()
        length = int.from_bytes(whole[:8], "little")
        header = json.loads(whole[8 : 8 + length])
        change(header)
        made = json.dumps(header).encode()
        file.write_bytes(len(made).to_bytes(8, "little") + made + whole[8 + length :])

    return spoil


def _as_float8(header: dict[str, Any]) -> None:
    each = next(value for name, value in header.items() if name.endswith("q_proj.weight"))
    each["dtype"] = "F8_E4M3"


def _another_name(header: dict[str, Any]) -> None:
    name = next(name for name in header if name.endswith("k_proj.weight"))
    header[f"{name}.old"] = header.pop(name)


def _a_token_more(folder: Path) -> None:
    """Let the tokenizer know a word that the embedding has no row for."""
    rows = json.loads((folder / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    value = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    value["added_tokens"].append({"id": rows, "content": "zzyzx", **flags})
    (folder / "tokenizer.json").write_text(json.dumps(value), encoding="utf-8")


def _no_tensors(header: dict[str, Any]) -> None:
    for name in [name for name in header if name != "__metadata__"]:
        del header[name]


def _index_of_nothing(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    value = json.loads(index.read_text(encoding="utf-8"))
    value["weight_map"]["model.norm.weight"] = "model-00099-of-00099.safetensors"
    index.write_text(json.dumps(value), encoding="utf-8")


def _index_mixed_up(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    value = json.loads(index.read_text(encoding="utf-8"))
    files = sorted(set(value["weight_map"].values()))
    first = next(name for name, file in value["weight_map"].items() if file == files[0])
    value["weight_map"][first] = files[1]
    index.write_text(json.dumps(value), encoding="utf-8")


def _template(text: str) -> Spoil:
    return _write("chat_template.jinja", text)


_ADAPTER = json.dumps({"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"})
_WEIGHTS, _TOKENIZER = "model.safetensors", "tokenizer.json"
_PLAIN = "{% for m in messages %}{{ m.role ~ ': ' ~ m.content ~ eos_token }}{% endfor %}"
_LONG = "word " * 400
_TOO_LONG = tuple({"messages": asked(f"{n} {_LONG}", "delivery")} for n in range(6))
_WITH_SYSTEM = ({"messages": [turn("system", "Be brief."), *asked("Hello", "Hi")]},)
_WITH_DEVELOPER = ({"messages": [turn("developer", "Be brief."), *asked("Hello", "Hi")]},)
_TWICE = ({"messages": [turn("user", "One"), turn("user", "Two"), turn("assistant", "Three")]},)
_CALLS = ({"messages": [turn("user", "Where is 7?"), call('{"number": 7}'), turn("tool", "here")], "tools": FUNCTIONS},)
_BROKEN_CALL = ({"messages": [turn("user", "Where is 7?"), call("number seven")], "tools": FUNCTIONS},)
_SAME = tuple({**PAIRS[0], "rejected": PAIRS[0]["chosen"]} for _ in range(6))

FAULTS: Mapping[str, Fault] = {
    # The directory and its config.
    "a file": Fault(spoil=_a_file, words=["is a file"]),
    "no directory": Fault(spoil=shutil.rmtree, words=["is gone"]),
    "no config": Fault(spoil=_without("config.json"), words=["has no config.json"]),
    "config cut": Fault(spoil=_cut("config.json", keep=60), words=["config.json breaks off in line"]),
    "config is no JSON": Fault(
        spoil=_write("config.json", "model: qwen2\n"), words=["config.json is not JSON", "line 1"]
    ),
    "config is a list": Fault(spoil=_write("config.json", "[]"), words=["config.json holds no JSON object"]),
    "config is not UTF-8": Fault(spoil=_write("config.json", b'{"a": "\xff"}'), words=["config.json is not UTF-8"]),
    "config with NaN": Fault(
        spoil=_write("config.json", '{"model_type": "qwen2", "rms_norm_eps": NaN}'), words=["config.json holds NaN"]
    ),
    "config as deep as a well": Fault(
        spoil=_write("config.json", "[" * 99_999), words=["config.json is nested deeper"]
    ),
    "config is endless": Fault(
        spoil=_write("config.json", " " * (16 * 2**20 + 1)), words=["config.json has more than"]
    ),
    "unknown type": Fault(spoil=_edit("config.json", model_type="qwen99"), words=["does not know", "qwen99"]),
    "no type": Fault(spoil=_edit("config.json", model_type=None), words=["does not know", "model_type"]),
    "width of another model": Fault(
        spoil=_edit("config.json", intermediate_size=80), words=["mlp.down_proj.weight has the shape", "80"]
    ),
    "width of a word": Fault(
        spoil=_edit("config.json", hidden_size="wide"), words=["does not take this model's config"]
    ),
    "heads that do not divide": Fault(
        spoil=_edit("config.json", num_attention_heads=0), words=["cannot build the model that config.json describes"]
    ),
    "encoder and decoder": Fault(
        spoil=_write("config.json", '{"model_type": "t5", "is_encoder_decoder": true}'), words=["encoder-decoder", "t5"]
    ),
    "fills gaps": Fault(
        spoil=_write("config.json", '{"model_type": "bert", "architectures": ["BertForMaskedLM"]}'),
        words=["fills gaps", "BertForMaskedLM"],
    ),
    "classifies": Fault(
        spoil=_edit("config.json", architectures=["Qwen2ForSequenceClassification"]), words=["classifies texts"]
    ),
    "sees only": Fault(spoil=_write("config.json", '{"model_type": "vit"}'), words=["no causal language model", "vit"]),
    "embeds": Fault(spoil=_write("modules.json", "[]"), words=["embedding model"]),
    "code of its own": Fault(
        spoil=_edit("config.json", auto_map={"AutoModelForCausalLM": "modeling.Own"}), words=["auto_map", "Python code"]
    ),
    "quantised by GPTQ": Fault(
        spoil=_edit("config.json", quantization_config={"quant_method": "gptq", "bits": 4}), words=["quantised (gptq)"]
    ),
    "quantised by bitsandbytes": Fault(
        spoil=_edit("config.json", quantization_config={"quant_method": "bitsandbytes"}), words=["(bitsandbytes)"]
    ),
    "held in float8": Fault(spoil=_header(_as_float8), words=["F8_E4M3", "quantised type"]),
    "an adapter": Fault(
        spoil=_both(_renamed("config.json", "adapter_config.json"), _write("adapter_config.json", _ADAPTER)),
        words=["is a LoRA adapter"],
    ),
    "an adapter and a config": Fault(spoil=_write("adapter_config.json", _ADAPTER), words=["beside a config.json"]),
    # Weights.
    "pickles only": Fault(
        spoil=_renamed(_WEIGHTS, "pytorch_model.bin"), words=["pickled weights (.bin)", "carry code"]
    ),
    "GGUF only": Fault(
        spoil=_both(_without("config.json"), _renamed(_WEIGHTS, "model-q4.gguf")), words=["only GGUF files"]
    ),
    "TensorFlow only": Fault(spoil=_renamed(_WEIGHTS, "tf_model.h5"), words=["weights of TensorFlow"]),
    "no weights": Fault(spoil=_without(_WEIGHTS), words=["has no weights"]),
    "a pointer of Git LFS": Fault(
        spoil=_write(_WEIGHTS, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
        words=["pointer of Git LFS"],
    ),
    "a link to nothing": Fault(spoil=_dangling, words=["link to a file that is gone"]),
    "header cut": Fault(spoil=_cut(_WEIGHTS, keep=40), words=["cut inside its header"]),
    "header is noise": Fault(spoil=_write(_WEIGHTS, b"\x04" + b"\0" * 7 + b"nope"), words=["not one of safetensors"]),
    "weights cut": Fault(spoil=_cut(_WEIGHTS, keep=-1000), words=["its last 1000 bytes are missing"]),
    "no tensors": Fault(spoil=_header(_no_tensors), words=["holds no weights"]),
    "a tensor less": Fault(spoil=_header(_another_name), words=["The weights lack", "k_proj.weight"]),
    "a shard less": Fault(
        family="headers-sharded", spoil=lambda folder: min(folder.glob("model-0*")).unlink(),
        words=["names model-00001", "which is not there"],
    ),
    "no index": Fault(
        family="headers-sharded", spoil=_without("model.safetensors.index.json"), words=["several safetensors files"]
    ),
    "an index of nothing": Fault(
        family="headers-sharded", spoil=_index_of_nothing, words=["names model-00099-of-00099"]
    ),
    "an index that mixes up": Fault(family="headers-sharded", spoil=_index_mixed_up, words=["and it is not"]),
    "an index that leads out": Fault(
        family="headers-sharded",
        spoil=_write("model.safetensors.index.json", '{"weight_map": {"a": "../../elsewhere.safetensors"}}'),
        words=["outside of the directory"],
    ),
    "an empty index": Fault(
        family="headers-sharded", spoil=_write("model.safetensors.index.json", '{"weight_map": {}}'),
        words=["names no weights"],
    ),
    "unsavable sampling": Fault(
        spoil=_edit("generation_config.json", pad_token_id=-1),
        words=["generation_config.json could not", "pad_token_id"]
    ),
    "endless answers": Fault(
        spoil=_edit("generation_config.json", max_new_tokens=-5), words=["does not take", "max_new_tokens"]
    ),
    # Tokenizer and template.
    "no tokenizer": Fault(spoil=_without(_TOKENIZER), words=["has no tokenizer"]),
    "tokenizer cut": Fault(spoil=_cut(_TOKENIZER, keep=500), words=["tokenizer.json breaks off"]),
    "tokenizer of nothing": Fault(spoil=_write(_TOKENIZER, "{}"), words=["tokenizer cannot be loaded"]),
    "no end": Fault(
        family="experts", spoil=_edit("tokenizer_config.json", eos_token=None), words=["no end-of-text token"]
    ),
    "a token too many": Fault(
        spoil=_a_token_more, rows=(*GOOD, {"messages": asked("Where is zzyzx?", "away")}),
        words=["Line 7 has the token 'zzyzx'", "embedding has"],
    ),
    "template that cannot be read": Fault(
        spoil=_template("{% for m in messages %}\n{{ m.content }\n{% endfor %}"), words=["cannot be read", "its line 2"]
    ),
    "template that is not UTF-8": Fault(
        spoil=_write("chat_template.jinja", b"{{ messages }}\xff"), words=["chat_template.jinja is not UTF-8"]
    ),
    "no template": Fault(family="no-template", words=["no chat template", "conversations"]),
    "template without answers": Fault(
        spoil=_template("{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}"),
        words=["does not write an assistant's answer once"],
    ),
    "template that refuses system": Fault(
        family="no-system-role", rows=(*GOOD, *_WITH_SYSTEM), words=["Line 7", "System role not supported"]
    ),
    "template that refuses developer": Fault(
        family="strict-turns", rows=(*GOOD, *_WITH_DEVELOPER), words=["Line 7", "only user and assistant"]
    ),
    "template that wants turns": Fault(
        family="strict-turns", rows=(*GOOD, *_TWICE), words=["Line 7", "user and assistant must take turns"]
    ),
    "template that leaves out": Fault(
        spoil=_template("{% for m in messages if m.role != 'system' %}{{ m.content ~ eos_token }}{% endfor %}"),
        rows=_WITH_SYSTEM, words=["Line 1", "leaves out a message of the role system"],
    ),
    "calls that nobody writes": Fault(
        spoil=_template(_PLAIN), rows=(*GOOD, *_CALLS), words=["Line 7", "does not write tools"]
    ),
    "calls that are no JSON": Fault(rows=(*GOOD, *_BROKEN_CALL), words=["Line 7", "find_order are not JSON"]),
    # Settings.
    "longer than the context": Fault(settings={"max_length": 4096}, words=["Max length is 4096", "looks at 1024"]),
    "shorter than the questions": Fault(
        rows=_TOO_LONG, settings={"max_length": 64}, words=["In every row the answer begins"]
    ),
    "dropout on experts": Fault(
        family="experts", settings={**LORA, "lora_dropout": 0.1}, words=["experts", "no dropout"]
    ),
    "targets of another model": Fault(
        settings={**LORA, "lora_target_modules": "c_attn"}, words=["(c_attn) match nothing", "q_proj"]
    ),
    "targets that are no layers": Fault(
        settings={**LORA, "lora_target_modules": "mlp"}, words=["PEFT does not put this adapter"]
    ),
    # Rows.
    "no rows": Fault(rows="\n\n", words=["has no rows"]),
    "a row cut": Fault(rows='{"messages": [{"role": "user"', words=["Line 1 is not JSON"]),
    "half a character": Fault(
        rows=(*GOOD, {"messages": asked("Hi \ud83d", "Hi")}), words=["Line 7", "half of a character"]
    ),
    "no content": Fault(
        rows=(*GOOD, {"messages": [turn("user", None), turn("assistant", "Hi")]}),
        words=["Line 7 has a turn without a text"]
    ),
    "pictures": Fault(
        rows=({"messages": [turn("user", "x") | {"content": [{"type": "image_url", "image_url": {"url": "a"}}]},
                            turn("assistant", "Hi")]},),
        words=["Line 1", "image"],
    ),
    "nobody answers": Fault(rows=({"messages": [turn("user", "Hi")]},), words=["Line 1 has no assistant turn"]),
    "all weights 0": Fault(
        rows=[{"messages": [turn("user", "Hi"), turn("assistant", "Hi", weight=0)]}] * 3,
        words=["every answer has the weight 0"]
    ),
    "all answers empty": Fault(rows=[{"messages": asked("Hi", " ")}] * 3, words=["an answer is empty"]),
    "nothing to prefer": Fault(rows=_SAME, method="dpo", words=["chosen and the rejected answer are the same"]),
    "nothing rejected": Fault(
        rows=({**PAIRS[0], "rejected": []},), method="dpo", words=["Line 1 has no rejected"]
    ),
    "preferences without pairs": Fault(method="dpo", words=["learning from preferences (dpo) needs"]),
    "pairs for supervised training": Fault(rows=PAIRS[:2], words=["supervised training has no use"]),
    "shapes mixed": Fault(rows=(*GOOD, {"text": "bare"}), words=["Line 1 has messages, line 7 has text"]),
}  # fmt: skip

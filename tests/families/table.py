"""The families: what their models, tokenizers and chat templates are, and where each is unlike the others.

A template is `trl:NAME`, read from the installed TRL, or the name of one in `own_templates`. Standard library only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.families.rows import CHAT, COMPLETION, DPO, SHAPES, TEXT, TOOLS

Tokenizer = Literal["bytes", "metaspace", "prepended", "unigram", "replaced"]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of model. `end` is the token that ends an answer; `generation_ends` are in its generation config."""

    name: str
    kind: str  # the architecture, as transformers calls it
    special: tuple[str, ...]
    eos: str
    end: str
    call_end: str | None = None  # the token that ends a call of a function, where it is another one
    pad: str | None = None
    bos: str | None = None
    template: str | Mapping[str, str] | None = None
    tokenizer: Tokenizer = "bytes"
    added: tuple[str, ...] = ()  # tokens that are whole, and not special
    adds_bos: bool = False
    eats_blanks: bool = False  # the special tokens take the white space that follows
    legacy_template_list: bool = False
    in_parts: bool = False  # the template wants contents as lists of parts
    system: bool = True
    tools: bool = False
    tied: bool = False
    bf16: bool = False
    shard: str | None = None
    generation_ends: tuple[str, ...] = ()
    config: Mapping[str, object] = field(default_factory=dict)

    @property
    def offered(self) -> tuple[str, ...]:
        """The shapes of rows that it can be taught."""
        if self.template is None:
            return (COMPLETION, TEXT, DPO)
        return tuple(shape for shape in SHAPES if shape != TOOLS or self.tools)


_CHATML = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_HEADERS = ("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>")
_GEMMA = ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>")
_DEEP = ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>")
_LLAMA = ("<unk>", "<s>", "</s>")
_THINK = ("<think>", "</think>")
_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}

FAMILIES: tuple[Family, ...] = (
    # A base model: its eos is its padding and not what its template ends turns with.
    Family(name="chatml-base", kind="qwen2", special=_CHATML, eos="<|endoftext|>", pad="<|endoftext|>",
           end="<|im_end|>", template="trl:qwen2_5", tools=True, tied=True),
    Family(name="chatml-instruct", kind="qwen2", special=_CHATML, eos="<|im_end|>", pad="<|endoftext|>",
           end="<|im_end|>", template="trl:qwen2_5", tools=True, tied=True, bf16=True,
           generation_ends=("<|im_end|>", "<|endoftext|>")),
    # Writes an empty think block before the last answer, and opens an answer without it.
    Family(name="hybrid-thinking", kind="qwen3", special=_CHATML, eos="<|im_end|>", pad="<|endoftext|>",
           end="<|im_end|>", template="trl:qwen3", added=_THINK, tools=True, tied=True),
    # Opens a think block that it does not write for answers that are given.
    Family(name="always-thinking", kind="llama", special=_DEEP, eos=_DEEP[1], bos=_DEEP[0], pad=_DEEP[1], end=_DEEP[1],
           template="trl:deepseek_r1_distill", added=_THINK),
    # No system role; the generation config knows both ends; each layer but the last looks back 16 tokens.
    Family(name="no-system-role", kind="gemma3_text", special=_GEMMA, eos="<eos>", bos="<bos>", pad="<pad>",
           end="<end_of_turn>", template="trl:gemma", tokenizer="replaced", system=False, tied=True, adds_bos=True,
           generation_ends=("<eos>", "<end_of_turn>"), config={"sliding_window": 16, "head_dim": 16}),
    # Turns must alternate; no padding; SentencePiece's words; a window shorter than the rows.
    Family(name="strict-turns", kind="mistral", special=_LLAMA, eos="</s>", bos="<s>", end="</s>", template="STRICT",
           tokenizer="metaspace", system=False, config={"sliding_window": 16}),
    # The system message inside the first question, a beginning of text before each; a blank before the end.
    Family(name="folded-system", kind="llama", special=_LLAMA, eos="</s>", bos="<s>", pad="<unk>", end="</s>",
           template="FOLDED", tokenizer="prepended", adds_bos=True),
    # Tokenizer and template both write a beginning of text.
    Family(name="headers", kind="llama", special=_HEADERS, eos="<|eot_id|>", bos="<|begin_of_text|>",
           end="<|eot_id|>", template="trl:llama3", adds_bos=True,
           generation_ends=("<|end_of_text|>", "<|eot_id|>")),
    Family(name="headers-sharded", kind="llama", special=_HEADERS, eos="<|end_of_text|>", bos="<|begin_of_text|>",
           end="<|eot_id|>", template="trl:llama3_1", adds_bos=True, tools=True, shard="60KB"),
    Family(name="named-templates", kind="cohere", eos="<|end|>", bos="<s>", pad="<pad>", end="<|end|>",
           special=("<pad>", "<s>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|tool|>", "<|tools|>"),
           template={"default": "WITHOUT_TOOLS", "tool_use": "WITH_TOOLS"}, tools=True, tied=True),
    # The same habit as older folders have it: a list in tokenizer_config.json.
    Family(name="template-list", kind="llama", special=_LLAMA, eos="</s>", bos="<s>", end="</s>",
           template={"default": "LINES", "rag": "TRANSCRIPT"}, tokenizer="metaspace", legacy_template_list=True),
    Family(name="no-template", kind="gpt2", special=("<|endoftext|>",), eos="<|endoftext|>", bos="<|endoftext|>",
           pad="<|endoftext|>", end="<|endoftext|>", tied=True),
    # The template writes no end at all.
    Family(name="transcript", kind="gpt_neox", special=("<|endoftext|>",), eos="<|endoftext|>", pad="<|endoftext|>",
           end="<|endoftext|>", template="TRANSCRIPT"),
    # Special tokens that swallow the line feed after them; the end of turn is not the end of text.
    Family(name="eats-blanks", kind="phi3", eos="<|endoftext|>", pad="<|endoftext|>", end="<|end|>",
           special=("<|endoftext|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"), template="trl:phi3",
           eats_blanks=True, generation_ends=("<|endoftext|>", "<|end|>")),
    Family(name="experts", kind="mixtral", special=_LLAMA, eos="</s>", bos="<s>", pad="</s>", end="</s>",
           template="LINES", tokenizer="metaspace", config=_EXPERTS),
    Family(name="experts-tools", kind="qwen3_moe", special=_CHATML, eos="<|im_end|>", pad="<|endoftext|>",
           end="<|im_end|>", template="trl:qwen3_instruct_2507", tools=True,
           config={"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "head_dim": 16}),
    # The template of a model with pictures, which wants contents in parts.
    Family(name="parts", kind="llama", special=("<pad>", "<|begin_of_text|>", "<end_of_utterance>", "<eos>"),
           eos="<eos>", pad="<pad>", bos="<|begin_of_text|>", end="<end_of_utterance>", template="trl:idefics3",
           in_parts=True, generation_ends=("<end_of_utterance>",)),
    # A real model with a tower for pictures, taught text.
    Family(name="pictures", kind="gemma3", special=_GEMMA, eos="<eos>", bos="<bos>", pad="<pad>",
           end="<end_of_turn>", template="trl:gemma3", tokenizer="replaced", tied=True, adds_bos=True,
           generation_ends=("<eos>", "<end_of_turn>")),
    Family(name="unigram", kind="olmo2", special=("<pad>", "<unk>", "<s>", "</s>"), eos="</s>", bos="<s>", pad="<pad>",
           end="</s>", template="LINES", tokenizer="unigram", adds_bos=True),
    # Channels: the last answer ends otherwise than earlier ones, and a call begins and ends otherwise than an answer.
    Family(name="channels", kind="llama", eos="<|return|>", pad="<|endoftext|>", end="<|return|>", call_end="<|call|>",
           tools=True, generation_ends=("<|return|>", "<|call|>"),
           special=("<|endoftext|>", "<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>", "<|call|>"),
           template="trl:gptoss"),
)  # fmt: skip
BY_NAME = {family.name: family for family in FAMILIES}
CHAT_FAMILIES = tuple(family for family in FAMILIES if CHAT in family.offered)

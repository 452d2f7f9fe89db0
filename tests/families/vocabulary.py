"""Tokenizers of a few hundred tokens, made as those of well-known models are. Needs a runtime's libraries."""

import json
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

from tests.families.rows import words
from tests.families.table import Family

_SIZE = 420  # beyond the special tokens and the alphabet, most of what the rows say is a token
_LONGEST = 8  # characters of a token, for a vocabulary that knows whole sentences would prove nothing
_BLANK = "▁"  # SentencePiece's
_UNKNOWN = "<unk>"


def tokenizer(family: Family) -> PreTrainedTokenizerFast:
    """Return the family's tokenizer, with its chat templates left to the caller."""
    if family.tokenizer == "bytes":
        raw = _bytes(family)
    elif family.tokenizer == "unigram":
        raw = _unigram(family)
    else:
        raw = _sentencepiece(family)
    raw.add_tokens([AddedToken(each, normalized=False) for each in family.added])
    if family.eats_blanks:
        raw.add_special_tokens([AddedToken(each, rstrip=True, normalized=False) for each in family.special])
    if family.adds_bos:
        begin = (family.bos, raw.token_to_id(family.bos))
        before = processors.TemplateProcessing(
            single=f"{family.bos} $A", pair=f"{family.bos} $A {family.bos} $B", special_tokens=[begin]
        )
        raw.post_processor = (
            processors.Sequence([raw.post_processor, before]) if raw.post_processor is not None else before
        )
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token=family.eos, pad_token=family.pad, bos_token=family.bos,
        clean_up_tokenization_spaces=False,
    )  # fmt: skip
    made.model_max_length = 100_000
    return made


def _bytes(family: Family) -> Tokenizer:
    """As GPT-2, Llama 3 and Qwen have it: bytes as letters, words split by GPT-2's expression."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.train_from_iterator(
        words(),
        trainers.BpeTrainer(
            vocab_size=_SIZE, special_tokens=list(family.special), max_token_length=_LONGEST, show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )  # fmt: skip
    return raw


def _sentencepiece(family: Family) -> Tokenizer:
    """As Llama 2, Mistral and Gemma have it: blanks as ▁, letters that are unknown as bytes.

    `metaspace`: a ▁ before the first word of a text. `prepended`: the older way, before each piece between special
    tokens. `replaced`: none.
    """
    raw = Tokenizer(models.BPE(unk_token=_UNKNOWN if _UNKNOWN in family.special else None, fuse_unk=True))
    if family.tokenizer == "metaspace":
        raw.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_BLANK, prepend_scheme="first", split=True)
    else:
        prepended = [normalizers.Prepend(_BLANK)] if family.tokenizer == "prepended" else []
        raw.normalizer = normalizers.Sequence([*prepended, normalizers.Replace(" ", _BLANK)])
        # For learning only: merges end at blanks, so that no token is a sentence.
        raw.pre_tokenizer = pre_tokenizers.Split(Regex(f"(?={_BLANK})"), "isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=_SIZE, special_tokens=list(family.special), max_token_length=_LONGEST, show_progress=False
    )
    raw.train_from_iterator(words(), trainer)
    raw = _with_bytes(raw)
    if family.tokenizer != "metaspace":
        raw.pre_tokenizer = None
    stripped = [] if family.tokenizer == "replaced" else [decoders.Strip(" ", 1, 0)]
    raw.decoder = decoders.Sequence(
        [decoders.Replace(_BLANK, " "), decoders.ByteFallback(), decoders.Fuse(), *stripped]
    )
    return raw


def _with_bytes(raw: Tokenizer) -> Tokenizer:
    """Return the tokenizer with a token for each byte, which SentencePiece falls back to."""
    state: dict[str, Any] = json.loads(raw.to_str())
    vocabulary = state["model"]["vocab"]
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    state["model"]["byte_fallback"] = True
    if state["pre_tokenizer"] is not None and state["pre_tokenizer"]["type"] == "Split":
        state["pre_tokenizer"] = None
    return Tokenizer.from_str(json.dumps(state))


def _unigram(family: Family) -> Tokenizer:
    """As T5 and XLNet have it: the likeliest pieces, a ▁ before each piece between special tokens."""
    raw = Tokenizer(models.Unigram())
    raw.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_BLANK, prepend_scheme="always")
    raw.decoder = decoders.Metaspace(replacement=_BLANK, prepend_scheme="always")
    letters = sorted({letter for text in [*words(), "👍:"] for letter in text} | set("USERASSISTANT"))
    raw.train_from_iterator(
        words(),
        trainers.UnigramTrainer(
            vocab_size=_SIZE, special_tokens=list(family.special), unk_token=_UNKNOWN, max_piece_length=_LONGEST,
            initial_alphabet=letters, show_progress=False,
        ),
    )  # fmt: skip
    return raw

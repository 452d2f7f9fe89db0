"""Rows of tokens that a model reads together, with the keys and values that it keeps of them; rows join and leave.

Of shapes: B rows, W columns (tokens of the longest row), H heads of keys, D their width, V entries of the vocabulary.
Padding goes left, so that every row's newest token stands in the last column. A row has no hole: the distance of two of
its tokens is what it would be alone, so sliding windows hold, too; they are the mask's, for all columns are kept.
"""

from collections.abc import Sequence
from inspect import signature
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, get_layer_types_and_kwargs

_MOST_READ = 2048  # tokens of prompts, padding included, that are read at once: others' answers go on in between
_SPARE = 64  # columns that a cache has to spare when it was made, and a quarter of its width
_LAYERS = frozenset({"full_attention", "sliding_attention"})
_TRIED = ((5, 12), (7, 5), (3, 8))  # first token and length of each row
_SAME, _SAME_IN_HALF = 1e-3, 0.05  # difference of logits, as a share of the largest, that rounding explains


class _Layer(DynamicLayer):
    """Keys and values [B, H, W, D] in stores with columns to spare: tokens are written in place.

    The base class copies all that is there for each token.
    """

    is_initialized: bool
    stores: tuple[torch.Tensor, ...]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add columns, and return all there are."""
        width = self.get_seq_length()
        end = width + key_states.shape[-2]
        if not self.is_initialized:
            self.dtype, self.device, self.is_initialized = key_states.dtype, key_states.device, True
            self.hold([(key_states[:, :, :0], value_states[:, :, :0])], spare=end)
        elif end > self.stores[0].shape[-2]:
            self.hold([(self.keys, self.values)], spare=end - width)
        for store, states in zip(self.stores, (key_states, value_states), strict=True):
            store[:, :, width:end] = states
        self._show(end)
        return self.keys, self.values

    def hold(self, parts: Sequence[tuple[torch.Tensor, torch.Tensor]], *, spare: int = 0) -> None:
        """Take rows of several widths, one below the other, with at least `spare` columns more than they have."""
        width = max(keys.shape[-2] for keys, _ in parts)
        spare += spare_columns(width)
        self.stores = tuple(_stacked([part[at] for part in parts], width, spare) for at in (0, 1))
        self._show(width)

    def _show(self, width: int) -> None:
        self.keys, self.values = (store[:, :, :width] for store in self.stores)


def spare_columns(width: int) -> int:
    """Return how many columns a cache is made with beyond those that it has."""
    return _SPARE + width // 4


def _stacked(parts: Sequence[torch.Tensor], width: int, spare: int) -> torch.Tensor:
    """Return parts [b, H, w, D] as one [B, H, width + spare, D], each ending in the column `width - 1`."""
    _, heads, _, size = parts[0].shape
    store = parts[0].new_zeros((sum(len(part) for part in parts), heads, width + spare, size))
    row = 0
    for part in parts:
        store[row : row + len(part), :, width - part.shape[-2] : width] = part
        row += len(part)
    return store


class Prefill:
    """Prompts that are being read, some columns at a time; `logits` [B, V] about what follows stand at the end.

    `starts` are the columns at which rows begin.
    """

    def __init__(self, prompts: Sequence[Sequence[int]], device: torch.device) -> None:
        self.width, self.at = max(map(len, prompts)), 0
        self.starts = [self.width - len(tokens) for tokens in prompts]
        self.cache = _new_cache()
        self.logits = torch.empty(0)
        padded = [[0] * start + list(tokens) for start, tokens in zip(self.starts, prompts, strict=True)]
        mask = _mask(self.starts, self.width)
        self.ids = torch.tensor(padded, device=device)
        self.mask = None if mask is None else mask.to(device)
        columns = torch.arange(self.width) - torch.tensor(self.starts).unsqueeze(1)
        self.positions = columns.clamp(min=0).to(device)

    @property
    def is_done(self) -> bool:
        """Whether all was read."""
        return self.at == self.width


class KeyValueBatch:
    """The rows of one model that are being continued. Call it in inference mode."""

    def __init__(self, model: Any) -> None:
        # A model below an adapter has the adapter's layers in it: the shell around it only hands on.
        self._model = model.get_base_model() if hasattr(model, "get_base_model") else model
        self.device: torch.device = self._model.device
        self.forwards = 0  # how often the model has come back: who watches sees it move
        self.token_bytes = 0  # of keys and values; known once something was read
        self.clear()

    def clear(self) -> None:
        """Let go of all rows."""
        self.starts: list[int] = []
        self.width = 0
        self._cache = _new_cache()
        self._mask: torch.Tensor | None = None
        self._positions = torch.empty(0, dtype=torch.long)

    def read(self, news: Prefill) -> None:
        """Read some more columns of prompts; the rows that are here already are not touched."""
        end = min(news.width, news.at + max(1, _MOST_READ // len(news.starts)))
        part = slice(news.at, end)
        mask = None if news.mask is None else news.mask[:, :end]
        news.logits = self._forward(news.ids[:, part], mask, news.positions[:, part], news.cache)
        news.at = end
        if not self.token_bytes:
            self.token_bytes = sum(store[0, :, 0].nbytes for layer in _layers(news.cache) for store in layer.stores)

    def merge(self, news: Prefill) -> None:
        """Put prompts that were read below the rows that are here."""
        if not self.starts:
            self._cache, self.starts, self.width = news.cache, news.starts, news.width
        else:
            for ours, theirs in zip(_layers(self._cache), _layers(news.cache), strict=True):
                ours.hold([(ours.keys, ours.values), (theirs.keys, theirs.values)])
            width = max(self.width, news.width)
            self.starts = [
                *(start + width - self.width for start in self.starts),
                *(start + width - news.width for start in news.starts),
            ]
            self.width = width
        self._renew()

    def advance(self, tokens: Sequence[int]) -> torch.Tensor:
        """Add a token to each row, and return the logits [B, V] about the next ones."""
        if self._mask is not None and self.width >= self._mask.shape[1]:
            self._renew()
        ids = torch.tensor(tokens, device=self.device).unsqueeze(1)
        mask = None if self._mask is None else self._mask[:, : self.width + 1]
        logits = self._forward(ids, mask, self._positions, self._cache)
        self.width += 1
        self._positions += 1
        return logits

    def keep(self, rows: Sequence[int]) -> None:
        """Let go of all rows but these, and of columns that none of these needs."""
        if not rows:
            self.clear()
            return
        trim = min(self.starts[row] for row in rows)
        index = torch.tensor(rows, device=self.device)
        for layer in _layers(self._cache):
            layer.hold([(layer.keys[index, :, trim:], layer.values[index, :, trim:])])
        self.starts = [self.starts[row] - trim for row in rows]
        self.width -= trim
        self._renew()

    def growth(self, lengths: Sequence[int]) -> int:
        """Return the bytes that the next token takes beyond those held, were prompts of these lengths to join.

        A store that is full is made anew, larger; those of the prompts are there beside it while they are merged.
        """
        stores = [store for layer in _layers(self._cache) for store in layer.stores]
        columns = stores[0].shape[-2] if stores else 0
        if not lengths and self.width < columns:
            return 0
        width = max((self.width, *lengths))
        rows = len(self.starts) + len(lengths)
        reading = len(lengths) * max(lengths, default=0)
        wanted = rows * (width + spare_columns(width)) + reading
        return max(0, wanted * self.token_bytes - sum(store.nbytes for store in stores))

    @torch.inference_mode()
    def is_exact(self) -> bool:
        """Tell whether each row is read as if it were alone; the batch is empty then.

        A config says what is kept of a token: states that are no keys and values, windows by absolute position, rotary
        frequencies that follow the longest row, and positions in several dimensions are not taken. The rest is tried:
        three rows of different lengths, joined while one is under way, have to give the logits that they give alone.
        """
        if not _has_plain_cache(self._model):
            return False
        rows = [list(range(low, low + length)) for low, length in _TRIED]
        try:
            for some in (rows[:1], rows[1:]):
                news = Prefill([row[:-1] for row in some], self.device)
                self.read(news)
                self.merge(news)
            together = self.advance([row[-1] for row in rows]).float()
            alone = [self._model(input_ids=torch.tensor([row], device=self.device)).logits[0, -1] for row in rows]
        except (RuntimeError, ValueError, TypeError, AttributeError, IndexError, KeyError):
            return False
        finally:
            self.clear()
        wanted = torch.stack(alone).float()
        bound = _SAME if self._model.dtype == torch.float32 else _SAME_IN_HALF
        return bool((together - wanted).abs().max() <= bound * wanted.abs().max())

    def _renew(self) -> None:
        """Make the mask, with columns to spare, and the positions of the next tokens."""
        mask = _mask(self.starts, self.width + spare_columns(self.width))
        self._mask = None if mask is None else mask.to(self.device)
        self._positions = (self.width - torch.tensor(self.starts)).unsqueeze(1).to(self.device)

    def _forward(
        self, ids: torch.Tensor, mask: torch.Tensor | None, positions: torch.Tensor, cache: DynamicCache
    ) -> torch.Tensor:
        logits: torch.Tensor = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits
        self.forwards += 1
        return logits[:, -1]


def _new_cache() -> DynamicCache:
    cache = DynamicCache()
    cache.layer_class_to_replicate = _Layer
    return cache


def _layers(cache: DynamicCache) -> list[_Layer]:
    """Return those that keep something: some models' layers look into another one's."""
    return [layer for layer in cache.layers if isinstance(layer, _Layer) and layer.is_initialized]


def _mask(starts: Sequence[int], width: int) -> torch.Tensor | None:
    """Return which columns are a row's own, [B, width]; None where all are."""
    if not any(starts):
        return None
    return (torch.arange(width) >= torch.tensor(starts).unsqueeze(1)).long()


def _has_plain_cache(model: Any) -> bool:
    config = model.config.get_text_config(decoder=True)
    fields = signature(model.forward).parameters
    if model.config.is_encoder_decoder or not {"position_ids", "past_key_values", "logits_to_keep"} <= set(fields):
        return False
    said = str(getattr(config, "rope_parameters", None) or "")
    if any(word in said for word in ("dynamic", "longrope", "mrope")):
        return False
    return _LAYERS.issuperset(get_layer_types_and_kwargs(config)[0])

"""How long AutoTrain's examples are (trainers/clm/utils.py, `configure_block_size`)."""

from app.domain.autotrain.parameters import Value

UNSET = 1024  # at most, where block_size is not set
_TOKENIZER = 2048  # where model_max_length is not


def is_set(block_size: Value) -> bool:
    """Whether block_size says anything: -1 does not."""
    return isinstance(block_size, int) and block_size > 0


def of(block_size: Value, model_max_length: Value) -> int:
    """Return the length in tokens."""
    most = model_max_length if isinstance(model_max_length, int) and model_max_length > 0 else _TOKENIZER
    return min(int(block_size or 0), most) if is_set(block_size) else min(UNSET, most)

"""The hyperparameters of the wire, with the ranges of its reference (openai-openapi 2.3.0, 2026-08-21)."""

from app.domain.hyperparameters import AUTO, HyperparameterSpec, HyperparameterType, Preset

SPECS = (
    HyperparameterSpec(
        name="n_epochs",
        label="Epochs",
        type=HyperparameterType.INTEGER,
        default=AUTO,
        auto=True,
        minimum=1,
        maximum=50,
        help="How often every row is seen; auto lets the provider choose by the number of rows.",
    ),
    HyperparameterSpec(
        name="batch_size",
        label="Batch size",
        type=HyperparameterType.INTEGER,
        default=AUTO,
        auto=True,
        minimum=1,
        maximum=256,
        help="How many rows one step learns from.",
    ),
    HyperparameterSpec(
        name="learning_rate_multiplier",
        label="Learning rate multiplier",
        type=HyperparameterType.NUMBER,
        default=AUTO,
        auto=True,
        minimum=0,
        exclusive_minimum=True,
        help="A factor on the provider's own learning rate; 0.02 to 2 is usual.",
    ),
    HyperparameterSpec(
        name="beta",
        label="Beta",
        type=HyperparameterType.NUMBER,
        default=AUTO,
        auto=True,
        minimum=0,
        exclusive_minimum=True,
        maximum=2,
        help="How closely the model stays to what it was; higher is closer.",
        methods=("dpo",),
    ),
)
PRESETS = (
    Preset(id="auto", label="Provider's choice", help="Everything is chosen by the number of rows.", values={}),
    Preset(
        id="few_rows", label="Few rows", help="Three passes, a row of patience for small sets.", values={"n_epochs": 3}
    ),
)

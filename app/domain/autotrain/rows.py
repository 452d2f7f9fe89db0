"""What a configuration says of its rows, and what becomes of it: a dataset that people choose, and roles of columns."""

from collections.abc import Mapping, Sequence

from app.domain.autotrain.entries import CHANGED, LEFT_OUT, TAKEN, Answers
from app.domain.autotrain.reading import DPO, GENERIC, Configuration
from app.domain.datasets import DatasetFormat
from app.domain.jobs import TaskType, ValidationKind
from app.domain.mappings import Role

_COLUMNS = ("text_column", "prompt_text_column", "rejected_text_column")


def roles_of(configuration: Configuration, columns: Sequence[str]) -> Mapping[str, Role] | None:
    """Return the role of each column that the configuration names, where all of them are among `columns`; else None.

    A column of conversations has no role: rows that have one are read without being asked about.
    """
    if configuration.trainer == DPO:
        wanted = dict(zip(_COLUMNS, (Role.CHOSEN, Role.PROMPT, Role.REJECTED), strict=True))
    elif not configuration.text("chat_template"):
        wanted = {"text_column": Role.TEXT}
    else:
        return None
    roles = {configuration.text(name): role for name, role in wanted.items()}
    return roles if len(roles) == len(wanted) and roles.keys() <= set(columns) else None


def answer(answers: Answers) -> None:
    """Answer the steps on data and validation, and the task type."""
    _data(answers)
    _template(answers)
    _columns(answers)
    _validation(answers)


def _data(answers: Answers) -> None:
    training, given = answers.around.training, answers.file.given
    if training is not None:
        answers.fields["training_dataset"] = training.id
        why = "You chose these rows for it."
        answers.say(CHANGED, "data_path", why, pointer="/training_dataset", becomes=training.name)
    elif "data_path" in given:
        why = "Nothing is fetched unasked: choose the rows as a dataset, or upload them."
        answers.say(LEFT_OUT, "data_path", why)
    if "train_split" in given:
        answers.say(LEFT_OUT, "train_split", "A dataset is one set of rows here: what you choose is the split.")


def _template(answers: Answers) -> None:
    wanted, training = answers.file.text("chat_template").lower(), answers.around.training
    chats = training is not None and training.format is DatasetFormat.CHAT
    texts = not chats and (answers.file.trainer == GENERIC or not wanted)
    task_type = (TaskType.TEXT_COMPLETION if texts else TaskType.CHAT_COMPLETION).value
    outcome, why = TAKEN, ""
    if wanted in {"zephyr", "chatml"}:
        outcome, why = CHANGED, "A model learns and answers in its own chat template here, never in another one."
    elif wanted and texts:
        outcome, why = CHANGED, "The generic trainer learns texts as they are."
    elif chats and not wanted:
        outcome, why = CHANGED, "The dataset's rows are conversations, learned in the model's own chat template."
    answers.fields["task_type"] = task_type
    answers.say(outcome, "chat_template", why, pointer="/task_type", becomes=task_type)


def _columns(answers: Answers) -> None:
    training = answers.around.training
    for name in _COLUMNS:
        if answers.file.value(name) is None or name not in answers.file.given:
            continue
        if name != "text_column" and answers.file.trainer != DPO:
            answers.say(LEFT_OUT, name, "The trainer of this task reads no such column.")
        elif training is None:
            why = "What the columns are is seen once rows are chosen, and asked where their names do not say it."
            answers.say(LEFT_OUT, name, why)
        elif training.format is DatasetFormat.UNKNOWN:
            why = "The dataset's columns have to be given roles: open it, and say what each is."
            answers.say(LEFT_OUT, name, why)
        else:
            why = f"The dataset's rows are read as {training.format.value.replace('_', ' ')}."
            answers.say(TAKEN, name, why, pointer="/training_dataset", becomes=training.name)


def _validation(answers: Answers) -> None:
    chosen, name = answers.around.validation, "valid_split"
    if chosen is not None:
        answers.fields["validation"] = {"kind": ValidationKind.DATASET.value, "dataset": chosen.id}
        why = "You chose these rows. AutoTrain's last version measures no validation loss, whatever the file says."
        answers.say(CHANGED, name, why, pointer="/validation", becomes=chosen.name)
    elif answers.file.text(name):
        why = (
            "Choose validation rows in the wizard's fourth step. AutoTrain's last version never uses them: of a local "
            "file the split is ignored, and for one of the hub the training ends with an error."
        )
        answers.say(LEFT_OUT, name, why)
    elif name in answers.file.given:
        none = ValidationKind.NONE.value
        answers.fields["validation"] = {"kind": none}
        answers.say(TAKEN, name, pointer="/validation", becomes=none)

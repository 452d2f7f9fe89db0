"""AutoTrain's configuration files as REST takes them, and what becomes of one."""

from pydantic import Field

from app.domain.autotrain.report import ImportReport
from app.domain.drafts import JobDraft
from app.http.fields import Id, RequestModel, ResponseModel, Text, exemplified
from app.services.autotrain import Chosen

_EXAMPLE = """task: llm-sft
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
project_name: smollm2-support
log: none
backend: local
data:
  path: data
  train_split: train
  valid_split: null
  chat_template: tokenizer
  column_mapping: {text_column: messages}
params: {epochs: 2, batch_size: 2, lr: 3e-5, peft: true}
"""


class FromAutoTrainIn(RequestModel):
    """The file's text, and what is chosen beside it; without a connection the first one is meant."""

    model_config = exemplified({"yaml": _EXAMPLE, "project": "prj_01jd3x8z"})

    yaml: Text = Field(description="The file as `autotrain --config` was given it; tokens in it are not read.")
    project: Id | None = None
    connection: Id | None = None
    training_dataset: Id | None = Field(default=None, description="In the place of the file's `data.path`.")
    validation_dataset: Id | None = None

    def chosen(self) -> Chosen:
        """Return what is chosen beside the file."""
        return Chosen(
            project=self.project or "",
            connection=self.connection or "",
            training_dataset=self.training_dataset or "",
            validation_dataset=self.validation_dataset or "",
        )


class ImportedOut(ResponseModel):
    """The draft that was made, and what became of each line of the file."""

    draft: JobDraft
    report: ImportReport

"""Capsules as REST takes them; docs/capsule.md describes the file."""

from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, TypeAdapter

from app.api.shapes.common import CostIn
from app.api.shapes.jobs import VALIDATION_RULES
from app.domain.capsule import FORMAT, VERSION, Capsule
from app.domain.jobs import TRAINED, Method
from app.domain.names import MODEL_NAME
from app.domain.splits import MAX_SEED
from app.http.fields import VISIBLE_LINE, Id, RequestModel, exemplified


class _CapsuleFile:
    """Describes the file; `capsule_import` reads it, and says what is wrong with one."""

    def __get_pydantic_json_schema__(self, _core: object, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        reference = handler(TypeAdapter(Capsule).core_schema)
        schema = handler.resolve_ref_schema(reference)
        parts = schema["properties"]
        parts |= {"format": {"const": FORMAT}, "version": {"const": VERSION}}
        schema["required"] = ["format", "version", *schema["required"]]
        recipe = handler.resolve_ref_schema(parts["recipe"])["properties"]
        evaluations = handler.resolve_ref_schema(parts["outcome"])["properties"]["evaluations"]
        evaluation = handler.resolve_ref_schema(evaluations["additionalProperties"])["properties"]
        for owner, name in ((parts, "price"), (recipe, "validation"), (evaluation, "metrics")):
            owner[name] = _written_out(owner[name], handler)
        recipe["base_model"]["pattern"] = VISIBLE_LINE
        recipe["name"]["pattern"] = MODEL_NAME.pattern
        recipe["method"] = {"enum": list(TRAINED), "default": Method.SFT}  # others are read, not run
        recipe["seed"] |= {"minimum": 0, "maximum": MAX_SEED}
        recipe["validation"]["allOf"] = VALIDATION_RULES
        return reference


def _written_out(schema: Any, handler: GetJsonSchemaHandler) -> Any:  # noqa: ANN401 -- JSON Schema
    """Return a schema that names no other: answers are made of the same classes, and what is asked of a file is not
    promised of them.
    """
    if isinstance(schema, list):
        return [_written_out(each, handler) for each in schema]
    if not isinstance(schema, dict):
        return schema
    named = handler.resolve_ref_schema(schema) if "$ref" in schema else {}
    return {name: _written_out(part, handler) for name, part in (named | schema).items() if name != "$ref"}


class FromCapsuleIn(RequestModel):
    """A capsule, and where its job is to be made; without a connection the one of the same backend is taken."""

    model_config = exemplified(
        {
            "project": "prj_01jd3x8z",
            "capsule": {
                "format": FORMAT,
                "version": VERSION,
                "tunedesk": "0.1.0",
                "written_at": "2026-01-31T12:00:00Z",
                "job": {"id": "job_01jd3x8z", "status": "succeeded", "created_at": "2026-01-31T11:00:00Z"},
                "backend": "provider",
                "connection": "Our project",
                "recipe": {"base_model": "builtin:starter", "name": "support-triage", "seed": 7},
                "data": {"source": {"sha256": "0" * 64, "name": "train", "filename": "train.jsonl", "bytes": 4096}},
            },
        }
    )

    capsule: Annotated[dict[str, Any], _CapsuleFile()] = Field(
        description="The file as `GET /jobs/{id}/capsule` gave it."
    )
    project: Id
    connection: Id | None = None
    base_model: Annotated[str, Field(min_length=1, max_length=500, pattern=VISIBLE_LINE)] | None = Field(
        None, description="What the capsule's base model is called here: a directory lies elsewhere on each machine."
    )
    accept_cost: CostIn | None = None

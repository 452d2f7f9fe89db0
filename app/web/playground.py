"""The playground: two deployments answer the same prompt side by side."""

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.domain.backend import ChatChunk, ChatRequest
from app.domain.errors import DomainError
from app.http.dependencies import OpenScope, may, may_open
from app.http.own_threads import awaited
from app.http.problems import describe
from app.kit.openai_stream import DONE, MEDIA_TYPE, ChunkWriter, error_event, event
from app.services import deployments, models
from app.services.scope import Scope, Scopes
from app.web.rendering import Fields, fresh_key, page, sentence_of, status_of
from app.web.views import deployments as deployment_view
from app.web.views import playground as view

router = APIRouter(include_in_schema=False)


@router.get("/playground")
def show(
    request: Request,
    scope: Annotated[Scope, may(deployments.list_deployments)],
    left: Annotated[str, Query(max_length=60)] = "",
    right: Annotated[str, Query(max_length=60)] = "",
    row: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """Two columns and one prompt; `row` puts a held-out row of the right column's model into it."""
    context = _context(scope, {"left": left, "right": right}, row)
    return page(request, scope, "playground/index.html", context)


@router.post("/playground")
def ask(request: Request, scope: Annotated[Scope, may(deployments.chat)], form: Fields) -> Response:
    """Answer both columns on one page, for browsers without scripts."""
    context = _context(scope, form, None)
    answers, status = {}, 200
    for column in ("left", "right"):
        if form.get(column):
            try:
                answers[column] = view.whole(
                    _talk(request.app.state.scopes, scope, form[column], view.request_of(form))
                )
            except DomainError as error:
                answers[column], status = view.Answer(error=sentence_of(error)), status_of(error)
    return page(request, scope, "playground/index.html", {**context, "answers": answers}, status=status)


@router.post("/playground/stream")
def stream(request: Request, opening: Annotated[OpenScope, may_open(deployments.chat)], form: Fields) -> Response:
    """Answer one column as it is written, in OpenAI's stream; one more event has the small print under the answer."""
    scopes: Scopes = request.app.state.scopes
    wanted, deployment = view.request_of(form), form.get("deployment", "")

    def events() -> Generator[bytes, None, None]:
        began = time.perf_counter()
        last = ChatChunk()
        try:
            with opening() as scope:
                chunks = _talk(scopes, scope, deployment, wanted)
                writer = ChunkWriter("chatcmpl-playground", int(scope.due_now()), deployment)
            for chunk in chunks:
                last = replace(chunk, text="")
                if chunk.text:
                    yield writer.chunk({"content": chunk.text})
            facts = view.facts(last, time.perf_counter() - began)
            yield event({"choices": [], "facts": facts})
        except DomainError as error:
            yield error_event(sentence_of(error), describe(error).kind)
        yield DONE

    return StreamingResponse(
        awaited(events()), media_type=MEDIA_TYPE, headers={"x-accel-buffering": "no", "cache-control": "no-cache"}
    )


def _talk(scopes: Scopes, scope: Scope, deployment: str, wanted: ChatRequest) -> Iterator[ChatChunk]:
    return deployments.chat(scope, scopes, deployment, wanted).chunks


def _context(scope: Scope, values: Mapping[str, str], row: int | None) -> dict[str, object]:
    served = deployments.list_deployments(scope).items
    chosen = view.chosen(values, served)
    prompt = models.held_out_row(scope, chosen["right_model"], row) if row is not None else None
    return {
        "deployments": served,
        "values": view.values(values, chosen, prompt),
        "row": prompt,
        "bare_base": deployment_view.base_choice(next((each.target for each in served if each.target.is_tuned), None)),
        "key": fresh_key(),
        "answers": {},
    }

"""The playground: two deployments answer the same prompt side by side."""

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.domain.backend import ChatChunk, ChatRequest
from app.domain.errors import DomainError
from app.http.dependencies import OpenScope, may, may_open
from app.http.idempotency import once
from app.http.own_threads import awaited
from app.http.problems import describe
from app.kit.openai_stream import DONE, MEDIA_TYPE, ChunkWriter, error_event, event
from app.services import deployments, models
from app.services.scope import Scope, Scopes
from app.web.presses import fresh_key
from app.web.rendering import Fields, page, see_other, sentence_of, status_of
from app.web.views import deployments as deployment_view
from app.web.views import playground as view

router = APIRouter(include_in_schema=False)
OK = 200


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
    answers, said, status = {}, {}, 200
    for column in view.COLUMNS:
        earlier = form.get(f"history_{column}", "")
        said[column] = view.turns(earlier)
        if not form.get(column):
            continue
        said[column].append(view.Turn(role="user", content=form.get("prompt", "")))
        wanted = view.request_of(form, earlier)
        try:
            answers[column] = view.whole(_talk(request.app.state.scopes, scope, form[column], wanted))
        except DomainError as error:
            answers[column], status = view.Answer(error=sentence_of(error)), status_of(error)
    context |= {"answers": answers, "said": said, "histories": view.histories(said, answers)}
    if status == OK:
        context["values"] |= {"prompt": ""}
    return page(request, scope, "playground/index.html", context, status=status)


@router.post("/playground/base")
def deploy_base(scope: Annotated[Scope, may(deployments.create)], form: Fields) -> Response:
    """Deploy the base of the right column's model beside it, once per key; what bills for it asks on its own page."""
    right = form.get("right", "")
    base = deployment_view.base_choice(deployments.get(scope, right).target)
    target = deployment_view.target_of(base)
    if not deployments.is_free(scope, target):
        return see_other(f"/deployments?{urlencode({'model': base})}#new")
    grant = once("POST /playground/base", form.get("idempotency_key"), right.encode())
    return grant(
        scope,
        lambda: see_other(
            f"/playground?{urlencode({'left': deployments.create(scope, target=target).id, 'right': right})}"
        ),
    )


@router.post("/playground/stream")
def stream(request: Request, opening: Annotated[OpenScope, may_open(deployments.chat)], form: Fields) -> Response:
    """Answer one column as it is written, in OpenAI's stream; one more event has the small print under the answer."""
    scopes: Scopes = request.app.state.scopes
    wanted, deployment = view.request_of(form, form.get("history", "")), form.get("deployment", "")

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


def _context(scope: Scope, values: Mapping[str, str], row: int | None) -> dict[str, Any]:
    served = deployments.list_deployments(scope).items
    chosen = view.chosen(values, served)
    prompt = models.held_out_row(scope, chosen["right_model"], row) if row is not None else None
    return {
        "deployments": served,
        "starting": view.starting(chosen, served),
        "values": view.values(values, chosen, prompt, models.taught_system(scope, chosen["right_model"])),
        "row": prompt,
        "right_model": chosen["right_model"],
        "key": fresh_key(),
        "answers": {},
        "said": {},
        "histories": {},
    }

"""Rehearsed deployments: they come, they may go away by themselves, and they answer with a labelled echo."""

from collections.abc import Iterator
from datetime import timedelta

from app.backends.rehearsal.faults import Fault, FaultKind
from app.backends.rehearsal.ledger import Entry
from app.backends.rehearsal.state import LABEL, RehearsalState
from app.domain.backend import (
    ChatChunk,
    ChatRequest,
    Chats,
    Completes,
    CompletionRequest,
    DeploymentObservation,
    DeploymentRequest,
    Deploys,
    Sampling,
    Unavailable,
)
from app.domain.deployments import DeploymentStatus as Status


class Serving(RehearsalState, Deploys, Chats, Completes):
    """Deployments, chats and completions."""

    def deploy(self, request: DeploymentRequest) -> None:
        """Begin to serve; what serves already goes on."""
        tag = request.tag
        self.take_time()
        self.stumble("deploy", tag)
        with self.ledger.locked():
            latest = self._latest(tag)
            if latest is None or latest.call != "deploy" or self._is_gone(latest):
                number = len(self.made("deploy", tag)) + 1
                label = request.model or request.base_model
                self.write("deploy", tag, id=f"reh-{tag}-{number}", label=label, number=number)
        self.take_time()

    def observe_deployment(self, tag: str) -> DeploymentObservation:
        """Look at a deployment: creating, ready, gone, or deleted."""
        fault = self.stumble("observe_deployment", tag)
        latest = self._latest(tag)
        look = timedelta(seconds=self.script.look_s)
        if latest is None or self._is_gone(latest):
            return DeploymentObservation(status=Status.DELETED, raw_status="Gone", gone=True, next_look=look)
        age = self.now() - latest.at
        if latest.call == "undeploy":
            gone = age >= self.script.undeploy_s
            status = Status.DELETED if gone else Status.DELETING
            return DeploymentObservation(status=status, raw_status=status.value.title(), gone=gone, next_look=look)
        if self._fate(tag, latest, FaultKind.FAILS) is not None and age >= self.script.deploy_s / 2:
            message = f"{LABEL}: the deployment came to a bad end, on request."
            return DeploymentObservation(status=Status.FAILED, raw_status="Broken", message=message, next_look=look)
        status = Status.READY if age >= self.script.deploy_s else Status.CREATING
        if fault is not None and fault.kind is FaultKind.BACKWARDS:
            status = Status.CREATING
        endpoint = f"rehearsal://{tag}" if status is Status.READY else None
        return DeploymentObservation(status=status, raw_status=status.value.title(), endpoint=endpoint, next_look=look)

    def undeploy(self, tag: str) -> None:
        """Stop serving."""
        self.take_time()
        self.stumble("undeploy", tag)
        with self.ledger.locked():
            latest = self._latest(tag)
            if latest is not None and latest.call != "undeploy":
                self.write("undeploy", tag, id=latest.id)

    def chat(self, tag: str, request: ChatRequest) -> Iterator[ChatChunk]:
        """Answer with the last message, word by word, under a label."""
        self._raise_unless_ready(tag)
        said = request.messages[-1]["content"] if request.messages else ""
        asked = sum(len(message["content"].split()) for message in request.messages)
        yield from _spoken(f"[{LABEL}] You said: {said}", asked, request)

    def complete(self, tag: str, request: CompletionRequest) -> Iterator[ChatChunk]:
        """Go on with the text by saying it again, under a label."""
        self._raise_unless_ready(tag)
        yield from _spoken(f"[{LABEL}] {request.prompt}", len(request.prompt.split()), request)

    def _raise_unless_ready(self, tag: str) -> None:
        self.stumble("chat", tag)
        if self.observe_deployment(tag).status is not Status.READY:
            raise Unavailable(f"{LABEL}: nothing serves {tag!r} now.", fix="Wait until the deployment is ready.")

    def _latest(self, tag: str) -> Entry | None:
        made = [e for e in self.ledger.of(tag) if e.call in {"deploy", "undeploy"} and e.id is not None]
        return made[-1] if made else None

    def _fate(self, tag: str, entry: Entry, kind: FaultKind) -> Fault | None:
        spent = int(entry.data.get("number", 1)) - 1
        fault = self.script.fault("serve", tag, self.number(tag), turn=spent, spent=spent)
        return fault if fault is not None and fault.kind is kind else None

    def _is_gone(self, entry: Entry) -> bool:
        if entry.call != "deploy":
            return False
        fate = self._fate(entry.tag, entry, FaultKind.GONE)
        return fate is not None and self.now() >= entry.at + self.script.deploy_s + fate.seconds


def _spoken(text: str, asked: int, request: Sampling) -> Iterator[ChatChunk]:
    """Yield a text word by word, up to a stop text or as many words as may be; a word is a token here."""
    cut = min((at for at in (text.find(stop) for stop in request.stop) if at >= 0), default=len(text))
    words = text[:cut].split()
    reported = words[: request.max_tokens]
    for number, word in enumerate(reported):
        yield ChatChunk(text=word if number == 0 else f" {word}")
    reason = "stop" if len(reported) == len(words) else "length"
    yield ChatChunk(finish_reason=reason, prompt_tokens=asked, completion_tokens=len(reported))

"""Long-running operations: accepted now, done after some looks or some time, as their addresses tell."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.support.azure.routes import Call, Route, route
from tests.support.azure.state import ML, Resource
from tests.support.azure.wire import AzureError, Json, Reply

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_LOCATION = "/subscriptions/{sub}/providers/Microsoft.MachineLearningServices/locations/{location}"


@dataclass
class Operation:
    """One operation: `finish` is done once, at its end, and may raise AzureError to let it fail."""

    id: str
    until: datetime
    looks: int
    finish: Callable[[], Json | None]
    status: str = "InProgress"
    result: Json | None = None
    error: Json | None = None


class Operations:
    """All operations of a cloud."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud
        self._all: dict[str, Operation] = {}

    def routes(self) -> list[Route]:
        """Return the routes that tell how an operation stands."""
        kind = f"{ML}/locations/mfeOperationsStatus"
        return [
            route("GET", _LOCATION + "/mfeOperationsStatus/{id}", self._status, action="-", kind=kind),
            route("GET", _LOCATION + "/mfeOperationResults/{id}", self._result, action="-", kind=kind),
        ]

    def begin(self, finish: Callable[[], Json | None], *, looks: int | None = None) -> str:
        """Begin an operation that does `finish` at its end; returns its id."""
        pace = self._cloud.state.pace
        until = self._cloud.clock.now() + timedelta(seconds=pace.operation_seconds)
        made = Operation(str(uuid.uuid4()), until, pace.operation_looks if looks is None else looks, finish)
        self._all[made.id] = made
        return made.id

    def headers(self, operation: str, call: Call, location: str) -> dict[str, str]:
        """Return the headers of an accepted operation's first answer."""
        position = f"https://management.azure.com/subscriptions/{call.args['sub']}/providers/{ML}/locations/{location}"
        version = f"api-version={call.version}"
        return {
            "Azure-AsyncOperation": f"{position}/mfeOperationsStatus/{operation}?{version}",
            "Location": f"{position}/mfeOperationResults/{operation}?{version}",
            **self.patience(),
        }

    def patience(self) -> dict[str, str]:
        """Return how long a client is asked to wait before it looks again."""
        wait = self._cloud.state.pace.retry_after
        return {"Retry-After": str(int(wait))} if wait >= 1 else {"x-ms-retry-after-ms": str(int(wait * 1000))}

    def busy(self, operation: str | None) -> bool:
        """Look at an operation, which may end it, and return whether it still runs."""
        if operation is None or operation not in self._all:
            return False
        return self._look(self._all[operation]).status == "InProgress"

    def running(self, operation: str | None) -> bool:
        """Whether an operation still runs, by the clock; asking does not count as a look."""
        if operation is None or operation not in self._all:
            return False
        found = self._all[operation]
        if found.status == "InProgress" and self._cloud.clock.now() >= found.until:
            self._end(found)
        return found.status == "InProgress"

    def finish_all(self) -> None:
        """End everything that runs. For tests."""
        for operation in list(self._all.values()):
            if operation.status == "InProgress":
                self._end(operation)

    def _look(self, operation: Operation) -> Operation:
        if operation.status == "InProgress":
            if operation.looks <= 0 or self._cloud.clock.now() >= operation.until:
                self._end(operation)
            operation.looks -= 1
        return operation

    def _end(self, operation: Operation) -> None:
        operation.status = "Succeeded"
        try:
            operation.result = operation.finish()
        except AzureError as error:
            body = error.reply().body
            operation.status, operation.error = "Failed", body["error"] if isinstance(body, dict) else None

    def fails(self, made: Resource) -> None:
        """Let what is being made fail, if the next creation is to; raises AzureError."""
        failure, self._cloud.state.fail_operation = self._cloud.state.fail_operation, None
        if failure is not None:
            made.state = "Failed"
            raise failure if isinstance(failure, AzureError) else AzureError(400, *failure)

    def _find(self, call: Call) -> Operation:
        found = self._all.get(call.args["id"])
        if found is None:
            raise AzureError(404, "NotFound", f"The operation {call.args['id']} was not found.")
        return self._look(found)

    def _status(self, call: Call) -> Reply:
        found = self._find(call)
        started = f"{found.until - timedelta(minutes=1):%Y-%m-%dT%H:%M:%S.1234567+00:00}"
        body: Json = {"id": call.request.path, "name": found.id, "status": found.status, "startTime": started}
        if found.error:
            body["error"] = found.error
        return Reply(200, body, {} if found.status != "InProgress" else self.patience())

    def _result(self, call: Call) -> Reply:
        found = self._find(call)
        if found.status == "InProgress":
            return Reply(
                202,
                None,
                {
                    "Location": f"https://{call.request.host}{call.request.path}?api-version={call.version}",
                    **self.patience(),
                },
            )
        if found.error:
            return Reply(400, {"error": found.error})
        return Reply(200, found.result) if found.result else Reply(204)

"""A door below `/v1` whose answers get lost, as a broken connection loses them."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

JOBS = "/fine_tuning/jobs"


class Losing:
    """An application whose answer to the first `times` creations does not arrive: cut, or a 500 in its place."""

    def __init__(self, app: ASGIApp, times: int, *, cut: bool) -> None:
        self.app, self.times, self.cut = app, times, cut
        self.seen: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != f"/v1{JOBS}":
            await self.app(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.seen.append(headers.get("x-stainless-retry-count", ""))
        lost = len(self.seen) <= self.times

        async def sent(message: Message) -> None:
            if not lost:
                await send(message)

        await self.app(scope, receive, sent)
        if lost and not self.cut:
            await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
        elif lost:
            raise ConnectionResetError

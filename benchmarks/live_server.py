"""A server for benchmarks.live_viewers: TuneDesk, and beside it the same page as each connection's own polling.

The second way is how TuneDesk itself did it before its streams were shared: every connection asks for the job's cheap
version twice a second in a worker thread, and renders the page's fragment itself when that has changed.
"""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import StreamingResponse

from app.domain.actors import OWNER
from app.http.broadcast import HEADERS
from app.http.streams import LOOK_EVERY_S, MEDIA_TYPE, Look
from app.main import create_app
from app.settings import Settings
from app.web.live import JobPageStream
from app.web.rendering import templates


def main() -> None:
    """Serve `sys.argv[1]` on port `sys.argv[2]`."""
    folder = Path(sys.argv[1])
    app = create_app(Settings(data_dir=folder, runtimes_dir=folder / "runtimes", runtime_autoinstall=False))
    scopes = app.state.scopes

    async def alone(request: Request) -> StreamingResponse:
        stream = JobPageStream(request, templates(), request.path_params["job"], "overview", None)

        def look() -> Look:
            with scopes.open(OWNER) as scope:
                return stream.look_in(scope)

        async def watch() -> AsyncIterator[bytes]:
            while True:
                for each in (await to_thread.run_sync(look)).messages:
                    yield each
                await asyncio.sleep(LOOK_EVERY_S)

        return StreamingResponse(watch(), headers=HEADERS, media_type=MEDIA_TYPE)

    app.add_route("/alone/{job}", alone)
    gc.freeze()  # as the real server does
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()

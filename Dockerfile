# The image is made by the same set-up code that `python3 -m app` runs on a laptop; nothing is installed another way.
#
#   docker build -t tunedesk .
#   docker run --rm --network host -v tunedesk:/var/lib/tunedesk tunedesk
#
# Until there are accounts, TuneDesk serves loopback only, so the container shares the host's network: open
# http://127.0.0.1:8000 on the same machine. Publishing a port would not work, and that is meant.

FROM debian:bookworm-slim AS system
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv ca-certificates \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/tunedesk

FROM system AS made
COPY . .
RUN python3 -m app setup

FROM system
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/tunedesk tunedesk \
 && install -d -o tunedesk -g tunedesk /var/lib/tunedesk/data /var/lib/tunedesk/runtimes
COPY --from=made /srv/tunedesk /srv/tunedesk
ENV TUNEDESK_DATA_DIR=/var/lib/tunedesk/data \
    TUNEDESK_RUNTIMES_DIR=/var/lib/tunedesk/runtimes \
    PYTHONUNBUFFERED=1
RUN python3 -m app setup
USER tunedesk
VOLUME /var/lib/tunedesk
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python3", "-m", "app", "serve"]

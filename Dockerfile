# The image is made by the same set-up code that `python3 -m app` runs on a laptop; nothing is installed another way.
#
#   docker build -t tunedesk .
#   docker run --rm --network host -v tunedesk:/var/lib/tunedesk -v tunedesk-key:/var/lib/tunedesk-key tunedesk
#
# Without accounts TuneDesk serves loopback only, so such a container shares the host's network: open http://127.0.0.1:8000
# on the same machine. Publishing a port would not work, and that is meant. For a team: compose.yaml and docs/deploy.md.
# It writes to /var/lib/tunedesk, /var/lib/tunedesk-key and /tmp alone, so the rest may be read-only.

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
 && install -d -o tunedesk -g tunedesk /var/lib/tunedesk/data /var/lib/tunedesk/runtimes \
 && install -d -m 700 -o tunedesk -g tunedesk /var/lib/tunedesk-key
COPY --from=made /srv/tunedesk /srv/tunedesk
ENV TUNEDESK_DATA_DIR=/var/lib/tunedesk/data \
    TUNEDESK_RUNTIMES_DIR=/var/lib/tunedesk/runtimes \
    TUNEDESK_SECRET_KEY_FILE=/var/lib/tunedesk-key/key \
    PYTHONUNBUFFERED=1
RUN python3 -m app setup
USER tunedesk
VOLUME ["/var/lib/tunedesk", "/var/lib/tunedesk-key"]
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz/ready', timeout=4)"]
CMD ["python3", "-m", "app", "serve"]

"""The demo's server process: the real server with the settings that its environment names, without the set-up."""

import sys

from app.main import serve
from app.settings import Settings
from app.setup.problems import SetupError


def main() -> int:
    """Serve until told to stop; returns the exit code."""
    try:
        serve(Settings())
    except SetupError as error:
        print(f"{error.sentence} {error.remedy}", file=sys.stderr)
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main())

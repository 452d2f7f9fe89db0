"""The one command, `python3 -m app`: sets itself up where that is needed, then does what it is asked (by default:
serve).

This file is kept to what every Python 3 can parse, so that an old one is told so in one sentence.
"""

import os
import sys


def start():
    # type: () -> int
    """Run the command line, or say why this Python cannot."""
    if sys.version_info < (3, 11):  # noqa: YTT204, RUF100
        found = ".".join(str(part) for part in sys.version_info[:2])
        sys.stderr.write(
            "TuneDesk needs Python 3.11 or newer and this is Python {}: install a newer one "
            "(Debian, Ubuntu: apt-get install python3.11 python3.11-venv; macOS: brew install python) and start it "
            "with that, for example: python3.11 -m app\n".format(found)
        )
        return 2
    if os.name == "nt":
        sys.stderr.write("TuneDesk runs on Windows inside WSL: open a WSL terminal and start it there.\n")
        return 2
    from app.cli import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(start())

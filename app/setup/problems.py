"""What can go wrong while setting up, each as one sentence with a remedy."""

import re
from pathlib import Path


class SetupError(Exception):
    """Set-up cannot go on: `sentence` says what happened, `remedy` what to do; `code` is the exit code."""

    def __init__(self, sentence: str, remedy: str, *, code: int = 1) -> None:
        super().__init__(f"{sentence} {remedy}")
        self.sentence = sentence
        self.remedy = remedy
        self.code = code


_UNREACHABLE = (
    r"NewConnectionError|ConnectTimeout|ReadTimeout|Name or service not known|Temporary failure in name resolution"
    r"|Connection refused|Connection aborted|Connection reset|Network is unreachable|nodename nor servname"
    r"|ECONNREFUSED|ECONNRESET|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|FetchError"
)
# Words of the operating system, and of pip and npm, most telling first: the first pattern found in the output decides.
_REFUSALS: tuple[tuple[str, str, str], ...] = (
    (
        r"No space left on device|ENOSPC|Disk quota exceeded|EDQUOT",
        "The disk is full.",
        "Free some space (set-up needs about 1 GB, the training runtime 3 GB more), then start again.",
    ),
    (
        r"File too large|EFBIG",
        "The system refuses to write a file of this size.",
        "Raise the limit (`ulimit -f unlimited`), then start again.",
    ),
    (
        r"Read-only file system|EROFS",
        "The folder is read-only.",
        "Copy the checkout to a place where you may write, then start again.",
    ),
    (
        r"Permission denied|EACCES|EPERM|Operation not permitted",
        "The folder may not be written.",
        "Give yourself the right to write there, or copy the checkout to a place where you may, then start again.",
    ),
)
_KNOWN = (
    *_REFUSALS[:-1],
    (
        r"DO NOT MATCH THE HASHES|EINTEGRITY|Hash mismatch",
        "A package differs from the one this version was locked to.",
        "Do not use it: start again, and if that repeats, ask whoever runs your package mirror.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF|UNABLE_TO_GET_ISSUER",
        "The package index's certificate is not trusted on this machine.",
        "Point PIP_CERT and NODE_EXTRA_CA_CERTS at your organisation's certificate file, then start again.",
    ),
    (
        r"407 Proxy|ProxyError|Tunnel connection failed|ERR_INVALID_PROXY",
        "The proxy refused the connection to the package index.",
        "Check HTTPS_PROXY (and its user name and password), then start again.",
    ),
    (
        _UNREACHABLE,
        "The package index cannot be reached.",
        "Check the network, or name a mirror (PIP_INDEX_URL, NPM_CONFIG_REGISTRY), then start again.",
    ),
    _REFUSALS[-1],
)


def explain(what: str, output: str, log: Path) -> SetupError:
    """The failure of a command in words.

    `what` is the step ("The Python packages could not be installed."), `output` what the command printed, and `log` the
    file that holds all of it.
    """
    for pattern, sentence, remedy in _KNOWN:
        if re.search(pattern, output):
            return SetupError(f"{what} {sentence}", f"{remedy} Details: {log}")
    missing = re.search(r"No matching distribution found for ([^\s;(]+)", output)
    if missing:
        return SetupError(
            f"{what} {missing[1]} is not to be had for this Python and system.",
            f"Use Python 3.11, 3.12 or 3.13 on Linux or macOS, or complete your package mirror. Details: {log}",
        )
    said = [line.strip() for line in output.splitlines() if re.search(r"error", line, re.IGNORECASE)]
    last = said[-1][:300] if said else "The command said nothing useful."
    return SetupError(f"{what} {last}", f"Details: {log}")


def explain_os(what: str, error: OSError) -> SetupError:
    """An operating system's refusal in words."""
    said = error.strerror or str(error)
    where = f" ({error.filename})" if isinstance(error.filename, str) else ""
    known = next(
        (each for each in _REFUSALS if re.search(each[0], said)), ("", f"{said}.", "Fix that, then start again.")
    )
    return SetupError(f"{what} {known[1].removesuffix('.')}{where}.", known[2])

"""What is understood of pip's and npm's words."""

from pathlib import Path

import pytest

from app.setup.commands import collected
from app.setup.problems import explain, explain_os
from app.setup.requirements import read_lock


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Collecting azure-core==1.41.0 (from -r app/setup/locks/web.txt (line 23))", "azure-core"),
        ("Processing ./wheels/annotated_types-0.8.0-py3-none-any.whl (from -r rest.txt (line 8))", "annotated_types"),
        ("Collecting torch==2.13.0+cpu", "torch"),
        ("  Downloading numpy-2.4.6-cp311.whl (18.0 MB)", None),
        ("Installing collected packages: torch", None),
    ],
)
def test_the_package_that_pip_begins_with(line: str, name: str | None) -> None:
    assert collected(line) == name


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full."),
        ("OSError: [Errno 27] File too large", "The system refuses to write a file of this size."),
        ("npm error code EINTEGRITY", "A package differs from the one this version was locked to."),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate is not trusted"),
        ("ProxyError('Cannot connect to proxy.', NewConnectionError(", "The proxy refused"),
        ("NewConnectionError('[Errno -3] Temporary failure in name resolution", "The package index cannot be reached."),
        ("npm error code EAI_AGAIN", "The package index cannot be reached."),
        ("ERROR: No matching distribution found for numpy==2.4.6", "numpy==2.4.6 is not to be had for this Python"),
        ("something\nERROR: it broke\n", "ERROR: it broke"),
        ("", "The command said nothing useful."),
    ],
)
def test_a_failure_is_one_sentence(said: str, sentence: str) -> None:
    error = explain("It failed.", said, Path("the.log"))
    assert error.sentence.startswith("It failed. ")
    assert sentence in error.sentence
    assert error.remedy.endswith("Details: the.log")


def test_a_refusal_of_the_system_names_the_file() -> None:
    error = explain_os("It failed.", OSError(28, "No space left on device", "a/file"))
    assert error.sentence == "It failed. The disk is full (a/file)."
    assert error.remedy.startswith("Free some space (set-up needs about 1 GB")
    assert explain_os("It failed.", OSError(111, "Connection refused")).sentence == "It failed. Connection refused."


def test_a_lock_with_markers_and_hashes(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(
        "# made by\nnumpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:aa\nnumpy==2.5.5\n"
        "zope.interface==1\n",
        encoding="utf-8",
    )
    found = [(package.name, package.version) for package in read_lock(lock)]
    assert found == [("numpy", "2.4.6"), ("numpy", "2.5.5"), ("zope.interface", "1")]
    assert read_lock(lock)[0].text.endswith("--hash=sha256:aa")

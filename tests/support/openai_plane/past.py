"""What somebody else has trained at a plane before."""

from tests.support.openai_plane.jobs import Job
from tests.support.openai_plane.plane import Plane
from tests.support.rehearsed import rows_file

MODEL = "gpt-4.1-mini-2025-04-14"


def trained_by_others(plane: Plane, wanted: int) -> None:
    """Let the plane have jobs of somebody else's that are over, each with rows of its own."""
    for number in range(wanted):
        files = []
        for part, content in (("train", rows_file(20 + number)), ("valid", rows_file(100 + number))):
            identifier = f"file-{part}-{number:012d}"
            file = {"filename": f"{part}-{number}.jsonl", "bytes": len(content), "at": plane.now() - 9000}
            plane.files[identifier] = {**file, "purpose": "fine-tune"}
            plane.contents[identifier] = content
            files.append(identifier)
        body = {"model": MODEL, "training_file": files[0], "validation_file": files[1], "suffix": f"theirs-{number}"}
        identifier = f"ftjob-{number:024d}"
        plane.jobs[identifier] = Job(id=identifier, body=body, at=plane.now() - 5000)

"""Files of an emulated plane: at once, and in parts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

from tests.support.openai_plane import jobs as life
from tests.support.openai_plane.calls import Call, Failed
from tests.support.openai_plane.script import Script


@dataclass(slots=True, kw_only=True)
class Upload:
    """An upload in parts: what was announced, and what came of it."""

    body: dict[str, Any]
    at: float
    parts: dict[str, bytes] = field(default_factory=dict)
    file: str = ""

    def status(self, now: float, lasts_s: float) -> str:
        """Return OpenAI's word."""
        return "completed" if self.file else "pending" if now < self.at + lasts_s else "expired"


class FileRoutes:
    """What is answered about files; the plane has the rest."""

    script: Script
    files: dict[str, dict[str, Any]]
    contents: dict[str, bytes]
    uploads: dict[str, Upload]
    lists_since: dict[str, int]

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        raise NotImplementedError

    def number(self) -> str:
        """Return 24 characters that were not given out yet."""
        raise NotImplementedError

    def visible(self, things: Mapping[str, Any]) -> list[str]:
        """Return what a list shows now."""
        raise NotImplementedError

    def page(self, items: list[dict[str, Any]], call: Call, default: int) -> dict[str, Any]:
        """Return a page of a list."""
        raise NotImplementedError

    def upload(self, call: Call) -> dict[str, Any]:
        if call.file is None or call.asked("purpose") != "fine-tune":
            raise Failed(400, "'purpose' is a required property", param="purpose")
        name, content = call.file
        if len(content) > self.script.one_request:
            raise Failed(413, f"File is too large: {len(content)} bytes; {self.script.one_request} are the most.")
        return self.keep_file(name, content)

    def keep_file(self, name: str, content: bytes) -> dict[str, Any]:
        if not name.endswith(".jsonl"):
            raise Failed(400, "Invalid file format for Fine-Tuning API. Must be .jsonl", param="file")
        if content.startswith(b"\xef\xbb\xbf"):
            raise Failed(400, 'Line 1 is not a dictionary (HINT: line starts with: "{\\"p...")', param="file")
        identifier = f"file-{self.number()}"
        self.files[identifier] = {"filename": name, "bytes": len(content), "at": self.now(), "purpose": "fine-tune"}
        self.contents[identifier] = content
        self.lists_since[identifier] = 0
        return self.file_body(identifier)

    def begin_upload(self, call: Call) -> dict[str, Any]:
        body = call.body if isinstance(call.body, dict) else {}
        missing = sorted({"filename", "purpose", "bytes", "mime_type"} - set(body))
        if missing:
            raise Failed(400, f"Missing required parameter: '{missing[0]}'.", param=missing[0])
        identifier = f"upload_{self.number()}"
        self.uploads[identifier] = Upload(body=body, at=self.now())
        return self.upload_body(identifier)

    def upload_body(self, identifier: str) -> dict[str, Any]:
        """Return an upload as the wire has it."""
        upload = self.uploads[identifier]
        return {
            "id": identifier,
            "object": "upload",
            "bytes": upload.body["bytes"],
            "created_at": int(upload.at),
            "filename": upload.body["filename"],
            "purpose": upload.body["purpose"],
            "status": upload.status(self.now(), self.script.upload_s),
            "expires_at": int(upload.at + self.script.upload_s),
            **({"file": self.file_body(upload.file)} if upload.file else {}),
        }

    def pending_upload(self, identifier: str) -> Upload:
        """Return an upload that takes parts.

        Raises:
            Failed: there is none, or it is over.
        """
        if identifier not in self.uploads:
            raise Failed(404, f"No such Upload: {identifier}", param="upload_id")
        status = self.uploads[identifier].status(self.now(), self.script.upload_s)
        if status != "pending":
            raise Failed(400, f"The upload {identifier} is {status}.", code="invalid_state")
        return self.uploads[identifier]

    def add_part(self, call: Call, identifier: str) -> dict[str, Any]:
        upload = self.pending_upload(identifier)
        if call.file is None or len(call.file[1]) > self.script.part:
            raise Failed(400, f"A part has {self.script.part} bytes at most.", param="data")
        part = f"part_{self.number()}"
        upload.parts[part] = call.file[1]
        return {"id": part, "object": "upload.part", "created_at": int(self.now()), "upload_id": identifier}

    def complete_upload(self, call: Call, identifier: str) -> dict[str, Any]:
        upload = self.pending_upload(identifier)
        content = b"".join(upload.parts[each] for each in call.body["part_ids"])
        found = md5(content, usedforsecurity=False).hexdigest()
        if len(content) != upload.body["bytes"] or call.body.get("md5", found) != found:
            raise Failed(400, "The parts are not what was announced.", code="invalid_parts")
        upload.file = str(self.keep_file(upload.body["filename"], content)["id"])
        return self.upload_body(identifier)

    def file_body(self, identifier: str) -> dict[str, Any]:
        """Return a file as the wire has it."""
        file = self.files[identifier]
        return {
            "id": identifier,
            "object": "file",
            "bytes": file["bytes"],
            "created_at": int(file["at"]),
            "filename": file["filename"],
            "purpose": file["purpose"],
            "status": (status := self.file_status(identifier)),
            **({"status_details": "Line 3 is not a chat."} if status == "error" else {}),
        }

    def file_status(self, identifier: str) -> str:
        """Return whether a file was taken in."""
        is_done = self.now() >= self.files[identifier]["at"] + self.script.file_s
        return self.script.file_ends if is_done else self.unready_file

    unready_file = "uploaded"

    def list_files(self, call: Call) -> dict[str, Any]:
        wanted = [self.file_body(each) for each in self.visible(self.files) if each in self.files]
        wanted = [each for each in wanted if call.asked("purpose", each["purpose"]) == each["purpose"]]
        wanted.sort(key=lambda each: (each["created_at"], each["id"]), reverse=call.asked("order", "desc") == "desc")
        page = self.page(wanted, call, 10_000)
        ids = [each["id"] for each in page["data"]]
        return page | {"first_id": ids[0] if ids else "", "last_id": ids[-1] if ids else ""}

    def get_file(self, _call: Call, identifier: str) -> dict[str, Any]:
        if identifier not in self.files:
            raise Failed(404, f"No such File object: {identifier}", param="id")
        return self.file_body(identifier)

    def delete_file(self, call: Call, identifier: str) -> dict[str, Any]:
        self.get_file(call, identifier)
        del self.files[identifier]
        return {"id": identifier, "object": "file", "deleted": True}

    def file_content(self, _call: Call, identifier: str) -> bytes:
        if identifier.startswith("file-results-"):
            return life.results(self.script)
        if identifier not in self.files:
            raise Failed(404, f"No such File object: {identifier}", param="id")
        return self.contents[identifier]

"""Pictures of one's own data on its way in: columns, findings, fixes, rows, and what lists and files it comes from."""

import json
import re
from pathlib import Path

from playwright.sync_api import Page

from app.demo.client import DemoClient
from docs.camera import Camera
from tests.support.connections import LOCAL_ID

QUEUES = ("shipping", "invoices", "returns")
WORDS = {
    "shipping": ("My parcel has not arrived", "The tracking page has been silent for days"),
    "invoices": ("I was charged 20 € too much", "The invoice is missing from my account"),
    "returns": ("The scarf is too big, I am sending it back", "The lamp arrived broken. What now?"),
}
HEADER = "No.;Received;What the customer wrote;Team (assigned)"
BAD = ("9001;2026-02-03;;shipping", "9002;2026-02-03;Where is my lamp?;", "9003;2026-02-04;   ;invoices")
BROKEN = b'{"messages": [{"role": "user", "content": "hello"}]}\n{"messages": [}\n{"prompt": "where is it?"}\n\n'
AUTOTRAIN = """task: llm-sft
base_model: distilgpt2
project_name: triage
log: tensorboard
data:
  path: data/
  train_split: train
  valid_split: null
  chat_template: chatml
  column_mapping:
    text_column: messages
params:
  block_size: 512
  epochs: 3
  batch_size: 2
  lr: 3e-5
  peft: true
hub:
  push_to_hub: true
"""


def photograph_data(lens: Camera, client: DemoClient) -> None:
    """Photograph a table from its columns to its rows, and files of other kinds."""
    broken = client.ask("PUT", "/datasets", params={"name": "broken", "filename": "broken.jsonl"}, content=BROKEN)
    table = _brought(client, "tickets.csv", "\r\n".join([HEADER, *_lines(), *BAD, ""]).encode("cp1252"))
    lens.take("dataset-columns", f"/datasets/{table}")
    lens.take("dataset-columns-mapped", f"/datasets/{table}", _map)
    page = lens.page
    page.get_by_role("button", name="Use these columns").click()
    page.get_by_text("A version with the chosen columns was created").wait_for()
    mapped = page.url.removeprefix(lens.url).partition("?")[0]
    client.until(mapped, lambda seen: seen["status"] != "validating")
    lens.take("dataset-mapped", mapped)
    lens.take_all("dataset-mapped", mapped, ("findings", "rows", "lineage"), "?tab=")
    lens.take("dataset-changes", f"{mapped}?tab=findings", _preview)
    lens.take("dataset-row", f"{mapped}/rows/1")
    lens.take("dataset-delete", f"{mapped}/delete")
    lens.take("dataset-refused", f"/datasets/{_brought(client, 'report.pdf', b'%PDF-1.7 of something')}")
    talks = [{"conversations": [{"from": "human", "value": a}, {"from": "gpt", "value": b}]} for a, b in _tickets()]
    lens.take("dataset-sharegpt", f"/datasets/{_brought(client, 'talks.json', json.dumps(talks).encode())}")
    lens.take("datasets-brought", "/datasets")
    lens.take_all("dataset-broken", f"/datasets/{broken['id']}", ("overview", "findings"), "?tab=")
    lens.take("from-autotrain", "/wizard/from-autotrain")
    lens.take("from-autotrain-report", "/wizard/from-autotrain", _paste)
    lens.take("from-capsule", "/jobs/from-capsule")


def photograph_settings(lens: Camera, client: DemoClient) -> None:
    """Photograph what is set, connected and documented."""
    client.post(f"/connections/{LOCAL_ID}/doctor")
    lens.take("connections", "/connections")
    lens.take("connection", f"/connections/{LOCAL_ID}")
    for name in ("projects", "catalog", "settings", "commands", "reference"):
        lens.take(name, f"/{name}")
    lens.take("reference-jobs", "/reference/jobs")
    lens.take_all("settings", "/settings", ("prices", "engine", "openai"))


def _tickets(count: int = 60) -> list[tuple[str, str]]:
    found = []
    for number in range(count):
        queue = QUEUES[number % 3]
        found.append((f"{WORDS[queue][number % 2]} (order {1000 + number})", queue))
    return found


def _lines() -> list[str]:
    return [f"{1000 + number};2026-02-01;{text};{queue}" for number, (text, queue) in enumerate(_tickets())]


def _brought(client: DemoClient, filename: str, content: bytes) -> str:
    query = {"name": Path(filename).stem, "filename": filename}
    made = client.ask("PUT", "/datasets", params=query, content=content)
    client.until(f"/datasets/{made['id']}", lambda seen: seen["status"] != "validating")
    return str(made["id"])


def _map(page: Page) -> None:
    page.get_by_label("What the customer wrote", exact=True).select_option("user")
    page.get_by_label("Team (assigned)", exact=True).select_option("assistant")
    page.locator("#mapped .msg", has_text="My parcel has not arrived").first.wait_for()


def _preview(page: Page) -> None:
    page.get_by_role("button", name="Preview the changes").click()
    page.get_by_role("heading", level=1, name=re.compile("^Changes to")).wait_for()


def _paste(page: Page) -> None:
    page.locator("textarea[name=yaml]").fill(AUTOTRAIN)
    page.get_by_role("button", name="Show the report").click()
    page.locator("#draft").wait_for()

"""The diagrams in docs/engine.md are those of the tables."""

from app.domain import jobs
from docs.state_diagrams import DOCUMENT, TABLES, diagram, drawn


def test_the_document_shows_the_tables() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert drawn(text) == text, "run: python -m docs.state_diagrams"
    for table in TABLES.values():
        assert diagram(table) in text


def test_every_arrow_of_a_table_is_drawn_and_no_other() -> None:
    arrows = {tuple(line.split(" --> ")) for line in diagram(TABLES["job"]).replace("    ", "").splitlines()[1:]}
    wanted = {(before.value, after.value) for before, follow in jobs.TRANSITIONS.items() for after in follow}
    ends = {(status.value, "[*]") for status in jobs.JobStatus if status.is_final}
    assert arrows == wanted | ends | {("[*]", "pending")}

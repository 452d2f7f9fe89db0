"""What people said columns are, kept to be offered again."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from app.domain.mappings import ColumnMapping
from app.store import codec, schema
from app.store.database import Reader, Writer

_T = schema.column_mappings


def keep(tx: Writer, project: str | None, columns: Sequence[str], mapping: ColumnMapping, at: datetime) -> None:
    """Keep a mapping for a project and a set of columns, over an earlier one."""
    values = {"project": project or "", "columns": _key(columns), "body": codec.dump(mapping), "updated_at": at}
    changed = {"body": values["body"], "updated_at": at}
    tx.execute(insert(_T).values(values).on_conflict_do_update(index_elements=list(_T.primary_key), set_=changed))


def kept(tx: Reader, project: str | None, columns: Sequence[str]) -> ColumnMapping | None:
    """Return what was said last of such columns in a project, or outside of all; None if nothing was."""
    query = select(_T.c.body).where(_T.c.columns == _key(columns), _T.c.project.in_(["", project or ""]))
    body = tx.scalar(query.order_by(_T.c.project.desc()).limit(1))
    return None if body is None else codec.load(ColumnMapping, body)


def _key(columns: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(sorted(columns)).encode()).hexdigest()

"""Metric points packed in chunks; each series with its last point and a small curve."""

import math
import struct

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_CURVE_POINTS = 32


def upgrade() -> None:
    op.create_table(
        "metric_chunks",
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("steps", sa.LargeBinary(), nullable=False),
        sa.Column("numbers", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series"], ["series.id"], name=op.f("fk_metric_chunks_series_series"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("series", "first", name=op.f("pk_metric_chunks")),
    )
    # Added in place: a batch would make the table anew, and with it drop what hangs on it.
    op.add_column("series", sa.Column("tail", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("series", sa.Column("packed_through", sa.Integer(), nullable=True))
    op.add_column("series", sa.Column("last_step", sa.Integer(), nullable=True))
    op.add_column("series", sa.Column("last_value", sa.Float(), nullable=True))
    op.add_column("series", sa.Column("curve", sa.LargeBinary(), nullable=True))
    connection = op.get_bind()
    connection.execute(
        sa.text(
            "UPDATE series SET tail = (SELECT count(*) FROM metrics WHERE metrics.series = series.id), "
            "last_step = (SELECT max(step) FROM metrics WHERE metrics.series = series.id)"
        )
    )
    connection.execute(
        sa.text(
            "UPDATE series SET last_value = "
            "(SELECT value FROM metrics WHERE metrics.series = series.id AND metrics.step = series.last_step)"
        )
    )
    for (series,) in connection.execute(sa.text("SELECT id FROM series WHERE name = 'train_loss'")).all():
        query = sa.text("SELECT step, value FROM metrics WHERE series = :id AND value IS NOT NULL ORDER BY step")
        points = [(row.step, row.value) for row in connection.execute(query, {"id": series})]
        connection.execute(
            sa.text("UPDATE series SET curve = :curve WHERE id = :id"), {"curve": _curve(points), "id": series}
        )


def _curve(points: list[tuple[int, float]]) -> bytes:
    """Return what app/store/metric_columns.py made of these points when this migration was written."""
    width, spans = 1, dict(points)
    while len(spans) > _CURVE_POINTS:
        width *= 2
        spans = {step // width: value for step, value in points}
    ordered = sorted(spans)
    return struct.pack(f"<{len(ordered) + 1}q", width, *ordered) + struct.pack(
        f"<{len(ordered)}f", *(spans[span] for span in ordered)
    )


def downgrade() -> None:
    connection = op.get_bind()
    insert = sa.text("INSERT INTO metrics (series, step, value) VALUES (:series, :step, :value)")
    for row in connection.execute(sa.text("SELECT series, steps, numbers FROM metric_chunks")).all():
        count = len(row.steps) // 8
        steps, values = struct.unpack(f"<{count}q", row.steps), struct.unpack(f"<{count}d", row.numbers)
        points = [
            {"series": row.series, "step": step, "value": None if math.isnan(value) else value}
            for step, value in zip(steps, values, strict=True)
        ]
        connection.execute(insert, points)
    for column in ("curve", "last_value", "last_step", "packed_through", "tail"):
        op.drop_column("series", column)
    op.drop_table("metric_chunks")

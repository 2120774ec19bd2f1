"""The tables of schema prediction."""

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from booksync_common.columns import make_id, make_time, make_times
from booksync_common.database import make_metadata

METADATA = make_metadata("prediction")

EMBEDDINGS = Table(
    "embeddings",
    METADATA,
    make_id(),
    Column("kind", String(10), nullable=False),
    Column("item_id", Uuid, nullable=False),
    Column("series_id", Uuid, index=True),
    Column("model", String(200), nullable=False),
    # its dimension is VECTOR_DIMENSION's at the first migration; no index: exact search is right for a family's library
    Column("embedding", VECTOR(), nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("title", Text),
    Column("kinds", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Column("authors", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Column("type_id", Uuid),
    Column("publisher_id", Uuid),
    Column("adult", Boolean, nullable=False, server_default=false()),
    Column("lang", String(10)),
    make_time("embedded_at", nullable=False),
    *make_times(),
    UniqueConstraint("kind", "item_id", "model"),
    CheckConstraint("kind IN ('series', 'volume')", name="kind"),
)
Index(None, EMBEDDINGS.c.model, EMBEDDINGS.c.kind)

RECOMMENDATIONS = Table(
    "recommendations",
    METADATA,
    make_id(),
    Column("user_id", Uuid, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("request", JSONB, nullable=False, server_default=text("'{}'")),
    Column("item_id", Uuid, nullable=False),
    Column("series_id", Uuid),
    Column("score", Double),
    Column("similarity", Double),
    Column("reasoning", Text),
    Column("model", String(200)),
    Column("threshold", Double),
    Column("status", String(20), nullable=False, server_default="suggested"),
    *make_times(),
    CheckConstraint("status IN ('suggested', 'accepted', 'dismissed', 'read')", name="status"),
)
Index(None, RECOMMENDATIONS.c.user_id, RECOMMENDATIONS.c.created_at.desc(), RECOMMENDATIONS.c.id)

JOBS = Table(
    "jobs",
    METADATA,
    make_id(),
    Column("kind", String(50), nullable=False),
    Column("status", String(20), nullable=False, server_default="queued"),
    Column("request", JSONB, nullable=False, server_default=text("'{}'")),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("total", Integer),
    Column("error", Text),
    make_time("started_at"),
    make_time("finished_at"),
    *make_times(),
    CheckConstraint("status IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="status"),
)
Index(None, JOBS.c.status, JOBS.c.created_at)

"""The tables of schema prediction."""

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
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
    # a series is its own
    Column("series_id", Uuid, index=True),
    Column("number", Integer),
    Column("model", String(200), nullable=False),
    # before the vector: what each search filters by costs as much more as there is to step over in a row
    Column("adult", Boolean, nullable=False, server_default=false()),
    # of half precision: the table and its index take half as much. Its dimension is VECTOR_DIMENSION's at the first
    # migration, its storage MAIN: out of the row, each comparison would have to fetch its vector. A job makes the
    # index, when there are rows enough
    Column("embedding", HALFVEC(), nullable=False),
    # of the text that was embedded, and which recipe made it
    Column("content_hash", LargeBinary, nullable=False),
    Column("text_version", SmallInteger, nullable=False),
    Column("title", Text, nullable=False, server_default=""),
    Column("synopsis", Text, nullable=False, server_default=""),
    Column("kinds", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Column("kind_names", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("kind_keys", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("authors", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Column("author_names", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("type_id", Uuid),
    Column("type_name", Text),
    Column("publisher_id", Uuid),
    Column("publisher_name", Text),
    Column("lang", String(10)),
    make_time("embedded_at", nullable=False),
    *make_times(),
    UniqueConstraint("kind", "item_id", "model"),
    CheckConstraint("kind IN ('series', 'volume')", name="kind"),
)
Index(None, EMBEDDINGS.c.model, EMBEDDINGS.c.kind, EMBEDDINGS.c.item_id)
#: What a row may be of; looked for by name where an id is known alone, as they stand before the ids in the index.
KINDS = ("series", "volume")
# few, and each search asks which volumes they cover
Index(
    "ix_embeddings_adult_series",
    EMBEDDINGS.c.item_id,
    EMBEDDINGS.c.model,
    postgresql_where=text("adult AND kind = 'series'"),
)

#: What a user was told to read (`prediction`), or to look for (`recommendation`), and what came of it.
RECOMMENDATIONS = Table(
    "recommendations",
    METADATA,
    make_id(),
    Column("user_id", Uuid, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("request", JSONB, nullable=False, server_default=text("'{}'")),
    Column("item_id", Uuid, nullable=False),
    Column("series_id", Uuid),
    Column("title", Text),
    Column("number", Integer),
    Column("score", Double),
    Column("similarity", Double),
    Column("confidence", Double),
    Column("reasoning", Text),
    Column("model", String(200)),
    Column("threshold", Double),
    Column("status", String(20), nullable=False, server_default="suggested"),
    Column("rating", SmallInteger),
    # by all that was known then, as by a collection whose series is not embedded
    Column("adult", Boolean, nullable=False, server_default=false()),
    make_time("feedback_at"),
    *make_times(),
    CheckConstraint("kind IN ('prediction', 'recommendation')", name="kind"),
    CheckConstraint("status IN ('suggested', 'accepted', 'dismissed', 'read')", name="status"),
    CheckConstraint("rating BETWEEN 0 AND 10", name="rating"),
)
Index(None, RECOMMENDATIONS.c.user_id, RECOMMENDATIONS.c.created_at.desc(), RECOMMENDATIONS.c.id)
# asking again gives the same recommendation, not another of its kind
Index(
    "uq_recommendations_user_id_item_id",
    RECOMMENDATIONS.c.user_id,
    RECOMMENDATIONS.c.item_id,
    unique=True,
    postgresql_where=text("kind = 'recommendation'"),
)

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
    # who works on it, and when that one was last heard of
    Column("owner", Uuid),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    make_time("heartbeat_at"),
    Column("cancel_requested", Boolean, nullable=False, server_default=false()),
    make_time("started_at"),
    make_time("finished_at"),
    *make_times(),
    CheckConstraint("status IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="status"),
)
Index(None, JOBS.c.status, JOBS.c.created_at)

#: What a job has still to do; a row goes in the transaction that stores its result.
JOB_ITEMS = Table(
    "job_items",
    METADATA,
    Column("job_id", Uuid, ForeignKey(JOBS.c.id, ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("item", JSONB, nullable=False),
    *make_times(),
)

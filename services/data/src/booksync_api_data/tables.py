"""The tables of schema data."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from booksync_common.columns import make_time, make_times
from booksync_common.database import make_metadata

METADATA = make_metadata("data")

VOLUME_EXTRA = Table(
    "volume_extra",
    METADATA,
    Column("volume_id", Uuid, primary_key=True),  # Mangacollec's
    Column("object_id", String(50), index=True),  # BubbleBD's
    Column("nb_pages", Integer),
    # as they were given: cm and g, but "17,5" and "17.5 cm" both occur
    Column("length", String(20)),
    Column("height", String(20)),
    Column("width", String(20)),
    Column("weight", String(20)),
    Column("extra_info", Text),
    # the same as numbers, to sort by
    Column("length_cm", Double),
    Column("height_cm", Double),
    Column("width_cm", Double),
    Column("weight_g", Double),
    Column("source", String(50)),
    Column("locked_fields", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("version", BigInteger, nullable=False, server_default="1"),
    make_time("deleted_at"),  # its version goes on when it comes back, so that no entity tag is ever given twice
    # its place in the feed of changes, of its last change alone, so that the feed is never longer than the list of
    # volumes: which database it was written in, which transaction, and the order in there; see shared/changes.py
    Column("feed", BigInteger),
    Column("transaction_id", BigInteger),
    Column("sequence", BigInteger, Identity(always=True), nullable=False),
    *make_times(),
    CheckConstraint("nb_pages >= 0", name="nb_pages"),
    CheckConstraint("length_cm >= 0 AND height_cm >= 0 AND width_cm >= 0 AND weight_g >= 0", name="measures"),
    CheckConstraint("version > 0", name="version"),
)
Index(None, VOLUME_EXTRA.c.updated_at, VOLUME_EXTRA.c.volume_id)
Index(None, VOLUME_EXTRA.c.feed, VOLUME_EXTRA.c.transaction_id, VOLUME_EXTRA.c.sequence)

USER_VOLUME = Table(
    "user_volume",
    METADATA,
    Column("user_id", Uuid, primary_key=True),
    Column("volume_id", Uuid, primary_key=True),
    Column("price_cents", Integer),
    Column("currency", String(3)),
    Column("purchased_on", Date),
    Column("store", String(200)),
    Column("condition", String(50)),
    Column("location", String(200)),
    Column("notes", Text),
    Column("rating", SmallInteger),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("version", BigInteger, nullable=False, server_default="1"),
    *make_times(),
    CheckConstraint("price_cents >= 0", name="price_cents"),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    CheckConstraint("char_length(notes) <= 5000", name="notes"),
    CheckConstraint("rating BETWEEN 0 AND 10", name="rating"),
    CheckConstraint("version > 0", name="version"),
)
Index(None, USER_VOLUME.c.volume_id)
Index(None, USER_VOLUME.c.user_id, USER_VOLUME.c.updated_at)

IDEMPOTENCY_KEYS = Table(
    "idempotency_keys",
    METADATA,
    Column("caller", String(100), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False),
    *make_times(),
)
Index(None, IDEMPOTENCY_KEYS.c.created_at)

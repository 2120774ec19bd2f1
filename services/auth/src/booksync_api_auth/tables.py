"""The tables of schema auth."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    func,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, INET, JSONB

from booksync_common.columns import make_id, make_time, make_times
from booksync_common.database import make_metadata

METADATA = make_metadata("auth")

USERS = Table(
    "users",
    METADATA,
    make_id(),
    Column("id_mangacollec", Uuid, unique=True),
    Column("username", String(100), nullable=False),
    # NFKC, casefolded: what may not be there twice
    Column("username_key", String(200), nullable=False, unique=True),
    Column("email", String(320)),
    Column("email_key", String(640), unique=True),
    Column("password_hash", Text),  # none: signs in at Mangacollec only
    Column("role", String(20), nullable=False, server_default="user"),
    Column("certify_adult", Boolean, nullable=False, server_default=false()),
    Column("avatar", Text),
    Column("is_active", Boolean, nullable=False, server_default=true()),
    Column("failed_logins", Integer, nullable=False, server_default="0"),  # since the last sign-in
    make_time("password_changed_at"),
    *make_times(),
    CheckConstraint("role IN ('user', 'admin')", name="role"),
    CheckConstraint("failed_logins >= 0", name="failed_logins"),
    CheckConstraint("(email IS NULL) = (email_key IS NULL)", name="email"),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    make_id(),  # the token's sid
    Column("user_id", Uuid, ForeignKey(USERS.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("refresh_hash", LargeBinary, nullable=False, unique=True),
    Column("prev_refresh_hash", LargeBinary),
    # a secret that every refresh token of the session begins with
    Column("family_id", Uuid, nullable=False, unique=True),
    Column("generation", Integer, nullable=False, server_default="0"),
    Column("rotated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("device_name", String(200)),
    Column("user_agent", Text),
    Column("ip", INET),
    make_time("last_used_at"),
    make_time("expires_at"),
    make_time("revoked_at"),
    Column("revoked_reason", String(50)),
    *make_times(),
    CheckConstraint("octet_length(refresh_hash) = 32", name="refresh_hash"),
)

CREDENTIALS = Table(
    "credentials",
    METADATA,
    Column("user_id", Uuid, ForeignKey(USERS.c.id, ondelete="CASCADE"), primary_key=True),
    Column("provider", String(50), primary_key=True),
    Column("account_email", String(320)),
    Column("external_user_id", String(100), nullable=False),
    Column("access_token_enc", LargeBinary),
    Column("refresh_token_enc", LargeBinary),
    Column("password_enc", LargeBinary),
    Column("key_id", String(64)),
    make_time("token_expires_at"),
    Column("scope", Text),
    make_time("last_refresh_at"),
    Column("last_error", Text),
    *make_times(),
    UniqueConstraint("provider", "external_user_id"),
)

AUTH_EVENTS = Table(
    "auth_events",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("user_id", Uuid, ForeignKey(USERS.c.id, ondelete="SET NULL")),
    Column("kind", String(50), nullable=False),
    Column("success", Boolean, nullable=False),
    Column("ip", INET),
    Column("user_agent", Text),
    Column("detail", JSONB),
    *make_times(),
)
Index(None, AUTH_EVENTS.c.user_id, AUTH_EVENTS.c.id.desc())
Index(None, AUTH_EVENTS.c.created_at)

API_KEYS = Table(
    "api_keys",
    METADATA,
    make_id(),
    Column("name", String(100), nullable=False, unique=True),
    Column("prefix", String(16), nullable=False),  # shown, so that a key can be told from others
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("created_by", Uuid, ForeignKey(USERS.c.id, ondelete="SET NULL")),
    make_time("last_used_at"),
    make_time("expires_at"),
    *make_times(),
    CheckConstraint("octet_length(key_hash) = 32", name="key_hash"),
)

RATE_LIMITS = Table(
    "rate_limits",
    METADATA,
    Column("key", String(200), primary_key=True),
    make_time("window_start", nullable=False),
    Column("count", Integer, nullable=False, server_default="0"),
    make_time("blocked_until"),
    *make_times(),
    CheckConstraint("count >= 0", name="count"),
)
Index(None, RATE_LIMITS.c.window_start)

DELETED_USERS = Table(
    "deleted_users",
    METADATA,
    # the feed's order: clocks of replicas differ
    Column("sequence", BigInteger, Identity(always=True), primary_key=True),
    Column("user_id", Uuid, nullable=False, unique=True),
    *make_times(),
)

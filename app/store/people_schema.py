"""The tables of who may sign in, and where they may go. Passwords, cookies, tokens and codes are hashes here."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from app.store.columns import UtcTime, identifier, metadata

_OF_A_PERSON = "people.id"

people = Table(
    "people",
    metadata,
    identifier(),
    Column("name", String, nullable=False),
    Column("name_key", String, nullable=False, unique=True),  # case-folded: nobody is taken for somebody else
    Column("administers", Integer, nullable=False),
    Column("password", String),  # argon2id's own text; None: signs in elsewhere, or has not been here yet
    Column("issuer", String),  # of single sign-on, with the subject there
    Column("subject", String),
    Column("disabled_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String, nullable=False, server_default=""),
    Column("signed_in_at", UtcTime),
    UniqueConstraint("issuer", "subject"),
)

members = Table(
    "members",
    metadata,
    Column("person", String, ForeignKey(_OF_A_PERSON, ondelete="CASCADE"), primary_key=True),
    Column("project", String, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String, nullable=False),
    Column("claimed", Integer, nullable=False, server_default="0"),  # by a group of single sign-on, which may go again
    sqlite_with_rowid=False,
)

sessions = Table(
    "sessions",
    metadata,
    identifier(),
    Column("sha256", String, nullable=False, unique=True),  # of the cookie
    Column("person", String, ForeignKey(_OF_A_PERSON, ondelete="CASCADE"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Column("address", String, nullable=False),
    Column("agent", String, nullable=False),
    Index("ix_sessions_person", "person"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    identifier(),
    Column("sha256", String, nullable=False, unique=True),
    Column("person", String, ForeignKey(_OF_A_PERSON, ondelete="CASCADE"), nullable=False),
    Column("name", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("project", String, ForeignKey("projects.id", ondelete="CASCADE")),  # the only one that it opens
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("last_used_at", UtcTime),
    Index("ix_api_tokens_person", "person"),
)

# One-time codes: the first administrator's, invitations, and new passwords.
codes = Table(
    "codes",
    metadata,
    Column("sha256", String, primary_key=True),
    Column("person", String, ForeignKey(_OF_A_PERSON, ondelete="CASCADE"), nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

# Tries to sign in, by account and by address, until one succeeds.
sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    Column("key", String, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("next_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

# What is decided for the installation as a whole: that it has accounts, and since when.
installation = Table(
    "installation",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
    sqlite_with_rowid=False,
)

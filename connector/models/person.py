"""People, what identifies them, what they agreed to, and the row that serialises all work on one person."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    func,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

persons = Table(
    "persons",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # What chance is hashed from; survives merges.
    Column("seed", Uuid, nullable=False),
    Column("email", Text),
    Column("phone", Text),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("locale", Text),
    Column("country", Text),
    # Of the country, by ISO 3166-2 (US-TX); in France by the postcode. Of use only beside that country.
    Column("region", Text),
    Column("city", Text),
    Column("timezone", Text),
    Column("customer_id", BigInteger),
    Column("tags", JSONB, nullable=False),
    Column("orders_count", Integer, nullable=False),
    Column("total_spent", Numeric(18, 2), nullable=False),
    # The newest orders that the store's own figures in these two hold: [{id, at, amount}], newest first; NULL: it has
    # not told (sync/figures.py).
    Column("figures_hold", JSONB(none_as_null=True)),
    Column("first_order_at", Moment),
    Column("last_order_at", Moment),
    # The store's own updated_at of the newest state applied; whole seconds, so a tie is re-read, never dropped.
    Column("source_updated_at", Moment),
    # Raised by every change that the provider should see (sync_state.wanted_version).
    Column("version", BigInteger, nullable=False),
    # The newest version in which something that the provider has a value of became empty; NULL: there is none.
    Column("emptied_version", BigInteger),
    Column("created_at", Moment, nullable=False),
    Column("erased_at", Moment),
    # Who this person turned out to be: the row holds nothing any more, and nobody is found by it.
    Column("merged_into", BigInteger),
    # When the store deleted the customer; consent that is older counts for nothing. Null: it did not, or there is
    # another customer by now.
    Column("customer_deleted_at", Moment),
    PrimaryKeyConstraint("shop_id", "id"),
    Index(None, "shop_id", "email"),
    Index(None, "shop_id", "phone"),
    Index("ix_persons_merged", "shop_id", "merged_into", postgresql_where="merged_into IS NOT NULL"),
)


def last_word(name: Column[Any]) -> ColumnElement[str]:
    """The last of several words of a name, in small letters."""
    return func.lower(func.regexp_replace(name, literal_column("'^.*[ -]'"), literal_column("''")))


def several_words(name: Column[Any]) -> ColumnElement[bool]:
    """Whether a name has several words."""
    return name.regexp_match(literal_column("'[ -]'"))


# For staff who look for somebody by the beginning of a name, of its last word, or of an address.
for _begins in (persons.c.first_name, persons.c.last_name, persons.c.email):
    Index(
        f"ix_persons_{_begins.name}_begins",
        persons.c.shop_id,
        func.lower(_begins).label("begins"),
        postgresql_ops={"begins": "text_pattern_ops"},
    )
for _inner in (persons.c.first_name, persons.c.last_name):
    Index(
        f"ix_persons_{_inner.name}_inner",
        persons.c.shop_id,
        last_word(_inner).label("inner_begins"),
        postgresql_ops={"inner_begins": "text_pattern_ops"},
        postgresql_where=several_words(_inner),
    )

identities = Table(
    "identities",
    metadata,
    shop_column(),
    # customer | email | checkout | cart | order | draft_order | external | visitor
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("since", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "kind", "value"),
    Index(None, "shop_id", "person_id"),
)

person_work = Table(
    "person_work",
    metadata,
    shop_column(),
    Column("person_id", BigInteger, nullable=False),
    # The row is the person's lock; pending says that undecided events wait.
    Column("pending", Boolean, nullable=False),
    Column("since_real", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "person_id"),
    Index("ix_person_work_pending", "shop_id", "person_id", postgresql_where="pending"),
)

consents = Table(
    "consents",
    metadata,
    shop_column(),
    Column("person_id", BigInteger, nullable=False),
    # email | sms | whatsapp | push | any (of a person, whatever the channel)
    Column("channel", Text, nullable=False),
    # newsletter | sms | whatsapp | push: the channel's own; cart | open_tracking | profiling
    Column("purpose", Text, nullable=False, server_default="newsletter"),
    # subscribed | pending | unsubscribed | not_subscribed | undeliverable
    Column("state", Text, nullable=False),
    Column("level", Text),
    Column("source", Text, nullable=False),
    # When the person acted, as the source says; the newest wins and a tie goes to the opt-out.
    Column("evidence_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "person_id", "channel", "purpose"),
)

consent_ledger = Table(
    "consent_ledger",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False, server_default="newsletter"),
    Column("state", Text, nullable=False),
    # confirmed_opt_in | single_opt_in | unknown | implied | soft_opt_in
    Column("level", Text),
    Column("source", Text, nullable=False),
    Column("evidence_at", Moment, nullable=False),
    # What shows it: {"text", "form_id", "ip_digest", "order_id", "raw", ...}, as far as the source tells.
    Column("evidence", JSONB),
    Column("recorded_at", Moment, nullable=False),
    # applied | older | import
    Column("verdict", Text, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
    Index(None, "shop_id", "person_id"),
)

double_opt_ins = Table(
    "double_opt_ins",
    metadata,
    shop_column(),
    Column("person_id", BigInteger, nullable=False),
    # The line of the consent ledger that is to be confirmed.
    Column("ledger_id", BigInteger, nullable=False),
    # 1: the confirmation mail, 2: the one reminder. Written before the call, so that no mail is asked for twice.
    Column("n", Integer, nullable=False),
    Column("asked_at", Moment, nullable=False),
    # accepted | unknown | refused; NULL while nobody has noted what became of it
    Column("outcome", Text),
    PrimaryKeyConstraint("shop_id", "person_id", "ledger_id", "n"),
)

suppressions = Table(
    "suppressions",
    metadata,
    shop_column(),
    Column("channel", Text, nullable=False),
    # HMAC-SHA256 of the address with the shop's salt: survives an erasure without telling who it was.
    Column("address_digest", Text, nullable=False),
    # hard_bounce | complaint | blocked | unsubscribed | sunset
    Column("reason", Text, nullable=False),
    Column("since", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "channel", "address_digest"),
)

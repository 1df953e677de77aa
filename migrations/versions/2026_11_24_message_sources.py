"""What messages show beside the run's own facts.

Revision: message_sources. Expand only.
"""

from __future__ import annotations

from alembic import op

revision = "message_sources"
down_revision = "tasks"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE orders ADD COLUMN status_url TEXT",
    "ALTER TABLE fulfillments ADD COLUMN estimated_at TIMESTAMP WITH TIME ZONE",
    "ALTER TABLE products ADD COLUMN published_at TIMESTAMP WITH TIME ZONE",
    "CREATE INDEX ix_products_published ON products (shop_id, published_at) WHERE deleted_at IS NULL",
    """
CREATE TABLE shelves (
    shop_id BIGINT NOT NULL,
    bestsellers JSONB NOT NULL,
    drawn_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_shelves PRIMARY KEY (shop_id)
)
""",
    """
CREATE TABLE store_looks (
    shop_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    id BIGINT NOT NULL,
    price NUMERIC(18, 2),
    compare_at_price NUMERIC(18, 2),
    available BOOLEAN NOT NULL,
    description TEXT,
    looked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_store_looks PRIMARY KEY (shop_id, kind, id)
)
""",
    """
CREATE TABLE reviews (
    shop_id BIGINT NOT NULL,
    review_id TEXT NOT NULL,
    person_id BIGINT NOT NULL,
    product_id BIGINT,
    rating INTEGER NOT NULL,
    text TEXT NOT NULL,
    author TEXT,
    published BOOLEAN NOT NULL,
    told_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_reviews PRIMARY KEY (shop_id, review_id)
)
""",
    "CREATE INDEX ix_reviews_shop_id_person_id ON reviews (shop_id, person_id)",
    "CREATE INDEX ix_reviews_published ON reviews (shop_id, told_at) WHERE published",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("only additions; the release before runs on this schema too")

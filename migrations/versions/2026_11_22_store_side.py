"""The store's side: carts, orders as the provider shows them, fulfilments, the catalogue and its stock.

Revision: store_side. Expand only: tables and columns are added. New columns that may not be empty have a default, so
that the release before this one can still write rows.
"""

from __future__ import annotations

from alembic import op

revision = "store_side"
down_revision = "stopped_work"
branch_labels = None
depends_on = None

_COLUMNS = """
ALTER TABLE checkouts ADD COLUMN deleted_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE orders
    ADD COLUMN customer_id BIGINT,
    ADD COLUMN gross NUMERIC(18, 2),
    ADD COLUMN refunds JSONB DEFAULT '{}' NOT NULL,
    ADD COLUMN refunded NUMERIC(18, 2) DEFAULT '0' NOT NULL,
    ADD COLUMN counted NUMERIC(18, 2),
    ADD COLUMN billing JSONB,
    ADD COLUMN payment_method TEXT,
    ADD COLUMN historical BOOLEAN DEFAULT 'false' NOT NULL,
    ADD COLUMN closed_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN deleted_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN version BIGINT DEFAULT '0' NOT NULL;
ALTER TABLE products
    ADD COLUMN handle TEXT,
    ADD COLUMN status TEXT,
    ADD COLUMN vendor TEXT,
    ADD COLUMN product_type TEXT,
    ADD COLUMN tags JSONB,
    ADD COLUMN price_min NUMERIC(18, 2),
    ADD COLUMN price_max NUMERIC(18, 2),
    ADD COLUMN collection_ids JSONB,
    ADD COLUMN deleted_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN version BIGINT DEFAULT '0' NOT NULL;
"""

_TABLES = """
CREATE TABLE carts (
    shop_id BIGINT NOT NULL,
    token TEXT NOT NULL,
    items JSONB NOT NULL,
    total NUMERIC(18, 2) NOT NULL,
    currency TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    source_updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_carts PRIMARY KEY (shop_id, token)
);
CREATE TABLE fulfillments (
    shop_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    status TEXT,
    shipment_status TEXT,
    moved_at TIMESTAMP WITH TIME ZONE,
    tracking_company TEXT,
    tracking_number TEXT,
    tracking_url TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    source_updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    delivered_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_fulfillments PRIMARY KEY (shop_id, id)
);
CREATE INDEX ix_fulfillments_shop_id_order_id ON fulfillments (shop_id, order_id);
CREATE TABLE variants (
    shop_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    title TEXT,
    sku TEXT,
    position INTEGER,
    price NUMERIC(18, 2),
    compare_at_price NUMERIC(18, 2),
    inventory_item_id BIGINT,
    inventory_quantity INTEGER,
    source_updated_at TIMESTAMP WITH TIME ZONE,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_variants PRIMARY KEY (shop_id, id)
);
CREATE INDEX ix_variants_shop_id_product_id ON variants (shop_id, product_id);
CREATE INDEX ix_variants_shop_id_inventory_item_id ON variants (shop_id, inventory_item_id);
CREATE TABLE collections (
    shop_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    title TEXT NOT NULL,
    handle TEXT,
    image_url TEXT,
    source_updated_at TIMESTAMP WITH TIME ZONE,
    deleted_at TIMESTAMP WITH TIME ZONE,
    version BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_collections PRIMARY KEY (shop_id, id)
);
CREATE TABLE inventory_levels (
    shop_id BIGINT NOT NULL,
    inventory_item_id BIGINT NOT NULL,
    location_id BIGINT NOT NULL,
    available INTEGER,
    source_updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_inventory_levels PRIMARY KEY (shop_id, inventory_item_id, location_id)
);
"""


# The release before counted every order that is neither cancelled nor, unless the shop says so, of these kinds. What
# a shop's settings make different is put right by the store's own figures.
_COUNTED = """
UPDATE orders SET counted = total
WHERE person_id IS NOT NULL AND cancelled_at IS NULL AND NOT test
    AND coalesce(source_name, '') NOT IN ('pos', 'shopify_draft_order')
"""


def upgrade() -> None:
    op.execute(_COLUMNS)
    op.execute(_COUNTED)
    op.execute(_TABLES)


def downgrade() -> None:
    raise NotImplementedError("columns and tables are added; the release before runs on this schema too")

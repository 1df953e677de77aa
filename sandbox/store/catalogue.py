"""The goods of a shop. Some titles carry template syntax, markup and odd characters, as real ones do."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from sandbox.store.records import Product, Variant

# Title, price in the shop's currency, kind of goods, variant titles.
_GOODS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("Enamel camping mug", "14.90", "Kitchen", ("Blue", "Cream")),
    ("{{ contact.EMAIL }} mug", "12.50", "Kitchen", ()),
    ("{% if %} tee", "24.00", "Clothing", ("S", "M", "L")),
    ("{# draft #} wool scarf", "39.00", "Clothing", ()),
    ("Salt & Pepper <b>grinder</b>", "29.95", "Kitchen", ()),
    ('12" cast-iron "skillet"', "54.00", "Kitchen", ()),
    ("Crème brûlée torch ☕", "34.50", "Kitchen", ()),
    ("Linen apron", "42.00", "Clothing", ("Sand", "Moss")),
    ("Walnut chopping board", "68.00", "Kitchen", ()),
    ("Beeswax candle", "9.90", "Home", ()),
    ("Merino socks, two pairs", "18.00", "Clothing", ("36-40", "41-45")),
    ("Hand-thrown stoneware bowl in a glaze that no two firings give the same way", "45.00", "Home", ()),
    ("مزهرية خزفية", "61.00", "Home", ()),
    ("Canvas tote [FirstName]", "21.00", "Bags", ()),
    ("Weekend bag", "129.00", "Bags", ("Olive", "Black")),
    ("Desk lamp", "88.00", "Home", ()),
)


def stock(shop_number: int, base_url: str, created_at: float, rng: Random) -> list[Product]:
    """The products of one shop; ids differ between shops, images are served at `base_url`."""
    products = []
    for place, (title, price, kind, variant_titles) in enumerate(_GOODS, start=1):
        product_id = 8_000_000_000_000 + shop_number * 1_000_000 + place
        product = Product(
            id=product_id,
            title=title,
            handle=f"goods-{place}",
            vendor=rng.choice(("Northfield", "Atelier Lune", "Oak & Iron")),
            product_type=kind,
            description=f"{title}. Made to last.",
            tags=[kind.lower()],
            image_url=f"{base_url}/goods/goods-{place}.svg",
            created_at=created_at,
            updated_at=created_at,
        )
        for position, variant_title in enumerate(variant_titles or ("Default Title",), start=1):
            product.variants.append(
                Variant(
                    id=40_000_000_000_000 + shop_number * 1_000_000 + place * 100 + position,
                    product=product,
                    title=variant_title,
                    sku=f"SKU-{place:02d}-{position}",
                    price=Decimal(price),
                    compare_at_price=(Decimal(price) + 10) if rng.random() < 0.2 else None,
                    position=position,
                    inventory_quantity=rng.randint(5, 400),
                    grams=rng.randint(80, 2500),
                )
            )
        products.append(product)
    return products

"""The goods of a shop's past: thousands of products, and collections of them."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from sandbox.store.records import Collection, Product, Variant
from sandbox.store.shop import Shop

_MATERIALS = ("Walnut", "Enamel", "Linen", "Cast-iron", "Merino", "Stoneware", "Brass", "Cotton", "Crème", "Ash")
_THINGS = ("mug", "apron", "lamp", "bowl", "socks", "board", "bag", "candle", "vase", "brush", "tray & lid", "scarf")
_KINDS = ("Kitchen", "Clothing", "Home", "Bags")
_VENDORS = ("Northfield", "Atelier Lune", "Oak & Iron")
_TAGS: tuple[list[str], ...] = (["new"], ["gift", "season"], ["sale"], [])
# Title of each variant, by how many there are.
_VARIANTS = (("Default Title",), ("Small", "Large"), ("S", "M", "L"))


def add_products(shop: Shop, count: int, start: float, end: float, rng: Random) -> list[Product]:
    """So many products with one to three variants each, made between start and end; a few are drafts or archived."""
    made = []
    for place in range(count):
        at = float(int(start + (end - start) * place / count))
        number = shop.next_id("product", 8_500_000_000_000)
        kind = rng.choice(_KINDS)
        title = f"{rng.choice(_MATERIALS)} {rng.choice(_THINGS)} {place + 1}"
        product = Product(
            id=number,
            title=title,
            handle=f"goods-{number}",
            vendor=rng.choice(_VENDORS),
            product_type=kind,
            description=title,
            tags=[kind.lower(), *rng.choice(_TAGS)],
            image_url=f"{shop.base_url}/goods/goods-{number}.svg",
            created_at=at,
            updated_at=float(int(at + (end - at) * rng.random())),
            status=rng.choices(("active", "draft", "archived"), (90, 6, 4))[0],
        )
        price = Decimal(rng.randint(490, 19_990)).scaleb(-2)
        reduced = price + 10 if rng.random() < 0.2 else None
        for position, name in enumerate(rng.choice(_VARIANTS), start=1):
            product.variants.append(
                Variant(
                    id=shop.next_id("variant", 41_000_000_000_000),
                    product=product,
                    title=name,
                    sku=f"P{place + 1:05d}-{position}",
                    price=price,
                    compare_at_price=reduced,
                    position=position,
                    inventory_quantity=rng.randint(0, 400),
                    grams=rng.randint(80, 2500),
                )
            )
        shop.products[number] = product
        made.append(product)
    return made


def add_collections(shop: Shop, count: int, goods: list[Product], start: float, end: float, rng: Random) -> None:
    """So many collections; each product lies in up to three of them."""
    made = []
    for place in range(count):
        number = shop.next_id("collection", 300_000_000_000)
        at = float(int(start + (end - start) * place / count))
        made.append(Collection(number, f"Collection {place + 1}", f"collection-{number}", at, at))
        shop.collections[number] = made[-1]
    if made:
        for product in goods:
            product.collections = rng.sample(made, min(len(made), rng.randint(0, 3)))

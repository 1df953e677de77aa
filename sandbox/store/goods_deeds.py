"""What staff do with the goods: products, prices, stock, collections."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sandbox.store import goods_payloads
from sandbox.store.deed import Deed, product_of
from sandbox.store.records import Collection, Product, Variant
from sandbox.store.shop import Unknown


def create_product(deed: Deed, title: str, price: str = "10.00", stock: int = 10) -> None:
    shop = deed.shop
    number = shop.next_id("product", 8_500_000_000_000)
    goods = Product(
        id=number,
        title=title,
        handle=f"goods-{number}",
        vendor="Northfield",
        product_type="Home",
        description=title,
        tags=[],
        image_url=f"{shop.base_url}/goods/goods-{number}.svg",
        created_at=deed.now,
        updated_at=deed.now,
    )
    goods.variants.append(
        Variant(
            id=shop.next_id("variant", 41_000_000_000_000),
            product=goods,
            title="Default Title",
            sku=f"SKU-{number}",
            price=Decimal(price),
            compare_at_price=None,
            position=1,
            inventory_quantity=stock,
            grams=100,
        )
    )
    shop.products[number] = goods
    deed.product("products/create", goods)


def change_product(
    deed: Deed,
    product: int,
    title: str | None = None,
    price: str | None = None,
    compare_at_price: str | None = None,
    status: str | None = None,
    collections: list[int] | None = None,
) -> None:
    """Change what is given; prices are those of all variants, an empty compare_at_price ends a reduction."""
    goods = product_of(deed.shop, product)
    goods.title = title or goods.title
    goods.status = status or goods.status
    for variant in goods.variants:
        if price is not None:
            variant.price = Decimal(price)
        if compare_at_price is not None:
            variant.compare_at_price = Decimal(compare_at_price) if compare_at_price else None
    if collections is not None:
        goods.collections = [_collection(deed, number) for number in collections]
    goods.updated_at = deed.now
    deed.product("products/update", goods)


def delete_product(deed: Deed, product: int) -> None:
    goods = product_of(deed.shop, product)
    del deed.shop.products[goods.id]
    deed.touched |= {"product_id": goods.id}
    deed.news.append(("products/delete", f"product/{goods.id}", {"id": goods.id}))


def set_stock(deed: Deed, product: int, available: int, variant: int = 1) -> None:
    """How many there are of a product's variant (by its place, from 1)."""
    goods = product_of(deed.shop, product)
    if not 1 <= variant <= len(goods.variants):
        raise Unknown(f"product {product} has no variant {variant}")
    one = goods.variants[variant - 1]
    before, one.inventory_quantity = one.inventory_quantity, int(available)
    goods.updated_at = deed.now
    place = f"product/{goods.id}"
    deed.news.append(("inventory_levels/update", place, goods_payloads.level(deed.shop, one)))
    if (before > 0) != (one.inventory_quantity > 0):
        topic = "variants/in_stock" if one.inventory_quantity > 0 else "variants/out_of_stock"
        deed.news.append((topic, place, goods_payloads.variant(deed.shop, one)))
    deed.product("products/update", goods)
    deed.touched |= {"variant_id": one.id}


def create_collection(deed: Deed, title: str, products: list[int] | None = None) -> None:
    number = deed.shop.next_id("collection", 300_000_000_000)
    made = Collection(number, title, title.lower().replace(" ", "-"), deed.now, deed.now)
    deed.shop.collections[number] = made
    for product in products or ():
        product_of(deed.shop, product).collections.append(made)
    _tell(deed, "collections/create", made)


def change_collection(deed: Deed, collection: int, title: str | None = None, products: list[int] | None = None) -> None:
    """Rename it, or say anew what is in it."""
    changed = _collection(deed, collection)
    changed.title = title or changed.title
    changed.updated_at = deed.now
    if products is not None:
        _empty(deed, changed)
        for product in products:
            product_of(deed.shop, product).collections.append(changed)
    _tell(deed, "collections/update", changed)


def delete_collection(deed: Deed, collection: int) -> None:
    gone = _collection(deed, collection)
    _empty(deed, gone)
    del deed.shop.collections[gone.id]
    deed.touched |= {"collection_id": gone.id}
    deed.news.append(("collections/delete", f"collection/{gone.id}", {"id": gone.id}))


def _collection(deed: Deed, collection: int) -> Collection:
    found = deed.shop.collections.get(int(collection))
    if found is None:
        raise Unknown(f"no collection {collection}")
    return found


def _empty(deed: Deed, collection: Collection) -> None:
    for goods in deed.shop.products.values():
        goods.collections = [one for one in goods.collections if one is not collection]


def _tell(deed: Deed, topic: str, collection: Collection) -> None:
    deed.touched |= {"collection_id": collection.id}
    deed.news.append((topic, f"collection/{collection.id}", goods_payloads.collection(deed.shop, collection)))


DEEDS: tuple[Callable[..., None], ...] = (
    create_product,
    change_product,
    delete_product,
    set_stock,
    create_collection,
    change_collection,
    delete_collection,
)

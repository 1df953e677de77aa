from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from sync import attributes
from sync.mapping import contact
from tests.engine.installation import ConnectedShop, Installation, installation
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import StoreProcess
from tests.sync.reruns.storefront import Storefront

# A flow on an order, so that an order that starts one is seen at the provider.
THANKS = "flow: thanks\nname: thanks\ntrigger: {on: order_placed}\nreentry: always\nsteps: [{email: hello}]\n"
MESSAGE = "---\nsubject: Thank you\npurpose: transactional\n---\n<p>Thank you</p>\n"
SHOPS = count(1)


@pytest.fixture(scope="package")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    shops = [{"domain": f"rerun-{number}.myshopify.com"} for number in range(1, 41)]
    with StoreProcess(tmp_path_factory.mktemp("store"), {"shops": shops}) as process:
        yield process


@pytest.fixture
def store(process: StoreProcess) -> Storefront:
    """A shop of which no other test has seen anything."""
    return Storefront(process, f"rerun-{next(SHOPS)}.myshopify.com")


@pytest.fixture
def product(
    database_url: str,
    redis_url: str,
    tmp_path: Path,
    provider: Provider,
    process: StoreProcess,
) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path, provider, process) as made:
        yield made


@pytest.fixture
def shop(product: Installation, store: Storefront) -> ConnectedShop:
    """All flows are active, and the account shows what starts an automation."""
    shop = product.connect(store.domain)
    shop.publish(THANKS, hello=MESSAGE)
    attributes.ensure(shop.deps.brevo(shop.shop), contact.attributes({}))
    shop.account.post("/ecommerce/activate")
    return shop

"""Changing keys: whoever is killed half-way begins again, and afterwards the old key is not needed."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from click.testing import CliRunner
from cryptography.fernet import Fernet
from sqlalchemy import Engine, Text, func, insert, select, text

from connector import resealing
from connector.cli.keys import keys
from connector.db.schema import metadata
from connector.db.session import create_engine, transaction
from connector.errors import ConfigurationError
from connector.models.shop import shops
from connector.secrets import Secrets
from connector.settings import Settings

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
KINDS = ("shopify_token", "shopify_refresh", "brevo_key")
PROGRAM = """
import sys
from connector import resealing
from connector.db.session import create_engine
from connector.secrets import Secrets
resealing.BATCH = 20
told = lambda progress: print(progress.sealed, flush=True)
resealing.reseal(create_engine(sys.argv[1], 1), Secrets(sys.argv[2:]), told)
"""


def fill(engine: Engine, count: int) -> None:
    before = Secrets([OLD])
    with transaction(engine) as connection:
        rows = [
            {
                "domain": f"s{n}.myshopify.com", "name": "S", "state": "active", "sender_email": "", "sender_name": "",
                "timezone": "UTC", "currency": "EUR", "salt": b"s", "settings": {}, "brevo_webhook_digest": "",
                "created_at": "2026-11-01T00:00:00Z",
            }
            for n in range(count)
        ]  # fmt: skip
        ids = connection.scalars(insert(shops).returning(shops.c.id), rows).all()
        for shop_id in ids:
            sealed = {kind: before.encrypt(shop_id, kind, secret(shop_id, kind)) for kind in KINDS}
            connection.execute(shops.update().where(shops.c.id == shop_id).values(**sealed))


def secret(shop_id: int, kind: str) -> str:
    return {"shopify_token": "shpat_", "shopify_refresh": "shprt_", "brevo_key": "xkeysib-"}[kind] + str(shop_id)


def opened(engine: Engine, *with_keys: str) -> int:
    """How many secrets these keys open, each for its own shop; raises when one is another's."""
    reader, found = Secrets(with_keys), 0
    with transaction(engine) as connection:
        for row in connection.execute(select(shops)).mappings():
            for kind in KINDS:
                try:
                    said = reader.decrypt(row["id"], kind, row[kind])
                except ConfigurationError:
                    continue
                assert said == secret(row["id"], kind)
                found += 1
    return found


def test_a_rotation_that_is_killed_goes_on_where_it_was(database_url: str) -> None:
    engine, count = create_engine(database_url), 120
    fill(engine, count)
    arguments = [sys.executable, "-c", PROGRAM, database_url, NEW, OLD]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    # After its second batch it dies, wherever it is by then.
    assert process.stdout.readline() and process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()
    half = opened(engine, NEW)
    assert 0 < half < count * len(KINDS) and opened(engine, NEW, OLD) == count * len(KINDS)
    done = resealing.reseal(engine, Secrets([NEW, OLD]))
    assert (done.already, done.sealed) == (half, count * len(KINDS) - half)
    assert opened(engine, NEW) == count * len(KINDS) and opened(engine, OLD) == 0
    again = resealing.reseal(engine, Secrets([NEW]))
    assert (again.already, again.sealed, again.unreadable) == (count * len(KINDS), 0, [])
    engine.dispose()


def test_the_command_says_what_no_key_opens(database_url: str) -> None:
    engine = create_engine(database_url)
    fill(engine, 2)

    def rotate(*with_keys: str) -> Any:
        settings = Settings(environment="development", database_url=database_url, secret_keys=with_keys)
        return CliRunner().invoke(keys, ["rotate"], obj=settings)

    lost = rotate(NEW)
    assert lost.exit_code == 1 and "shops.brevo_key of 1" in lost.output and "keep the old keys" in lost.output
    done = rotate(NEW, OLD)
    assert done.exit_code == 0 and "6 sealed again" in done.output
    engine.dispose()


def test_nothing_that_is_sealed_is_forgotten() -> None:
    """By name: what holds a token, a secret or a key of somebody else's is among what is sealed again."""
    said = {(table.name, column) for table, columns in resealing.SEALED.items() for column in columns}
    looks = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Text)
        and any(part in column.name for part in ("token", "secret", "refresh", "brevo_key", "sealed"))
    }
    # Names of carts, checkouts and wake-ups that open nothing of ours, and two words.
    words = {("shops", "token_kind"), ("shops", "token_trouble"), ("timers", "token")}
    carts = {(table, name) for table, name in looks if table in ("carts", "checkouts", "orders")}
    assert looks - said == words | carts


def test_a_dump_shows_no_credentials(database_url: str) -> None:
    engine = create_engine(database_url)
    fill(engine, 3)
    with transaction(engine) as connection:
        dump = connection.scalar(select(func.string_agg(text("shops::text"), text("E'\\n'"))).select_from(shops))
    assert "s1.myshopify.com" in dump
    for mark in ("shpat_", "shprt", "xkeysib-"):
        assert mark not in dump
    # The control: what is not sealed is seen by such a look.
    with transaction(engine) as connection:
        connection.execute(shops.update().values(name="shpat_1"))
        assert "shpat_" in connection.scalar(text("SELECT string_agg(shops::text, '') FROM shops"))
    engine.dispose()

"""The customers of a shop's past, with consent, phones, tags and metafields where people have them."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from sandbox.store.records import Address, Consent, Customer, Metafield
from sandbox.store.shop import Shop

_FIRST = ("Ada", "Zoë", "Robin", "Łukasz", "Mehmet", "Ines", "José", "Mia", "Noor", "Søren", "Yuki", "Anna-Lena")
_LAST = ("Martin", "Nguyen", "O'Hara", "Müller", "da Silva", "Kowalski", "Öztürk", "Smith", "Ivanova", "García")
_LOCALES = ("fr", "en", "de", "es")
# City, zip, country, code, province, its code.
_PLACES = (
    ("Lyon", "69002", "France", "FR", None, None),
    ("Köln", "50667", "Germany", "DE", None, None),
    ("Leeds", "LS1 4AP", "United Kingdom", "GB", None, None),
    ("Springfield", "62701", "United States", "US", "Illinois", "IL"),
    ("Zürich", "8001", "Switzerland", "CH", None, None),
)
_TAGS = (["vip"], ["wholesale", "b2b"], ["newsletter"], ["vip", "friend of the house"])
# State and level of email consent, and how many of a hundred people have it; the states of SMS and WhatsApp.
_EMAIL: Mapping[tuple[str, str | None], int] = {
    ("subscribed", "single_opt_in"): 35,
    ("subscribed", "confirmed_opt_in"): 12,
    ("unsubscribed", "single_opt_in"): 8,
    ("pending", "confirmed_opt_in"): 2,
    ("not_subscribed", None): 43,
}
_PHONE: Mapping[str, int] = {"subscribed": 40, "unsubscribed": 8, "not_subscribed": 52}
_NOBODY_ASKED = Consent()


def add_customers(shop: Shop, count: int, start: float, end: float, rng: Random) -> list[Customer]:
    """So many customers who signed up between start and end, the earliest first. Every address is another one."""
    name = shop.domain.partition(".")[0]
    given = rng.choices([*_EMAIL], [*_EMAIL.values()], k=count)
    made = []
    for place in range(count):
        at = float(int(start + (end - start) * (place + rng.random()) / count))
        phone = f"+336{shop.next_id('phone', 0) + shop.number * 1_000_000:08d}" if rng.random() < 0.35 else None
        without_email = phone is not None and rng.random() < 0.06
        # Some write their address with capitals, which nobody may take for another one.
        written, nth = "Past" if place % 50 == 7 else "past", shop.next_id("customer of the past", 0)
        email = None if without_email else f"{written}-{nth}@{name}.example"
        person = Customer(
            id=shop.next_id("customer", 7_000_000_000_000),
            email=email,
            first_name=rng.choice(_FIRST) if rng.random() < 0.95 else None,
            last_name=rng.choice(_LAST) if rng.random() < 0.95 else None,
            locale=rng.choice(_LOCALES),
            created_at=at,
            updated_at=at,
            phone=phone,
            note="Prefers to be called in the afternoon" if rng.random() < 0.02 else None,
            tags=rng.choice(_TAGS) if rng.random() < 0.2 else [],
        )
        state, level = given[place]
        person.consent = Consent(state, level, at) if email and state != "not_subscribed" else _NOBODY_ASKED
        person.sms_consent = _by_phone(phone, at, rng)
        person.whatsapp_consent = _by_phone(phone, at, rng) if rng.random() < 0.3 else _NOBODY_ASKED
        if rng.random() < 0.7:
            person.address = _address(shop, person, rng)
        if rng.random() < 0.1:
            born = f"{rng.randint(1950, 2005)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
            number = shop.next_id("metafield", 30_000_000_000_000)
            person.metafields = [Metafield(number, "facts", "birth_date", "date", born)]
        shop.customers[person.id] = person
        made.append(person)
    return made


def _by_phone(phone: str | None, at: float, rng: Random) -> Consent:
    state = rng.choices([*_PHONE], [*_PHONE.values()])[0]
    return _NOBODY_ASKED if phone is None or state == "not_subscribed" else Consent(state, "single_opt_in", at)


def _address(shop: Shop, person: Customer, rng: Random) -> Address:
    city, code, country, country_code, province, province_code = rng.choice(_PLACES)
    place = shop.next_id("address", 0)
    return Address(
        id=shop.id_of(9_000_000_000_000, place),
        first_name=person.first_name or "",
        last_name=person.last_name or "",
        address1=f"{place % 180 + 1} Harbour Street",
        city=city,
        zip=code,
        country=country,
        country_code=country_code,
        province=province,
        province_code=province_code,
        phone=person.phone,
    )

"""What happens to customers: they sign up, change, agree and disagree, are tagged, merged and deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sandbox.store import customer_payloads, merging
from sandbox.store.consent import CHANNELS, STATES, consent_of, give_consent
from sandbox.store.deed import Deed, customer_of
from sandbox.store.records import Customer, Metafield, Segment
from sandbox.store.shop import Unknown


def create_customer(
    deed: Deed,
    email: str | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
    accepts_marketing: bool = False,
    opt_in_level: str = "single_opt_in",
    locale: str | None = None,
    phone: str | None = None,
    tags: Iterable[str] = (),
) -> None:
    """With an address, a phone, or both."""
    if email is None and phone is None:
        raise ValueError("email or phone is needed")
    if email is not None and deed.shop.customer_by_email(email):
        raise ValueError(f"{email} is taken")
    person = deed.shop.sign_up(deed.now, email, first_name, last_name, locale)
    person.phone, person.tags = phone, list(tags)
    deed.customer("customers/create", person)
    if accepts_marketing:
        agree(deed, person, "email", "subscribed", opt_in_level)


def change_customer(
    deed: Deed,
    email: str | None = None,
    customer: int | None = None,
    new_email: str | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
    phone: str | None = None,
    locale: str | None = None,
    note: str | None = None,
) -> None:
    """Change what is given, of the customer with this email or id. Consent stays with the customer."""
    person = customer_of(deed.shop, email, customer)
    if new_email is not None and deed.shop.customer_by_email(new_email) not in (None, person):
        raise ValueError(f"{new_email} is taken")
    person.email = new_email or person.email
    person.first_name, person.last_name = first_name or person.first_name, last_name or person.last_name
    person.phone, person.locale, person.note = phone or person.phone, locale or person.locale, note or person.note
    person.updated_at = deed.now
    deed.customer("customers/update", person)


def set_metafield(
    deed: Deed,
    namespace: str,
    key: str,
    type: str,
    value: str | None,
    email: str | None = None,
    customer: int | None = None,
) -> None:
    """Give a customer's metafield this value, written as the platform writes values of its type; None removes it."""
    person = customer_of(deed.shop, email, customer)
    person.metafields = [one for one in person.metafields if (one.namespace, one.key) != (namespace, key)]
    if value is not None:
        number = deed.shop.next_id("metafield", 30_000_000_000_000)
        person.metafields.append(Metafield(number, namespace, key, type, value))
    person.updated_at = deed.now
    deed.customer("customers/update", person)


def set_consent(
    deed: Deed,
    email: str | None = None,
    state: str = "subscribed",
    opt_in_level: str | None = None,
    channel: str = "email",
    customer: int | None = None,
    at: float | None = None,
) -> None:
    """By a shopper or by staff; `at` (unix, business) when it was given, else now. Told even when nothing changed."""
    person = customer_of(deed.shop, email, customer)
    if state not in STATES:
        raise ValueError(f"unknown consent state {state!r}, one of {', '.join(STATES)}")
    if channel in CHANNELS[1:] and person.phone is None:
        raise ValueError(f"a phone is needed for {channel}")
    agree(deed, person, channel, state, opt_in_level, at)
    deed.customer("customers/update", person)


def add_tags(deed: Deed, tags: list[str], email: str | None = None, customer: int | None = None) -> None:
    tag(deed, customer_of(deed.shop, email, customer), tags)


def remove_tags(deed: Deed, tags: list[str], email: str | None = None, customer: int | None = None) -> None:
    untag(deed, customer_of(deed.shop, email, customer), tags)


def merge_customers(deed: Deed, one: int, two: int, keep: int | None = None, fails: bool = False) -> None:
    """Staff merge two customers, by id; who stays is decided as by the API unless `keep` says so. `fails`: the platform
    tells that the merge did not come about, and nothing changes."""
    first, second = (merging.customer_by_number(deed.shop, number) for number in (one, two))
    if fails:
        body = customer_payloads.merge_failed(first, second)
        deed.news.append(("customers/merge", f"customer/{first.id}", body))
        return
    if keep not in (None, one, two):
        raise ValueError("keep is one of both")
    unite(deed, first, second, merging.customer_by_number(deed.shop, keep) if keep else None)


def delete_customer(deed: Deed, email: str | None = None, customer: int | None = None) -> None:
    person = customer_of(deed.shop, email, customer)
    merging.delete(deed.shop, person)
    deed.touched |= {"customer_id": person.id}
    deed.news.append(("customers/delete", f"customer/{person.id}", customer_payloads.deleted(person)))


def create_segment(deed: Deed, name: str, query: str = "number_of_orders >= 0") -> None:
    """A segment whose members are whoever is put into it: the store does not work out its query."""
    segment = Segment(deed.shop.next_id("segment", 800_000_000), name, query, deed.now, deed.now)
    deed.shop.segments[segment.id] = segment
    deed.touched |= {"segment_id": segment.id}


def join_segment(deed: Deed, segment: int, email: str | None = None, customer: int | None = None) -> None:
    found, person = _membership(deed, segment, email, customer)
    if person.id not in found.members:
        found.members.add(person.id)
        _moved(deed, "customer.joined_segment", found, person)


def leave_segment(deed: Deed, segment: int, email: str | None = None, customer: int | None = None) -> None:
    found, person = _membership(deed, segment, email, customer)
    if person.id in found.members:
        found.members.discard(person.id)
        _moved(deed, "customer.left_segment", found, person)


# Shared with the Admin API's mutations


def agree(
    deed: Deed,
    person: Customer,
    channel: str,
    state: str,
    level: str | None,
    at: float | None = None,
    origin: str = "shopper",
) -> bool:
    """Record consent and tell of it: a shopper's always, the API's when it changed something."""
    before = consent_of(person, channel)
    changed = give_consent(deed.now, person, channel, state, level, at)
    if changed or origin != "api":
        deed.consent(person, channel, before if changed else None, origin)
    return changed


def tag(deed: Deed, person: Customer, tags: list[str]) -> None:
    added = [one for one in dict.fromkeys(tags) if one not in person.tags]
    person.tags = [*person.tags, *added]
    _tagged(deed, person, "customer.tags_added", added)


def untag(deed: Deed, person: Customer, tags: list[str]) -> None:
    removed = [one for one in person.tags if one in tags]
    person.tags = [one for one in person.tags if one not in tags]
    _tagged(deed, person, "customer.tags_removed", removed)


def unite(deed: Deed, one: Customer, two: Customer, keep: Customer | None, job_id: str | None = None) -> Customer:
    """Merge, tell of it, and return who stays. Raises ValueError."""
    orders = {person.id: len(person.orders) for person in (one, two)}
    gone = merging.merge(deed.shop, deed.now, one, two, keep)
    kept = two if gone is one else one
    deed.news.append(("customers/merge", f"customer/{kept.id}", customer_payloads.merged(kept, gone, job_id)))
    deed.customer("customers/update", kept)
    if orders[gone.id]:
        deed.purchases(kept)
    deed.touched |= {"customer_id": kept.id, "deleted_customer_id": gone.id}
    return kept


def _tagged(deed: Deed, person: Customer, topic: str, changed: list[str]) -> None:
    if changed:
        person.updated_at = deed.now
        deed.news.append((topic, f"customer/{person.id}", customer_payloads.tags(person, changed, deed.now)))
        deed.customer("customers/update", person)


def _membership(deed: Deed, segment: int, email: str | None, customer: int | None) -> tuple[Segment, Customer]:
    found = deed.shop.segments.get(int(segment))
    if found is None:
        raise Unknown(f"no segment {segment}")
    return found, customer_of(deed.shop, email, customer)


def _moved(deed: Deed, topic: str, segment: Segment, person: Customer) -> None:
    deed.touched |= {"customer_id": person.id, "segment_id": segment.id}
    body = customer_payloads.membership(deed.shop, person, segment)
    deed.news.append((topic, f"customer/{person.id}", body))


DEEDS: tuple[Callable[..., None], ...] = (
    create_customer,
    change_customer,
    set_metafield,
    set_consent,
    add_tags,
    remove_tags,
    merge_customers,
    delete_customer,
    create_segment,
    join_segment,
    leave_segment,
)

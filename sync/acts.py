"""What flows have changed in the records kept here, as ``flows.actions.records`` asks for it: tags, points and tier,
attributes and lists at Brevo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import orjson
from redis.exceptions import RedisError

from connector.attribute_values import Dropped, converted
from connector.brevo.client import BrevoAccount
from connector.deps import Deps
from connector.scope import Scope
from connector.shops import Shop
from sync import attributes, lists, people
from sync.loyalty.programme import award, move, place, unready
from sync.mapping import contact as mapping

__all__ = ["award", "fill", "list_id", "move", "own_lists", "place", "retag", "unready"]

# Machine seconds for which it is believed what Brevo has said of its lists and attributes: every contact asks.
_BELIEVED_SECONDS = 600

Answer = TypeVar("Answer")


def retag(scope: Scope, person_id: int, added: Sequence[str], removed: Sequence[str]) -> None:
    """The store has given the customer these tags and taken these away. It tells the event itself, and is believed when
    it says something else."""
    held = people.held_profile(scope, person_id)["tags"]
    gone, there = {tag.casefold() for tag in removed}, {tag.casefold() for tag in held}
    kept = [tag for tag in held if tag.casefold() not in gone]
    new = [tag for tag in added if tag.casefold() not in there]
    people.update_profile(scope, person_id, {"tags": [*kept, *new]})


def own_lists(shop: Shop) -> frozenset[int]:
    """The lists on which people are by their consent, and the one that imports need."""
    named = frozenset(shop.settings["lists"].values())
    return named if shop.settings["contact_list"] is None else named | {shop.settings["contact_list"]}


def list_id(deps: Deps, shop: Shop, account: BrevoAccount, named: str | int, make: bool) -> int | None:
    """The number of the list of this name, made where ``make``; None when there is none. Raises ProviderError."""
    if isinstance(named, int):
        return named
    name = f"lists:{account.identity}:{named}"
    return _believed(deps, name, lambda: lists.find(account, named, make=make))


def fill(
    deps: Deps, shop: Shop, account: BrevoAccount, values: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Values as attributes of a contact, which are made at Brevo where they are missing: {name: value} as it is sent,
    and {name: why not} of the others. Raises ProviderError."""
    taken = {one.name for one in mapping.of_shop(shop)}
    named = {shop.attribute_prefix + name: value for name, value in values.items()}
    mapped = {name: "the mapping fills it" for name in named if name in taken}
    wanted = {name: value for name, value in named.items() if name not in mapped}
    known = _believed(deps, f"attributes:{account.identity}", lambda: attributes.told(account)) if wanted else {}
    if wanted.keys() - known.keys():
        known = attributes.create(account, {name: _kind(value) for name, value in wanted.items() if name not in known})
        _forget(deps, f"attributes:{account.identity}")
    fitted = {name: _fitted(value, known.get(name)) for name, value in wanted.items()}
    left_out = {name: value.reason for name, value in fitted.items() if isinstance(value, Dropped)}
    return {name: value for name, value in fitted.items() if name not in left_out}, mapped | left_out


def _kind(value: Any) -> str:
    """The type of a new attribute that is to hold such a value. A number in a text may be a postcode."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "float"
    return "text" if isinstance(converted(value, "date"), Dropped) else "date"


def _fitted(value: Any, there: Mapping[str, Any] | None) -> Any:
    if there is None:
        return Dropped("Brevo does not let it be written")
    return converted(value, there["type"], options=there["options"])


def _believed(deps: Deps, name: str, ask: Callable[[], Answer]) -> Answer:
    """What was answered lately, else what is answered now. An answer that there is nothing is not kept."""
    try:
        if (known := deps.redis.get(f"brevo:{name}")) is not None:
            return orjson.loads(known)  # type: ignore[no-any-return]
    except RedisError:
        return ask()
    answer = ask()
    if answer:
        try:
            deps.redis.set(f"brevo:{name}", orjson.dumps(answer), ex=_BELIEVED_SECONDS)
        except RedisError:
            return answer
    return answer


def _forget(deps: Deps, name: str) -> None:
    try:
        deps.redis.delete(f"brevo:{name}")
    except RedisError:
        # It ends by itself.
        return

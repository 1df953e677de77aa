"""No argument of any call can lead to another address: every method of every family, with what identifiers may hold."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any, get_type_hints
from urllib.parse import quote, unquote, urlsplit

import httpx
import pytest

from connector.brevo.calls import Calls
from connector.brevo.client import BrevoAccount
from connector.brevo.verdicts import Kind
from connector.errors import ProviderError, Refused
from tests.adapters.accounts import account_for

PLAIN = "plain-argument"
HOSTILE = (
    "gid://shopify/Customer/1", "a/b", "a?b=c", "../senders", "..%2Fsenders", "%2e%2e", "a#b", "a b", "ünï@x.test",
    "+49 151", "a;b", "a&b=c", "\\..\\senders", "a\r\nb", "名",
)  # fmt: skip
NOTHING = ("", ".", "..", "\ud800")
# Arguments that are one of ours, by which a call is chosen.
CHOICES = {"channel": "email"}
# What the SDK's signatures want of a body, whatever the call.
BODY: dict[str, Any] = {
    "email": "p@x.test", "id": "1", "name": "n", "url": "https://c.test", "event_name": "n",
    "recipient": "33612345678", "sender": "Shop",
    "identifiers": {"email_id": "p@x.test"},
}  # fmt: skip


def families() -> list[type]:
    return [family for family in BrevoAccount.__mro__ if issubclass(family, Calls) and family is not BrevoAccount]


def methods(account: BrevoAccount) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The calls of all families, without what only speaks with the limiter."""
    for family in families():
        if family is not Calls:
            for name in vars(family):
                if not name.startswith("_"):
                    yield name, getattr(account, name)


def arguments(method: Callable[..., Any], text: str) -> dict[str, Any]:
    """``text`` for each argument that is one, and something fitting for the others."""
    hints = get_type_hints(method)
    given: dict[str, Any] = {}
    for name, parameter in inspect.signature(method).parameters.items():
        hint = str(hints.get(name, ""))
        if name in CHOICES:
            given[name] = CHOICES[name]
        elif hints.get(name) is str:
            given[name] = text
        elif parameter.default is not inspect.Parameter.empty:
            continue
        elif "Sequence" in hint or "list[" in hint or "Collection" in hint:
            given[name] = [dict(BODY)] if "Mapping" in hint or "dict" in hint else []
        elif "Mapping" in hint or "dict" in hint:
            given[name] = dict(BODY)
        elif hints.get(name) in (date, datetime):
            given[name] = hints[name](2026, 11, 22)
        elif "int" in hint or "float" in hint:
            given[name] = 7
        elif "str" in hint:
            given[name] = text
        else:
            given[name] = None
    return given


def asked(name: str, text: str, account_class: type[BrevoAccount] | None = None) -> list[str]:
    """The addresses that a call with this text asks for, as they go over the wire."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.decode())
        return httpx.Response(200, json={})

    account = account_for(answer)
    if account_class is not None:
        account.__class__ = account_class
    method = getattr(account, name)
    try:
        method(**arguments(method, text))
    except (ProviderError, LookupError):
        # The empty answer is not what the call wants: only its address is looked at.
        pass
    return seen


def path_of(address: str) -> str:
    return urlsplit(address).path


def strays(name: str, account_class: type[BrevoAccount] | None = None) -> list[str]:
    """The texts with which a call asks for another address than the one that names the text."""
    with_plain = [path_of(one) for one in asked(name, PLAIN, account_class)]
    wrong = []
    for text in HOSTILE:
        wanted = [path.replace(PLAIN, quote(text, safe="")) for path in with_plain]
        if [path_of(one) for one in asked(name, text, account_class)] != wanted:
            wrong.append(text)
    return wrong


def named(name: str) -> bool:
    return any(PLAIN in path_of(one) for one in asked(name, PLAIN))


NAMES = [name for name, _ in methods(account_for(lambda _: httpx.Response(200, json={})))]
IN_PATHS = [name for name in NAMES if named(name)]


def test_the_walk_finds_the_calls() -> None:
    assert len(NAMES) > 20
    assert {"get_contact", "update_contact", "delete_contact", "create_attribute", "get_product"} <= set(IN_PATHS)
    # Each asks for something, so that the comparison is of more than two empty lists.
    silent = [name for name in NAMES if not asked(name, PLAIN)]
    assert [name for name in silent if name not in ("learn_day",)] == []


@pytest.mark.parametrize("name", NAMES)
def test_arguments_stay_in_their_place(name: str) -> None:
    assert strays(name) == []


@pytest.mark.parametrize("name", IN_PATHS)
def test_what_names_nothing_is_refused_before_anything_leaves(name: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    method = getattr(account_for(answer), name)
    for text in NOTHING:
        with pytest.raises(Refused, match="nothing that Brevo could be asked about"):
            method(**arguments(method, text))


class Careless(BrevoAccount):
    """The broken control: puts the argument into the address as it is."""

    def get_contact(self, identifier: str, identifier_type: str = "email_id") -> Any:
        def get(*, request_options: Any) -> Any:
            return self._sdk.contacts.get_contact_info(identifier, request_options=request_options)

        return self._call(get, Kind.READ, "contacts")


def test_control_without_quoting_they_do_not() -> None:
    assert {"a/b", "a?b=c", "../senders"} <= set(strays("get_contact", Careless))


def test_quoting_twice_is_found_as_well() -> None:
    class Twice(BrevoAccount):
        def get_contact(self, identifier: str, identifier_type: str = "email_id") -> Any:
            return super().get_contact(quote(identifier, safe=""), identifier_type)

    assert "a/b" in strays("get_contact", Twice)


def test_what_is_encoded_is_what_was_meant() -> None:
    for text in HOSTILE:
        (address,) = asked("get_contact", text)
        head, _, last = path_of(address).rpartition("/")
        assert (head, unquote(last)) == ("/v3/contacts", text)

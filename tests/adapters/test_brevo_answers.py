"""Every answer that Brevo documents, and those that an edge gives for it, through the real SDK over HTTP: its verdict,
how often it was asked, and the words that staff read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from connector.brevo.client import BrevoAccount
from connector.brevo.credentials import ApiKey
from connector.errors import (
    ActionNeeded,
    AlreadyAccepted,
    AlreadySo,
    CredentialRefused,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Refused,
    Retry,
)
from connector.http import Http
from connector.settings import Settings
from tests.adapters.accounts import Unlimited
from tests.adapters.answering import Answering, answering

CALLS: dict[str, Callable[[BrevoAccount], Any]] = {
    "read": lambda account: account.senders(),
    "same": lambda account: account.upsert_contact({"email": "p@x.test"}),
    "once": lambda account: account.create_event({"event_name": "n", "identifiers": {"email_id": "p@x.test"}}),
}
UNKNOWN_IP = (
    "We have detected you are using an unrecognised IP address 192.0.2.7. Add it at https://app.brevo.com/security"
)


def said(code: str, message: str = "m") -> bytes:
    return orjson.dumps({"code": code, "message": message})


# Status, body, the verdict of a read, of an upsert and of a call that may not be made twice; how many requests; words.
TABLE: list[tuple[int, bytes, type[ProviderError], type[ProviderError], type[ProviderError], int, str]] = [
    *(
        (400, said(code), Refused, Refused, Refused, 1, "")
        for code in ("invalid_parameter", "missing_parameter", "out_of_range", "bad_request", "campaign_sent")
    ),
    (400, said("duplicate_parameter"), Refused, Refused, AlreadyAccepted, 1, ""),
    (400, said("account_in_process"), Retry, Retry, Retry, 1, ""),
    (400, said("campaign_processing"), Retry, Retry, Retry, 1, ""),
    (400, said("invalid_parameter", "Contact already removed from list"), Refused, AlreadySo, Refused, 1, ""),
    (400, said("invalid_parameter", "Contact already in list and/or does not exist"), *(Refused,) * 3, 1, "not exist"),
    (400, said("invalid_parameter", "Id 7 already exists, set updateEnabled"), *(Refused,) * 3, 1, "updateEnabled"),
    (400, said("invalid_parameter", "Attribute name must be unique"), Refused, AlreadySo, Refused, 1, ""),
    (400, b"", Refused, Refused, Refused, 1, "no readable message"),
    (400, b'{"code": "invalid_par', Refused, Refused, Refused, 1, "no readable message"),
    (400, b"[1, 2]", Refused, Refused, Refused, 1, "no readable message"),
    (401, said("unauthorized", "Key not found"), *(CredentialRefused,) * 3, 2, "check the API key"),
    (
        401,
        said("unauthorized", "authentication not found in headers"),
        *(CredentialRefused,) * 3,
        2,
        "check the API key",
    ),
    (401, said("unauthorized", "client id missing"), *(CredentialRefused,) * 3, 2, "check the API key"),
    (401, b"", *(CredentialRefused,) * 3, 2, "check the API key"),
    (401, said("unauthorized", UNKNOWN_IP), *(ActionNeeded,) * 3, 1, f"Security, Authorised IPs: {UNKNOWN_IP}"),
    (402, said("not_enough_credits"), *(ActionNeeded,) * 3, 1, "buy credits"),
    (402, b"", *(ActionNeeded,) * 3, 1, "buy credits"),
    (
        403,
        said("permission_denied", 'Access denied for resource "account"'),
        *(ActionNeeded,) * 3,
        1,
        "give the API key",
    ),
    (403, said("account_under_validation"), *(ActionNeeded,) * 3, 1, "reviewing the account"),
    (403, said("permission_denied", "eCommerce is not activated"), *(ActionNeeded,) * 3, 1, "activate e-commerce"),
    (403, said("CONSENT_GROUP_NOT_ENABLED"), *(ActionNeeded,) * 3, 1, "switch them on"),
    (403, b"<html>", *(ActionNeeded,) * 3, 1, "may not do this"),
    (404, said("document_not_found"), *(Refused,) * 3, 1, ""),
    (405, said("method_not_allowed"), *(Refused,) * 3, 1, "BREVO_BASE_URL"),
    (406, said("not_acceptable"), *(Refused,) * 3, 1, ""),
    (408, b"", *(Retry,) * 3, 1, ""),
    (409, said("duplicate_request"), Refused, Refused, AlreadyAccepted, 1, ""),
    (413, b"<html>", *(Refused,) * 3, 1, ""),
    (422, said("unprocessable_entity"), *(Refused,) * 3, 1, ""),
    (425, said("too_early"), *(Retry,) * 3, 1, ""),
    (429, said("too_many_requests"), *(RateLimited,) * 3, 1, ""),
    (429, b"<html>", *(RateLimited,) * 3, 1, ""),
    *((status, said("internal"), Retry, Retry, OutcomeUnknown, 1, "") for status in (500, 501, 502, 503, 504, 520)),
    (502, b"<html>bad gateway", Retry, Retry, OutcomeUnknown, 1, "no readable message"),
    (503, b"", Retry, Retry, OutcomeUnknown, 1, ""),
    (301, b"", *(ActionNeeded,) * 3, 1, "BREVO_BASE_URL"),
    (200, b"<html>please wait", Retry, Retry, OutcomeUnknown, 1, "could not be read"),
    (200, b'{"senders": [', Retry, Retry, OutcomeUnknown, 1, "could not be read"),
    (200, b"[" * 200_000, Retry, Retry, OutcomeUnknown, 1, "could not be read"),
    (200, b'{"a": "\xff"}', Retry, Retry, OutcomeUnknown, 1, "could not be read"),
]


@pytest.fixture(scope="module")
def brevo() -> Iterator[Answering]:
    with answering() as server:
        yield server


@pytest.fixture(scope="module")
def account(brevo: Answering) -> Iterator[BrevoAccount]:
    http = Http(provider_timeout=3.0)
    settings = Settings(environment="development", brevo_base_url=f"{brevo.url}/v3")
    yield BrevoAccount(1, ApiKey("key"), settings, http, Unlimited())  # type: ignore[arg-type]
    http.close()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} {row[1][:40].decode(errors='replace')}")
def test_the_table(brevo: Answering, account: BrevoAccount, row: Any) -> None:
    status, body, read, same, once, times, words = row
    for name, expected in (("read", read), ("same", same), ("once", once)):
        brevo.say(status, body)
        with pytest.raises(ProviderError) as raised:
            CALLS[name](account)
        error = raised.value
        assert type(error) is expected, f"{name}: {error!r}"
        assert (error.provider, error.status, len(brevo.paths)) == ("brevo", status, times), name
        assert words in str(error) and "html" not in str(error) and len(str(error)) < 500


def test_every_code_that_brevo_documents_is_in_the_table() -> None:
    told = {
        orjson.loads(body).get("code") for _, body, *_ in TABLE if body.startswith(b'{"code"') and body.endswith(b"}")
    }
    assert told >= {
        "invalid_parameter", "missing_parameter", "out_of_range", "bad_request", "duplicate_parameter",
        "campaign_processing", "campaign_sent", "account_in_process", "unauthorized", "not_enough_credits",
        "permission_denied", "account_under_validation", "document_not_found", "method_not_allowed", "not_acceptable",
        "duplicate_request", "unprocessable_entity",
    }  # fmt: skip


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b""])
def test_where_an_object_must_come_nothing_else_will_do(brevo: Answering, account: BrevoAccount, body: bytes) -> None:
    brevo.say(200, body)
    with pytest.raises(Retry, match="could not be read"):
        account.senders()
    with pytest.raises(OutcomeUnknown):
        account.send_email({"subject": "s"})


def test_half_an_answer_is_none(brevo: Answering, account: BrevoAccount) -> None:
    for call, expected in (("read", Retry), ("same", Retry), ("once", OutcomeUnknown)):
        brevo.say(200, b'{"senders": []}')
        brevo.short = 5
        with pytest.raises(expected):
            CALLS[call](account)
        assert len(brevo.paths) == 1


def test_a_stray_401_is_asked_once_more(
    brevo: Answering, account: BrevoAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    brevo.say(401, said("unauthorized", "client id missing"))
    first = account._ask

    def heals(*given: Any) -> Any:
        answer = first(*given)
        brevo.status, brevo.body = 200, b'{"senders": []}'
        return answer

    monkeypatch.setattr(account, "_ask", heals)
    assert account.senders() == [] and len(brevo.paths) == 2


def test_the_moment_of_a_limit_is_brevos_own(brevo: Answering, account: BrevoAccount) -> None:
    brevo.say(429, said("x"), x_sib_ratelimit_reset="17", retry_after="55")
    with pytest.raises(RateLimited) as raised:
        account.senders()
    assert raised.value.after == 17.0


# --- connections


def calls_by_threads(accounts: list[BrevoAccount]) -> None:
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda account: [account.senders() for _ in range(20)], accounts))


def test_sixteen_threads_share_the_connections_of_the_process(brevo: Answering) -> None:
    http = Http(provider_timeout=5.0)
    settings = Settings(environment="development", brevo_base_url=f"{brevo.url}/v3")
    accounts = [BrevoAccount(n, ApiKey(f"key-{n}"), settings, http, Unlimited()) for n in range(16)]  # type: ignore[arg-type]
    brevo.say(200, b'{"senders": []}')
    before = brevo.connections
    calls_by_threads(accounts)
    assert len(brevo.paths) == 320 and 1 <= brevo.connections - before <= 16
    before = brevo.connections
    calls_by_threads(accounts)
    # Hardly a new one: an idle connection is closed after some seconds, which a busy machine may take.
    assert brevo.connections - before <= 16
    http.close()


def test_control_a_client_of_its_own_costs_each_call_a_connection(brevo: Answering) -> None:
    settings = Settings(environment="development", brevo_base_url=f"{brevo.url}/v3")
    brevo.say(200, b'{"senders": []}')
    before = brevo.connections
    for _ in range(5):
        http = Http(provider_timeout=5.0)
        BrevoAccount(1, ApiKey("key"), settings, http, Unlimited()).senders()  # type: ignore[arg-type]
        http.close()
    assert brevo.connections - before == 5

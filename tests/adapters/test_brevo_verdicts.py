from __future__ import annotations

from typing import Any

import pytest

from connector.brevo.headers import reset_seconds
from connector.brevo.verdicts import Kind, clashing_identifier, verdict
from connector.errors import (
    ActionNeeded,
    AlreadyAccepted,
    CredentialRefused,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Refused,
    Retry,
)

READ, SAME, ONCE = Kind.READ, Kind.IDEMPOTENT, Kind.ONCE
ALL = (READ, SAME, ONCE)


def said(code: str, message: str = "m") -> dict[str, str]:
    return {"code": code, "message": message}


@pytest.mark.parametrize(
    ("status", "body", "kinds", "expected"),
    [
        (200, "<html>", (READ, SAME), Retry),
        (200, "<html>", (ONCE,), OutcomeUnknown),
        (201, None, (ONCE,), OutcomeUnknown),
        (408, said("timeout"), ALL, Retry),
        (425, said("too_early"), ALL, Retry),
        (429, said("anything"), ALL, RateLimited),
        (429, "<html>", ALL, RateLimited),
        (500, said("internal"), (READ, SAME), Retry),
        (502, "<html>bad gateway", (READ, SAME), Retry),
        (500, said("internal"), (ONCE,), OutcomeUnknown),
        (503, None, (ONCE,), OutcomeUnknown),
        (504, "", (ONCE,), OutcomeUnknown),
        (401, said("unauthorized", "Key not found"), ALL, CredentialRefused),
        (402, said("not_enough_credits"), ALL, ActionNeeded),
        (403, said("permission_denied"), ALL, ActionNeeded),
        (301, None, ALL, ActionNeeded),
        (400, said("duplicate_parameter"), (ONCE,), AlreadyAccepted),
        (409, said("duplicate_request"), (ONCE,), AlreadyAccepted),
        (400, said("duplicate_parameter"), (READ, SAME), Refused),
        (400, said("invalid_parameter"), ALL, Refused),
        (404, said("document_not_found"), ALL, Refused),
        (405, said("method_not_allowed"), ALL, Refused),
        (406, said("not_acceptable"), ALL, Refused),
        (413, "<html>", ALL, Refused),
        (422, said("unprocessable_entity"), ALL, Refused),
    ],
)
def test_the_table(status: int, body: Any, kinds: tuple[Kind, ...], expected: type[ProviderError]) -> None:
    for kind in kinds:
        error = verdict(status, body, {}, kind)
        assert type(error) is expected
        assert error.status == status


def test_a_message_of_brevo_reaches_the_reader_and_html_does_not() -> None:
    text = "We have detected you are using an unrecognised IP address 1.2.3.4"
    assert text in str(verdict(401, said("unauthorized", text), {}, READ))
    page = verdict(502, "<html>" + "x" * 5000, {}, READ)
    assert "html" not in str(page) and len(str(page)) < 200


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("99999", 3600.0), ("soon", 0.0), (None, 0.0)]
)
def test_the_rest_of_the_window_is_read_from_brevos_own_header(header: str | None, seconds: float) -> None:
    headers = {} if header is None else {"x-sib-ratelimit-reset": header}
    assert reset_seconds(headers) == seconds
    # A Retry-After would be somebody else's: Brevo sends none.
    limited = verdict(429, None, {**headers, "retry-after": "55"}, ONCE)
    assert isinstance(limited, RateLimited) and limited.after == seconds


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Unable to update contact, SMS is already associated with another Contact", "SMS"),
        ("Unable to create contact, email is already associated with another Contact", "EMAIL"),
        ("Unable to update contact, ext_id is already associated with another Contact", "EXT_ID"),
        ("WHATSAPP is already associated with another Contact", "WHATSAPP"),
        ("Invalid email address", None),
        ("SMS is not valid", None),
    ],
)
def test_the_clashing_identifier_is_read_from_the_message(message: str, name: str | None) -> None:
    assert clashing_identifier(Refused("brevo", message)) == name

"""The account client against scripted answers, and against real sockets where the count of requests matters."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import httpx
import pytest

from connector.brevo.client import BrevoAccount
from connector.brevo.credentials import ApiKey
from connector.errors import (
    ActionNeeded,
    AlreadyAccepted,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Retry,
)
from connector.http import Http
from connector.settings import Settings
from tests.adapters import servers
from tests.adapters.accounts import Scripted, Unlimited, account_for, http_for

EMAIL = {"sender": {"email": "s@x.test"}, "to": [{"email": "p@x.test"}], "subject": "s", "htmlContent": "<p>"}
EVENT = {"event_name": "n", "identifiers": {"email_id": "p@x.test"}}


def json(status: int, body: object, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def against(url: str, http: Http) -> BrevoAccount:
    settings = Settings(environment="development", brevo_base_url=f"{url}/v3")
    return BrevoAccount(1, ApiKey("key"), settings, http, Unlimited())


def test_one_send_answered_500_is_posted_exactly_once() -> None:
    http = Http(provider_timeout=2)
    with servers.serving(servers.answer("500 Server Error", b'{"code":"x","message":"y"}')) as server:
        with pytest.raises(OutcomeUnknown):
            against(server.url, http).send_email(EMAIL)
        assert len(server.requests) == 1


def test_control_the_sdk_by_itself_posts_it_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    import brevo
    import brevo.core.http_client as sdk

    monkeypatch.setattr(sdk.time, "sleep", lambda _: None)
    with servers.serving(servers.answer("500 Server Error", b'{"code":"x","message":"y"}')) as server:
        client = brevo.Brevo(api_key="key", base_url=f"{server.url}/v3")
        with pytest.raises(brevo.core.api_error.ApiError):
            client.transactional_emails.send_transac_email(subject="s")
        assert len(server.requests) == 3


def test_an_email_is_accepted_with_its_message_id() -> None:
    brevo = Scripted([json(201, {"messageId": "<1@x>"})])
    body = {**EMAIL, "headers": {"idempotencyKey": "k"}, "params": {"price": 9.5, "sale": True, "none": None}}
    assert account_for(brevo).send_email(body) == "<1@x>"
    assert str(brevo.requests[0].url) == "http://brevo.test/v3/smtp/email"
    assert brevo.requests[0].headers["api-key"] == "key-1"
    # Floats, booleans and nulls arrive as they are: the SDK's own request models would refuse or change them.
    assert brevo.body() == body and brevo.body()["params"]["sale"] is True


def test_a_text_is_accepted_with_its_number_and_sent_as_it_is() -> None:
    brevo = Scripted([json(201, {"messageId": 1511882900176220})])
    body = {"sender": "Goods", "recipient": "4915112345678", "content": "Hi", "unicodeEnabled": False, "tag": ["k"]}
    assert account_for(brevo).send_sms(body) == "1511882900176220"
    assert str(brevo.requests[0].url) == "http://brevo.test/v3/transactionalSMS/send" and brevo.body() == body


def test_a_whatsapp_message_goes_to_several_as_it_is() -> None:
    brevo = Scripted([json(201, {"messageId": "23befbae"})])
    body = {"senderNumber": "337", "contactNumbers": ["336", "335"], "templateId": 7, "params": {"NAME": "Ann"}}
    assert account_for(brevo).send_whatsapp(body) == "23befbae"
    assert str(brevo.requests[0].url) == "http://brevo.test/v3/whatsapp/sendMessage" and brevo.body() == body
    for answer in (json(201, {}), httpx.Response(502), httpx.ReadTimeout("slow")):
        brevo = Scripted([answer])
        with pytest.raises(OutcomeUnknown):
            account_for(brevo).send_whatsapp(body)
        assert len(brevo.requests) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (json(201, {"messageId": None}), OutcomeUnknown),
        (json(201, {"reference": "x"}), OutcomeUnknown),
        (httpx.Response(500), OutcomeUnknown),
        (httpx.ReadTimeout("slow"), OutcomeUnknown),
        (httpx.ConnectError("nobody there"), Retry),
        (json(402, {"code": "not_enough_credits", "message": "Not enough credits"}), ActionNeeded),
        (json(400, {"code": "invalid_parameter", "message": "Invalid telephone number"}), Refused),
    ],
)
def test_what_sending_a_text_may_come_to(answer: httpx.Response | Exception, error: type[Exception]) -> None:
    brevo = Scripted([answer])
    with pytest.raises(error):
        account_for(brevo).send_sms({"sender": "Goods", "recipient": "4915112345678", "content": "Hi"})
    assert len(brevo.requests) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(500), OutcomeUnknown),
        (httpx.Response(400), Refused),
        (httpx.Response(302, headers={"location": "http://elsewhere.test"}), ActionNeeded),
        (httpx.Response(429), RateLimited),
        (httpx.Response(201), OutcomeUnknown),
        (json(201, {}), OutcomeUnknown),
        (json(201, {"messageId": 5}), OutcomeUnknown),
        (json(201, ["<1@x>"]), OutcomeUnknown),
        (httpx.Response(200, text="<html>please wait"), OutcomeUnknown),
        (json(400, {"code": "duplicate_parameter", "message": "seen"}), AlreadyAccepted),
        (json(402, {"code": "not_enough_credits", "message": "pay"}), ActionNeeded),
        (httpx.ReadTimeout("slow"), OutcomeUnknown),
        (httpx.ReadError("reset"), OutcomeUnknown),
        (httpx.RemoteProtocolError("half"), OutcomeUnknown),
        (httpx.WriteError("broken pipe"), OutcomeUnknown),
        (httpx.ConnectError("refused"), Retry),
        (httpx.ConnectTimeout("nobody"), Retry),
        (httpx.PoolTimeout("busy"), Retry),
    ],
)
def test_what_a_send_may_come_to(answer: httpx.Response | Exception, error: type[Exception]) -> None:
    brevo = Scripted([answer])
    with pytest.raises(error) as raised:
        account_for(brevo).send_email(EMAIL)
    assert type(raised.value) is error
    assert len(brevo.requests) == 1


def test_reading_and_upserting_may_be_repeated_so_nothing_about_them_is_unknown() -> None:
    for answer in (httpx.Response(500), httpx.Response(200, text="<html>"), httpx.ReadTimeout("slow")):
        account = account_for(Scripted([answer]))
        for call in (account.senders, lambda a=account: a.upsert_contact({"email": "p@x.test"})):
            with pytest.raises(Retry):
                call()
    with pytest.raises(OutcomeUnknown):
        account_for(Scripted([httpx.ReadTimeout("slow")])).create_event(EVENT)


def test_a_single_401_is_asked_again_and_a_second_is_believed() -> None:
    stray = json(401, {"code": "unauthorized", "message": "client id missing"})
    brevo = Scripted([stray, json(201, {"messageId": "<1@x>"})])
    assert account_for(brevo).send_email(EMAIL) == "<1@x>"
    dead = Scripted([stray])
    with pytest.raises(ActionNeeded, match="API key"):
        account_for(dead).send_email(EMAIL)
    assert (len(brevo.requests), len(dead.requests)) == (2, 2)


def test_a_created_contact_has_an_id_and_an_updated_one_has_none() -> None:
    assert account_for(Scripted([json(201, {"id": 12})])).upsert_contact({"email": "p@x.test"}) == 12
    assert account_for(Scripted([httpx.Response(204)])).upsert_contact({"email": "p@x.test"}) is None


def test_identifiers_cannot_change_the_path() -> None:
    brevo = Scripted([json(200, {"id": 1})])
    account = account_for(brevo)
    for identifier in ("../../senders", "a/b?c=d#e", "ünï@x.test"):
        account.get_contact(identifier, "ext_id")
        url = brevo.requests[-1].url
        assert url.raw_path.startswith(b"/v3/contacts/") and url.raw_path.count(b"/") == 3
        assert url.params["identifierType"] == "ext_id" and len(url.params) == 1


def test_nobody_and_nothing_are_answers() -> None:
    missing = json(404, {"code": "document_not_found", "message": "Contact does not exist"})
    assert account_for(Scripted([missing])).get_contact("p@x.test") is None
    assert account_for(Scripted([missing])).webhooks() == []
    with pytest.raises(Refused):
        account_for(Scripted([missing])).update_webhook(3, {"events": ["click"]})


def test_the_end_of_a_window_is_told_in_machine_seconds() -> None:
    answer = json(429, {"code": "x", "message": "y"}, x_sib_ratelimit_reset="30")
    for rate, seconds in ((1.0, 30.0), (10.0, 3.0)):
        with pytest.raises(RateLimited) as raised:
            account_for(Scripted([answer]), wire_rate=rate).send_email(EMAIL)
        assert raised.value.after == seconds


def test_the_limiter_sees_every_answer() -> None:
    limiter = Unlimited()
    brevo = Scripted([httpx.Response(500, headers={"X-Sib-Ratelimit-Remaining": "3"}), json(200, {"senders": []})])
    account = account_for(brevo, limiter=limiter)
    with pytest.raises(OutcomeUnknown):
        account.send_email(EMAIL)
    account.senders()
    assert [(bucket, status) for bucket, status, _ in limiter.seen] == [("email", 500), ("other", 200)]
    assert limiter.seen[0][2]["x-sib-ratelimit-remaining"] == "3"


def test_accounts_share_the_connections_and_never_the_key() -> None:
    brevo = Scripted([json(200, {"senders": []})])
    http = http_for(brevo)
    one, two = (account_for(brevo, key=key, http=http) for key in ("key-1", "key-2"))
    for account in (one, two, one):
        account.senders()
    assert [request.headers["api-key"] for request in brevo.requests] == ["key-1", "key-2", "key-1"]


@pytest.mark.parametrize(("ours", "expected"), [(True, ["key-1 none"]), (False, ["token"])])
def test_oauth_variables_of_the_environment_do_not_join_the_key(ours: bool, expected: list[str]) -> None:
    """In a process of its own, because the SDK reads them when it is imported. The control is the SDK itself."""
    script = textwrap.dedent(
        """
        import httpx
        def handler(request):
            if "token" in request.url.path:
                print("token"); raise SystemExit
            print(request.headers.get("api-key"), request.headers.get("authorization", "none"))
            return httpx.Response(200, json={"senders": []})
        if OURS:
            from tests.adapters.accounts import account_for
            account_for(handler).senders()
        else:
            from brevo import Brevo
            client = httpx.Client(transport=httpx.MockTransport(handler))
            Brevo(api_key="key-1", httpx_client=client).senders.get_senders()
        """
    ).replace("OURS", str(ours))
    environment = {"BREVO_CLIENT_ID": "id", "BREVO_CLIENT_SECRET": "s", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.stdout.split("\n")[:-1] == expected, done.stderr


def test_a_message_whose_permission_ended_does_not_leave() -> None:
    with servers.serving(servers.answer("201 Created", b'{"messageId": "<1@x>"}')) as server:
        account = against(server.url, Http())
        with pytest.raises(Retry):
            account.send_email(EMAIL, leave_by=0.0)
        assert server.requests == []
        assert account.send_email(EMAIL) == "<1@x>"

"""Consent on three channels: what the API refuses, which evidence wins, the echo, and the store's own welcome mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.clock import iso_utc
from tests.sandbox.store_process import SHOP, START, Receiver, StoreProcess

DAY = 86_400
RESULT = {"email": "customer { id }", "sms": "customer { id }", "whatsapp": "customerPhoneNumber { phoneNumber }"}
NAME = {"email": "Email", "sms": "Sms", "whatsapp": "WhatsApp"}
INPUT = {"email": "emailMarketingConsent", "sms": "smsMarketingConsent", "whatsapp": "whatsAppMarketingConsent"}
TOPIC = {
    "email": "customers_email_marketing_consent/update",
    "sms": "customers_marketing_consent/update",
    "whatsapp": "customers_whats_app_marketing_consent/update",
}
CHANNELS = list(NAME)
READ = """query($id: ID!) { customer(id: $id) {
  defaultEmailAddress { marketingState marketingOptInLevel marketingUpdatedAt }
  defaultPhoneNumber { marketingState smsMarketingConsent { state optInLevel updatedAt collectedFrom }
    whatsAppMarketingConsent { state optInLevel updatedAt collectedFrom } } } }"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with StoreProcess(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def receiver(store: StoreProcess, person: str) -> Iterator[Receiver]:
    """Hears of what comes after `person` was made."""
    with Receiver() as made:
        store.post("subscribe", uri=made.url, shops=[SHOP])
        yield made
        store.post("unsubscribe")


@pytest.fixture
def person(store: StoreProcess) -> str:
    """The global id of somebody with an email and a phone."""
    number = len(store.get("state")["shops"][SHOP]["customers"])
    made = store.act("create_customer", email=f"p{number}@example.com", phone=f"+33600000{number:03d}")
    return f"gid://shopify/Customer/{made['customer_id']}"


def write(
    store: StoreProcess, channel: str, customer: str, state: str, level: str | None, at: float | None = None
) -> Any:
    names = ("state", "optInLevel", "updatedAt")
    if channel != "whatsapp":
        names = ("marketingState", "marketingOptInLevel", "consentUpdatedAt")
    given = dict(zip(names, (state, level, None if at is None else iso_utc(at)), strict=True))
    mutation = f"customer{NAME[channel]}MarketingConsentUpdate"
    body = store.query(
        f"mutation($i: {mutation[0].upper()}{mutation[1:]}Input!) {{ {mutation}(input: $i) {{ {RESULT[channel]} "
        "userErrors { field message code } } }",
        i={"customerId": customer, INPUT[channel]: {name: value for name, value in given.items() if value}},
    ).json()
    store.settle()
    return body["errors"] if "errors" in body else body["data"][mutation]


def held(store: StoreProcess, customer: str) -> dict[str, Any]:
    found = store.data(READ, id=customer)["customer"]
    phone = found["defaultPhoneNumber"]
    return {
        "email": found["defaultEmailAddress"]["marketingState"],
        "sms": phone["smsMarketingConsent"]["state"],
        "whatsapp": phone["whatsAppMarketingConsent"]["state"],
    }


def refusal(answer: Any) -> tuple[str, str, str]:
    (error,) = answer["userErrors"]
    return error["field"][-1], error["message"], error["code"]


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_the_platform_was_seen_to_refuse_is_refused(store: StoreProcess, person: str, channel: str) -> None:
    level, at = ("optInLevel", "updatedAt") if channel == "whatsapp" else ("marketingOptInLevel", "consentUpdatedAt")
    assert refusal(write(store, channel, person, "SUBSCRIBED", None)) == (
        level, "Marketing opt in level must exist", "MISSING_ARGUMENT",
    )  # fmt: skip
    assert refusal(write(store, channel, person, "PENDING", "SINGLE_OPT_IN")) == (
        level, "Marketing opt in level must be confirmed opt-in for pending consent state", "INVALID",
    )  # fmt: skip
    assert refusal(write(store, channel, person, "UNSUBSCRIBED", None, START + 60)) == (
        at, "Consent updated at must not be in the future", "INVALID",
    )  # fmt: skip
    assert refusal(write(store, channel, "gid://shopify/Customer/1", "UNSUBSCRIBED", None)) == (
        "customerId", "Customer not found", "INVALID",
    )  # fmt: skip
    states = {"email": ["NOT_SUBSCRIBED", "REDACTED", "INVALID"], "sms": ["NOT_SUBSCRIBED", "REDACTED"]}
    for state in states.get(channel, ["NEVER_SUBSCRIBED", "REDACTED"]):
        (error,) = write(store, channel, person, state, None)
        assert error["message"] == f"Cannot specify {state} as a marketing state input"
        assert error["extensions"]["code"] == "INVALID"
    assert held(store, person) == {"email": "NOT_SUBSCRIBED", "sms": "NEVER_SUBSCRIBED", "whatsapp": "NEVER_SUBSCRIBED"}


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_a_phone_channel_needs_a_phone(store: StoreProcess, channel: str) -> None:
    made = store.act("create_customer", email=f"no-phone-{channel}@example.com")
    customer = f"gid://shopify/Customer/{made['customer_id']}"
    field, message, code = refusal(write(store, channel, customer, "SUBSCRIBED", "SINGLE_OPT_IN"))
    assert (field, code) == (INPUT[channel], "INVALID") and "phone number is required" in message


def test_email_consent_of_somebody_without_an_email_changes_nothing_and_says_so_nowhere(store: StoreProcess) -> None:
    made = store.act("create_customer", phone="+33699999999")
    customer = f"gid://shopify/Customer/{made['customer_id']}"
    assert write(store, "email", customer, "SUBSCRIBED", "SINGLE_OPT_IN")["userErrors"] == []
    assert store.data(READ, id=customer)["customer"]["defaultEmailAddress"] is None


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_newest_evidence_wins_and_the_app_hears_its_own_write(
    store: StoreProcess, receiver: Receiver, person: str, channel: str
) -> None:
    write(store, channel, person, "UNSUBSCRIBED", None, START - 10)
    assert receiver.topics() == [TOPIC[channel], "customers/update"]
    body = receiver.received[0].json
    (said,) = (value for value in body.values() if isinstance(value, dict))
    assert said["state"] == "unsubscribed"
    assert (said.get("updated_at") or said["consent_updated_at"]).startswith("2026-09-21T16:13:10")
    receiver.clear()
    assert write(store, channel, person, "SUBSCRIBED", "SINGLE_OPT_IN", START - 20)["userErrors"] == []
    assert held(store, person)[channel] == "UNSUBSCRIBED" and receiver.topics() == []
    write(store, channel, person, "UNSUBSCRIBED", None, START - 10)
    assert receiver.topics() == [], "what changes nothing is silent"
    write(store, channel, person, "SUBSCRIBED", "CONFIRMED_OPT_IN", START - 5)
    assert held(store, person)[channel] == "SUBSCRIBED" and receiver.topics()[0] == TOPIC[channel]
    assert [state for one, state in held(store, person).items() if one != channel].count("SUBSCRIBED") == 0


def test_shoppers_and_staff_change_every_channel_too(store: StoreProcess, receiver: Receiver, person: str) -> None:
    number = int(person.rsplit("/", 1)[1])
    for channel in CHANNELS:
        store.act("set_consent", customer=number, state="subscribed", opt_in_level="single_opt_in", channel=channel)
    assert receiver.topics()[::2] == [TOPIC[channel] for channel in CHANNELS]
    assert set(held(store, person).values()) == {"SUBSCRIBED"}
    store.act("set_consent", customer=number, state="unsubscribed", channel="sms", at=START - 1)
    assert held(store, person)["sms"] == "SUBSCRIBED", "older evidence"


def welcomed(store: StoreProcess, customer: str) -> list[str]:
    number, log = int(customer.rsplit("/", 1)[1]), store.get("log")["entries"]
    return [one["origin"] for one in log if one["kind"] == "welcome_mail" and one["customer_id"] == number]


def test_a_fresh_subscription_by_the_api_sets_off_the_store_s_welcome(store: StoreProcess, person: str) -> None:
    write(store, "email", person, "SUBSCRIBED", "SINGLE_OPT_IN", START - DAY)
    assert welcomed(store, person) == [], "older than a day"
    write(store, "email", person, "UNSUBSCRIBED", None, START - 7200)
    write(store, "email", person, "SUBSCRIBED", "SINGLE_OPT_IN", START - 3600)
    assert welcomed(store, person) == ["api"]
    write(store, "email", person, "SUBSCRIBED", "CONFIRMED_OPT_IN", START - 1800)
    assert welcomed(store, person) == ["api"], "it was subscribed already"
    write(store, "sms", person, "SUBSCRIBED", "SINGLE_OPT_IN")
    assert welcomed(store, person) == ["api"], "an SMS consent brings no mail"
    number = int(person.rsplit("/", 1)[1])
    store.act("set_consent", customer=number, state="unsubscribed")
    store.act("set_consent", customer=number, state="subscribed")
    assert welcomed(store, person) == ["api", "shopper"]


def test_without_the_scope_access_is_denied(store: StoreProcess, person: str) -> None:
    scopes = store.get("app")["apps"][0]["scopes"]
    store.post("scopes", shop=SHOP, scopes=[one for one in scopes if one != "write_customers"])
    (error,) = write(store, "email", person, "UNSUBSCRIBED", None)
    store.post("scopes", shop=SHOP, scopes=scopes)
    assert error["extensions"]["code"] == "ACCESS_DENIED" and "write_customers" in error["message"]
    assert write(store, "email", person, "UNSUBSCRIBED", None)["userErrors"] == []

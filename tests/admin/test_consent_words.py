"""Consent and the letting in of people from before, in words: no page shows a code of ours."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import insert

from connector.admin import consent_words
from connector.models.person import consent_ledger, consents
from flows.core.permission import PURPOSES
from flows.engine.arming import ARMABLE
from sync.consent import STATES
from tests.admin.office import Office
from tests.content.mailbox import visible_text

# A name of ours as it is stored.
_CODE = re.compile(r"\b[a-z]+_[a-z_]+\b")


def read(page: str) -> str:
    return " ".join(visible_text(page.replace("<", " <")).split())


def test_everything_that_may_be_agreed_to_has_words() -> None:
    assert set(consent_words.STATES) == set(STATES)
    told = [consent_words.about(channel, purpose) for channel, purposes in PURPOSES.items() for purpose in purposes]
    assert len(set(told)) == len(told) == sum(map(len, PURPOSES.values()))
    assert [one for one in told if _CODE.search(one)] == []
    assert consent_words.about("email", "newsletter") == "Email" and consent_words.said({}, None) == ""
    # What nobody has given words to is read as it is called.
    assert consent_words.said(consent_words.SOURCES, "new_source") == "new source"


@pytest.mark.parametrize("where", ["consent", "evidence"])
def test_what_is_on_record_of_consent_is_said_in_words(office: Office, where: str) -> None:
    (desk, _) = office.desks
    now = office.installation.now
    mine = {"shop_id": desk.shop.id, "person_id": desk.person, "channel": "sms", "purpose": "cart", "evidence_at": now}
    told = {"state": "not_subscribed", "level": "soft_opt_in", "source": "preference_page"}
    with office.transaction() as connection:
        if where == "consent":
            connection.execute(insert(consents).values(**mine, **told))
        else:
            connection.execute(insert(consent_ledger).values(recorded_at=now, verdict="older", **mine, **told))
    page = read(office.browser(office.hire("owner")).get(f"{desk.path}/people/{desk.person}").text)
    about = "Text message, about carts that they left"
    said = "as a customer, for goods like those that they bought"
    if where == "consent":
        assert f"{about} never agreed {said} their preferences page 2026-11-02 09:00" in page
    else:
        assert f"{about} never agreed, {said} their preferences page 2026-11-02 09:00 Something newer counts." in page
    assert _CODE.findall(page.partition("Evidence")[0].partition("Consent ")[2]) == []


def test_whom_to_let_in_from_before_is_asked_in_words(office: Office) -> None:
    (desk, _) = office.desks
    owner = office.browser(office.hire("owner"))
    page = owner.get(f"{desk.path}/arming").text
    assert _CODE.findall(read(page)) == [] and "Order still not paid" in read(page)
    assert page.count('name="signal"') == len(ARMABLE) and "Lapsed" not in read(page)
    preview = read(owner.post(f"{desk.path}/arming/preview", signal="lapsed").text)
    assert "Who would come when No order any more" in preview and _CODE.findall(preview) == []
    # The control: what the form sends is the code.
    assert 'value="payment_still_pending"' in page

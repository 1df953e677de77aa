"""The merchant inside the Shopify admin, and tokens that are not what they say."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import jwt
import pytest

from connector import shopify_users
from connector.admin.access import ROLES, Visitor
from connector.admin.acts import settings
from connector.errors import InvalidInput
from tests.admin.office import APP_KEY, APP_SECRET, Office
from tests.admin.routes import state
from tests.sandbox.store_process import OTHER_SHOP, SHOP


def claims(office: Office, **changes: Any) -> dict[str, Any]:
    now = office.installation.clock.wire()
    return {
        "iss": f"https://{SHOP}/admin", "dest": f"https://{SHOP}", "aud": APP_KEY, "sub": "42", "exp": now + 60,
        "nbf": now - 5, "iat": now - 5, "jti": "1", "sid": "2", **changes,
    }  # fmt: skip


def signed(office: Office, secret: str = APP_SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(claims(office, **changes), secret, algorithm=algorithm)


def unsigned(office: Office) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims(office))]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


def forged(office: Office) -> dict[str, str]:
    now = office.installation.clock.wire()
    return {
        "not signed": unsigned(office),
        "another secret": signed(office, "t" * 32),
        "another algorithm": signed(office, APP_SECRET * 2, "HS512"),
        "another app's": signed(office, aud="other-app"),
        "expired": signed(office, exp=now - 60, nbf=now - 120),
        "not yet": signed(office, nbf=now + 60),
        "issued by another shop": signed(office, iss=f"https://{OTHER_SHOP}/admin"),
        "for no shop": signed(office, dest="https://evil.example", iss="https://evil.example/admin"),
        "nothing": "",
        "nonsense": "a.b.c",
    }


def test_the_merchant_is_the_owner_of_that_one_shop(office: Office) -> None:
    mine, theirs = office.desks
    browser, header = office.browser(), {"Authorization": f"Bearer {signed(office)}"}
    page = browser.get(f"{mine.path}/", headers=header)
    assert page.status_code == 200 and mine.shop.shop.name in page.text
    policy = page.headers["Content-Security-Policy"]
    assert f"frame-ancestors https://{SHOP} https://admin.shopify.com" in policy and OTHER_SHOP not in policy
    assert "X-Frame-Options" not in page.headers
    assert browser.get(f"{theirs.path}/", headers=header).status_code == 404
    assert browser.get("/admin/installation", headers=header).status_code == 404
    # With the document: the address of the app, then the shop's own page. No cookie is needed for a form.
    opened = browser.get(f"/admin/?id_token={signed(office)}&shop={SHOP}")
    assert opened.status_code == 303 and opened.location.startswith(f"{mine.path}/?id_token=")
    assert browser.get(opened.location).status_code == 200
    done = browser.post(f"{mine.path}/channels/email/resume", proof=False, headers=header)
    assert done.status_code == 303
    assert [(line.actor, line.act) for line in office.lines(mine.shop.id)] == [("merchant:42", "channel.resume")]
    # A token in the address opens a page and does nothing.
    assert browser.post(f"{mine.path}/channels/email/resume?id_token={signed(office)}", proof=False).status_code == 403


def test_forged_session_tokens_are_refused_even_beside_a_good_cookie(office: Office) -> None:
    (mine, _) = office.desks
    for browser in (office.browser(), office.browser(office.hire("owner"))):
        for name, token in forged(office).items():
            header = {"Authorization": f"Bearer {token}"}
            before = state(office)
            for answer in (
                browser.get(f"{mine.path}/", headers=header),
                browser.post(f"{mine.path}/channels/email/resume", proof=False, headers=header),
            ):
                assert answer.status_code == 401, name
                assert answer.headers["X-Shopify-Retry-Invalid-Session-Request"] == "1"
            assert state(office) == before, name
    shopless = signed(office, dest="https://c.myshopify.com", iss="https://c.myshopify.com/admin")
    assert office.browser().get("/admin/", headers={"Authorization": f"Bearer {shopless}"}).status_code == 404


def test_a_user_has_the_role_that_the_shop_gives(office: Office) -> None:
    (mine, theirs) = office.desks
    mine.shop.set(shopify_users={"role": "read-only", "people": {"42": "support"}})
    browser, page = office.browser(), f"{mine.path}/people/{mine.person}"
    support = {"Authorization": f"Bearer {signed(office)}"}
    anybody = {"Authorization": f"Bearer {signed(office, sub='43')}"}
    for header in (support, anybody):
        shown = browser.get(page, headers=header).text
        assert "a•••@e•••.com" in shown and "ann.bell1@example.com" not in shown
    assert browser.post(f"{page}/reveal", proof=False, headers=anybody).status_code == 403
    revealed = browser.post(f"{page}/reveal", proof=False, headers=support)
    assert revealed.status_code == 200 and "ann.bell1@example.com" in revealed.text
    assert browser.get(f"{mine.path}/keys", headers=support).status_code == 403
    assert browser.post(f"{page}/erase", proof=False, headers=support, typed=f"erase {mine.person}").status_code == 403
    assert [(line.actor, line.act) for line in office.lines(mine.shop.id)] == [("merchant:42", "person.reveal")]
    # The control: with no choice of its own the other shop's user is an owner.
    there = f"https://{OTHER_SHOP}"
    owner = {"Authorization": f"Bearer {signed(office, dest=there, iss=f'{there}/admin')}"}
    assert browser.get(f"{theirs.path}/keys", headers=owner).status_code == 200


def test_only_who_signs_in_says_what_users_of_the_store_may(office: Office) -> None:
    (mine, _) = office.desks
    path = f"{mine.path}/settings/visitors"
    people = {"shopify_users.people.1.user": "42", "shopify_users.people.1.role": "owner"}
    form = {"shopify_users.role": "support", **people}
    inside = {"Authorization": f"Bearer {signed(office)}"}
    browser, owner = office.browser(), office.browser(office.hire("owner"))
    shown = browser.get(path, headers=inside).text
    assert "Only owners who sign in with an account of their own" in shown and ">Save<" not in shown
    seen = re.search(r'name="seen" value="(\w+)"', shown)
    assert seen
    refused = browser.post(f"{path}/owners", proof=False, headers=inside, seen=seen[1], **form)
    assert refused.status_code == 422 and "not inside Shopify" in refused.text and office.lines(mine.shop.id) == []
    key = Visitor("api-key:1", "Robot", "owner", frozenset({mine.shop.id}))
    given = {"section": "visitors", "seen": seen[1], "settings": {"shopify_users": {"role": "read-only"}}}
    with pytest.raises(InvalidInput):
        settings.SAVE_OF_OWNERS.do(office.installation.deps, mine.shop.shop, key, given)
    wrong = owner.post(f"{path}/owners", seen=seen[1], **form, **{"shopify_users.people.2.user": "ann"},
                       **{"shopify_users.people.2.role": "owner"})  # fmt: skip
    assert wrong.status_code == 422 and "A user of the store is a number" in wrong.text
    assert owner.post(f"{path}/owners", seen=seen[1], **form).status_code == 303
    said = browser.get(path, headers=inside).text
    assert "Shopify&#39;s admin has the role support." in said and "user 42 (owner)" in said
    assert [line.act for line in office.lines(mine.shop.id)] == ["settings.change"]
    assert ROLES == shopify_users.ROLES


def test_a_stale_document_goes_to_fetch_a_new_token_and_comes_back_to_us_only(office: Office) -> None:
    (mine, _) = office.desks
    answer = office.browser().get(f"{mine.path}/people?shop={SHOP}&id_token={forged(office)['expired']}&q=bell")
    assert answer.status_code == 302
    assert answer.location.startswith(f"/auth/bounce?shop={SHOP}&shopify-reload=https%3A%2F%2Fshop.example%2Fadmin%2F")
    assert "id_token" not in answer.location
    # A frame that is loaded anew without the shop's name: the new token will say whose it is.
    framed = office.browser().get(f"{mine.path}/", headers={"Sec-Fetch-Dest": "iframe"})
    assert framed.status_code == 302 and framed.location.startswith("/auth/bounce?shopify-reload=")
    page = office.browser().get(framed.location)
    assert page.status_code == 200 and "app-bridge.js" in page.text
    ancestors = "frame-ancestors https://*.myshopify.com https://admin.shopify.com"
    assert ancestors in page.headers["Content-Security-Policy"]

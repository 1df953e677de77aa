"""A merchant agrees at Brevo instead of copying a key: from the button to a shop that is connected."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import select, update

from connector.brevo import oauth
from connector.cli.brevo_access import connect as command
from connector.errors import ActionNeeded
from connector.models.brevo import brevo_grants
from connector.models.shop import shops
from connector.shops import load
from tests.admin.office import APP_KEY, APP_SECRET, Browser, Desk, Office, furnish
from tests.engine.installation import installation
from tests.sandbox.provider_process import Account, Provider, running_provider
from tests.sandbox.store_process import OTHER_SHOP, SHOP

CLIENT_ID = "our-app"
BACK = "https://c.test/brevo/callback"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    yield from running_provider(tmp_path_factory.mktemp("provider"))


@pytest.fixture
def office(database_url: str, redis_url: str, tmp_path: Path, provider: Provider) -> Iterator[Office]:
    app: dict[str, Any] = {
        "shopify_api_key": APP_KEY, "shopify_api_secret": APP_SECRET, "public_url": "https://c.test",
        "brevo_oauth_url": f"{provider.url}/oauth", "brevo_app_client_id": CLIENT_ID,
    }  # fmt: skip
    provider.control("POST", "apps", {"client_id": CLIENT_ID, "name": "Connector", "redirect_uris": [BACK]})
    with installation(database_url, redis_url, tmp_path, provider, **app) as made:
        office = Office(made, [furnish(made, SHOP, number=1), furnish(made, OTHER_SHOP, number=2)])
        with office.transaction() as connection:
            connection.execute(update(shops).values(state="installed", brevo_key=None))
        yield office


@pytest.fixture
def theirs(provider: Provider) -> Account:
    """The merchant's account at Brevo, in which they are signed in."""
    account = provider.account(tier="extended")
    provider.control("POST", "consent", {"account": account.key})
    return account


def question(browser: Browser, desk: Desk) -> str:
    """The address behind the button."""
    page = browser.get(f"{desk.path}/brevo").text
    assert "Connect at Brevo" in page
    return unescape(page.partition('<a class="button first" href="')[2].partition('"')[0])


def answered(address: str) -> str:
    """Where the merchant's browser is led after the question, from our own address on."""
    answer = requests.get(address, allow_redirects=False, timeout=5)
    assert answer.status_code == 302 and answer.headers["Location"].startswith(BACK), answer.text
    return answer.headers["Location"].removeprefix("https://c.test")


def finish(browser: Browser, path: str) -> Any:
    """What the form of the page says that the callback leads to."""
    split = urlsplit(path)
    fields: dict[str, Any] = dict(parse_qsl(split.query))
    return browser.post(split.path, **fields)


def test_the_button_connects_the_shop(office: Office, theirs: Account) -> None:
    mine, other = office.desks
    browser = office.browser(office.hire("owner"))
    led = browser.get(answered(question(browser, mine)))
    assert led.status_code == 303 and led.location.startswith(f"{mine.path}/brevo/agreed?")
    page = browser.get(led.location)
    assert "Brevo has agreed" in page.text and "Finish" in page.text
    with office.transaction() as connection:
        assert connection.execute(select(brevo_grants)).all() == []
    done = finish(browser, led.location)
    assert done.status_code == 200 and "Brevo is connected" in done.text, done.text
    with office.transaction() as connection:
        (row,) = connection.execute(select(brevo_grants)).all()
        shop = connection.execute(select(shops).where(shops.c.id == mine.shop.id)).one()
    assert (row.shop_id, shop.state, shop.brevo_key) == (mine.shop.id, "active", None)
    assert set(row.scopes) == set(office.installation.deps.settings.brevo_scopes)
    # The flows to begin with were put in as drafts, each with its own line.
    *drafts, line = office.lines(mine.shop.id)
    assert {one.act for one in drafts} == {"flow.publish"}
    assert (line.act, line.detail["credential"]) == ("brevo.connect", "oauth")
    # All that follows a credential was done with this one: nobody but the merchant knows the account's key.
    asked = {one["path"].removeprefix("/v3") for one in theirs.log("request")}
    assert {"/contacts/attributes", "/webhooks", "/ecommerce/activate"} <= asked
    # A form that is sent twice shows its code once: the server would end the access.
    again = finish(browser, led.location)
    assert again.status_code == 422 and "finished already" in again.text
    with office.transaction() as connection:
        connected = load(connection, mine.shop.id)
    assert office.installation.deps.brevo(connected).senders()


@pytest.mark.long
def test_control_a_code_that_is_shown_twice_ends_the_access(
    office: Office, theirs: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mine, _) = office.desks
    monkeypatch.setattr(oauth, "use_once", lambda *_: None)
    browser = office.browser(office.hire("owner"))
    led = browser.get(answered(question(browser, mine))).location
    assert [finish(browser, led).status_code for _ in range(2)] == [200, 422]
    with office.transaction() as connection:
        connected = load(connection, mine.shop.id)
    with pytest.raises(ActionNeeded, match="connect Brevo again"):
        office.installation.deps.brevo(connected).senders()


def test_an_answer_counts_for_who_asked_and_for_that_shop(office: Office, theirs: Account) -> None:
    mine, other = office.desks
    one, two = (office.browser(office.hire("owner", email=f"{name}@office.example")) for name in ("one", "two"))
    led = one.get(answered(question(one, mine))).location
    for browser, path in ((two, led), (one, led.replace(mine.path, other.path))):
        assert "somebody else asked" in browser.get(path).text
        answer = finish(browser, path)
        assert answer.status_code == 422 and "somebody else asked" in answer.text
    editor = office.browser(office.hire("editor", email="editor@office.example"))
    assert finish(editor, led).status_code == 403
    with office.transaction() as connection:
        assert connection.execute(select(brevo_grants)).all() == []
    assert office.lines(mine.shop.id) == []
    assert finish(one, led).status_code == 200


def test_what_is_not_an_answer_of_ours_leads_nowhere(office: Office, theirs: Account) -> None:
    (mine, _) = office.desks
    browser = office.browser(office.hire("owner"))
    settings, sealing = office.installation.deps.settings, office.installation.deps.secrets
    now = office.installation.clock.machine().timestamp()
    state = dict(parse_qsl(urlsplit(question(browser, mine)).query))["state"]
    late = oauth.authorize_url(settings, sealing, mine.shop.id, "staff:1", now - oauth.STATE_SECONDS - 5)
    for wrong in (
        "", "1", "1.x", "x.y", f"2.{state.partition('.')[2]}", state[:-2],
        dict(parse_qsl(urlsplit(late).query))["state"],
    ):  # fmt: skip
        answer = browser.get(f"/brevo/callback?{urlencode({'code': 'c', 'state': wrong})}")
        assert answer.status_code == 403 and "Location" not in answer.headers, wrong
    declined = browser.get(f"/brevo/callback?{urlencode({'error': 'access_denied', 'state': state})}")
    assert declined.status_code == 200 and "Nothing has changed" in declined.text
    stranger = finish(browser, f"{mine.path}/brevo/agreed?{urlencode({'code': 'not-a-code', 'state': state})}")
    assert stranger.status_code == 422 and "gives no access" in stranger.text


def test_a_code_of_another_question_is_of_no_use(office: Office, theirs: Account) -> None:
    """The verifier of one question does not fit the code of another."""
    (mine, _) = office.desks
    browser = office.browser(office.hire("owner"))
    first, second = (dict(parse_qsl(urlsplit(answered(question(browser, mine))).query)) for _ in range(2))
    mixed = f"{mine.path}/brevo/agreed?{urlencode({'code': first['code'], 'state': second['state']})}"
    assert finish(browser, mixed).status_code == 422


def test_a_merchant_is_led_back_into_their_own_admin(office: Office, theirs: Account) -> None:
    (mine, _) = office.desks
    deps = office.installation.deps
    now = office.installation.clock.machine().timestamp()
    asked = oauth.authorize_url(deps.settings, deps.secrets, mine.shop.id, "merchant:42", now)
    led = office.browser().get(answered(asked))
    assert led.location.startswith(f"https://{SHOP}/admin/apps/{APP_KEY}{mine.path}/brevo/agreed?")


def test_an_owner_finishes_what_the_command_began(office: Office, theirs: Account) -> None:
    (mine, _) = office.desks
    settings = office.installation.deps.settings
    said = CliRunner().invoke(command, [SHOP, "--oauth"], obj=settings)
    assert said.exit_code == 0, said.output
    address = next(line for line in said.output.splitlines() if line.startswith("http"))
    stranger = office.browser()
    led = stranger.get(answered(address)).location
    assert "sign-in" in stranger.get(led).location
    owner = office.browser(office.hire("owner"))
    assert finish(owner, led).status_code == 200
    for arguments, word in (([SHOP], "--oauth"), (["nobody.myshopify.com", "--oauth"], "is not connected")):
        wrong = CliRunner().invoke(command, arguments, obj=settings)
        assert wrong.exit_code != 0 and word in wrong.output

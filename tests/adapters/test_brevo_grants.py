"""Access to Brevo by OAuth: what a call shows, how the token is renewed, and by how many at once."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import func, select, update

from connector import brevo_tokens, pauses
from connector.brevo import oauth
from connector.brevo.credentials import Access, ApiKey
from connector.chains import IDLE_SECONDS
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ActionNeeded, CredentialRefused, OutcomeUnknown, RateLimited, Refused, Retry
from connector.grants import Grant
from connector.install.store import arrive
from connector.models.brevo import brevo_grants
from connector.models.shop import shops as shops_table
from connector.resealing import reseal
from connector.secrets import Secrets
from connector.settings import Settings
from connector.shops import Shop, load
from connector.sweep import due
from connector.worker import work
from tests.adapters import grant_renewer
from tests.adapters.consent_server import APP, Consent, consent_server
from tests.install.merchant import built
from tests.install.renewer import LOCKED_OUT

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["tests.adapters.grant_renewer"])


@dataclass
class Agreed:
    """A shop whose merchant has agreed, and the server at which they did."""

    deps: Deps
    server: Consent
    shop_id: int

    @property
    def shop(self) -> Shop:
        with transaction(self.deps.engine) as connection:
            return load(connection, self.shop_id)

    def row(self) -> Any:
        with transaction(self.deps.engine) as connection:
            return connection.execute(select(brevo_grants)).one_or_none()

    def change(self, **values: Any) -> None:
        with transaction(self.deps.engine) as connection:
            connection.execute(update(brevo_grants).values(**values))

    def keep(self, credential: ApiKey | Access) -> None:
        with transaction(self.deps.engine) as connection:
            brevo_tokens.keep(connection, self.deps.secrets, self.shop_id, credential, self.deps.clock.wire())

    def grant(self) -> Grant:
        """What a merchant's agreement brings."""
        deps, now = self.deps, self.deps.clock.machine().timestamp()
        back = self.server.agree(oauth.authorize_url(deps.settings, deps.secrets, self.shop_id, "staff:1", now))
        told = dict(parse_qsl(urlsplit(back).query))
        question = oauth.read_state(deps.secrets, told["state"], now)
        return oauth.TokenDesk(deps.settings, deps.http, deps.clock).redeem(told["code"], question.verifier)

    def senders(self) -> list[dict[str, Any]]:
        return self.deps.brevo(self.shop).senders()


@pytest.fixture(scope="module")
def server() -> Iterator[Consent]:
    with consent_server() as running:
        yield running


@pytest.fixture
def agreed(server: Consent, database_url: str, redis_url: str) -> Iterator[Agreed]:
    server.__dict__.update(offline=True, slow=0.0, refusing=None, strays=0, ended=False)
    server.requests.clear()
    server.grants.clear()
    settings = Settings(
        environment="development",
        database_url=database_url,
        redis_url=redis_url,
        public_url="http://c.test",
        secret_keys=(Fernet.generate_key().decode(),),
        brevo_base_url=f"{server.url}/v3",
        brevo_oauth_url=f"{server.url}/oauth",
        brevo_app_client_id=APP,
        provider_timeout_seconds=1.0,
    )
    deps = built(settings)
    made = Agreed(deps, server, arrive(deps, "one.myshopify.com").id)
    made.keep(Access(made.grant()))
    with transaction(deps.engine) as connection:
        connection.execute(update(shops_table).values(state="active"))
    yield made
    deps.close()


def test_a_call_shows_the_token_and_no_key(agreed: Agreed, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one["email"] for one in agreed.senders()] == ["shop@x.test"]
    headers = agreed.server.requests[-1].headers
    assert headers["authorization"].startswith("Bearer at-") and "api-key" not in headers
    agreed.keep(ApiKey("xkeysib-1"))
    with pytest.raises(CredentialRefused):
        agreed.senders()
    headers = agreed.server.requests[-1].headers
    assert headers["api-key"] == "xkeysib-1" and "authorization" not in headers
    assert agreed.row() is None


def test_nothing_is_stored_in_the_open_and_new_keys_seal_it_again(agreed: Agreed) -> None:
    before = agreed.row()
    kept = (before.brevo_token, before.brevo_refresh)
    assert not any(one in "".join(kept) for one in (*agreed.server.access, *agreed.server.refresh))
    newer = Secrets([Fernet.generate_key().decode(), *agreed.deps.settings.secret_keys])
    assert reseal(agreed.deps.engine, newer).sealed == 2
    after = agreed.row()
    assert newer.is_newest(after.brevo_token) and newer.is_newest(after.brevo_refresh)
    assert newer.decrypt(agreed.shop_id, "brevo_refresh", after.brevo_refresh) in agreed.server.refresh
    for shop_id, kind in ((agreed.shop_id + 1, "brevo_token"), (agreed.shop_id, "brevo_refresh")):
        with pytest.raises(Exception, match="another shop or use"):
            newer.decrypt(shop_id, kind, after.brevo_token)


def test_an_old_token_is_renewed_before_it_is_shown(agreed: Agreed) -> None:
    agreed.senders()
    assert agreed.server.grants["refresh_token"] == 0
    agreed.change(expires_wire=agreed.deps.clock.wire() + 30)
    agreed.server.expire()
    assert agreed.senders() and agreed.server.grants["refresh_token"] == 1
    shown = [one.headers["authorization"] for one in agreed.server.requests if one.path.startswith("/v3")]
    assert len(shown) == 2 and shown[0] != shown[1]
    assert agreed.senders() and agreed.server.grants["refresh_token"] == 1


def test_a_refused_token_is_renewed_and_shown_once_more(agreed: Agreed) -> None:
    agreed.server.expire()
    assert agreed.senders() and agreed.server.grants["refresh_token"] == 1
    agreed.server.strays = 2
    with pytest.raises(CredentialRefused):
        agreed.senders()
    assert agreed.server.grants["refresh_token"] == 2


def test_access_that_has_ended_waits_for_somebody(agreed: Agreed) -> None:
    agreed.server.refresh.clear()
    agreed.server.expire()
    for _ in range(3):
        with pytest.raises(ActionNeeded, match="connect Brevo again") as raised:
            agreed.senders()
        assert (raised.value.status, raised.value.code) == (401, "invalid_grant")
    assert agreed.server.grants["refresh_token"] == 1 and agreed.row().trouble == "invalid_grant"
    with agreed.deps.open(agreed.shop) as scope:
        pauses.start(scope, "email", raised.value)
        (standing,) = pauses.pauses(scope.connection, agreed.shop_id)
    assert (standing.channel, standing.reason) == ("account", "access_ended")
    assert "connect Brevo again" in standing.sentence
    agreed.keep(Access(agreed.grant()))
    assert agreed.senders() and agreed.row().trouble is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, {"error": "invalid_grant"}), Refused),
        ((401, {"error": "invalid_client"}), ActionNeeded),
        ((429, {}), RateLimited),
        ((500, {}), OutcomeUnknown),
        ((200, {}), OutcomeUnknown),
        ((404, {}), Retry),
    ],
)
def test_what_the_desk_may_answer(
    agreed: Agreed, answer: tuple[int, dict[str, str]], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreed.server, "refusing", answer)
    desk = oauth.TokenDesk(agreed.deps.settings, agreed.deps.http, agreed.deps.clock)
    with pytest.raises(error) as raised:
        desk.refresh("rt-1")
    assert type(raised.value) is error
    # A call only ever hears that it may come again, or that somebody must act.
    agreed.change(expires_wire=0.0)
    expected = ActionNeeded if error in (Refused, ActionNeeded) else Retry
    with pytest.raises(expected):
        agreed.senders()
    assert (agreed.row().trouble is None) == (expected is Retry)


def test_without_offline_access_nothing_is_kept(agreed: Agreed) -> None:
    agreed.server.offline = False
    with pytest.raises(Refused, match="offline_access"):
        agreed.grant()


def test_a_desk_that_gives_no_new_refresh_token_leaves_the_old_one(agreed: Agreed) -> None:
    agreed.server.offline = False
    agreed.change(expires_wire=0.0)
    before = agreed.deps.secrets.decrypt(agreed.shop_id, "brevo_refresh", agreed.row().brevo_refresh)
    assert agreed.senders()
    assert agreed.deps.secrets.decrypt(agreed.shop_id, "brevo_refresh", agreed.row().brevo_refresh) == before


def test_an_idle_shop_is_renewed_weekly(agreed: Agreed) -> None:
    deps = agreed.deps

    def ringing() -> list[int]:
        with transaction(deps.engine) as connection:
            return due(connection, deps.clock).get("tokens", [])

    assert ringing() == [] and not work(deps, "tokens", agreed.shop_id)
    agreed.change(stored_wire=deps.clock.wire() - IDLE_SECONDS - 1)
    assert ringing() == [agreed.shop_id]
    work(deps, "tokens", agreed.shop_id)
    assert agreed.server.grants["refresh_token"] == 1 and ringing() == []
    agreed.change(stored_wire=deps.clock.wire() - IDLE_SECONDS - 1)
    agreed.server.refresh.clear()
    work(deps, "tokens", agreed.shop_id)
    with transaction(deps.engine) as connection:
        assert [one.reason for one in pauses.pauses(connection, agreed.shop_id)] == ["access_ended"]
    assert ringing() == []


def test_a_renewal_that_comes_after_a_new_agreement_stores_nothing(agreed: Agreed) -> None:
    tokens = agreed.deps.brevo_tokens(agreed.shop)
    kept = tokens._read()
    assert kept is not None
    claimed = tokens._claim(kept)
    assert claimed is not None
    agreed.keep(ApiKey("xkeysib-1"))
    agreed.keep(Access(agreed.grant()))
    after = agreed.row()
    assert tokens._renew(replace(claimed, before=None)) is None
    assert agreed.row() == after and agreed.senders()


class Crew:
    """Two processes at one token."""

    def __init__(self, agreed: Agreed, kind: str) -> None:
        arguments = (asdict(agreed.deps.settings), agreed.shop_id, kind)
        self.workers = [forks.Process(target=grant_renewer.run, args=arguments, daemon=True) for _ in range(2)]
        for worker in self.workers:
            worker.start()

    def locked_out(self) -> bool:
        return any(one.exitcode == LOCKED_OUT for one in self.workers)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()
            worker.join()


def renew(agreed: Agreed, kind: str, wanted: int, seconds: float) -> tuple[int, bool]:
    """Renewals until there are so many, or the access has ended: how many, and whether it has."""
    agreed.server.slow = 0.01
    end = time.monotonic() + seconds
    with Crew(agreed, kind) as crew:
        while agreed.server.grants["refresh_token"] < wanted and time.monotonic() < end and not crew.locked_out():
            time.sleep(0.02)
    return agreed.server.grants["refresh_token"], crew.locked_out() or agreed.server.ended


def test_two_processes_renew_in_turn(agreed: Agreed) -> None:
    done, ended = renew(agreed, "ours", 60, 15)
    assert done >= 60 and not ended
    with transaction(agreed.deps.engine) as connection:
        assert connection.scalar(select(func.count()).select_from(brevo_grants)) == 1


def test_without_a_claim_they_end_the_access(agreed: Agreed) -> None:
    done, ended = renew(agreed, "unclaimed", 2000, 20)
    assert ended, f"{done} renewals without harm"

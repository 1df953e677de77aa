"""The rules of tokens, on a book of its own: lifetimes, refreshing with lost answers, migration; wire seconds."""

from __future__ import annotations

from random import Random

import pytest

from sandbox.store.tokens import ACCESS_SECONDS, MIGRATION_SECONDS, REFRESH_SECONDS, Refused, Rules, Token, TokenBook

APP = "app"
SCOPE = ("read_orders",)
MONTH = 30 * 86_400


def acquired(book: TokenBook, now: float = 0.0) -> Token:
    pair = book.issue("expiring", "token_exchange", APP, SCOPE, now)
    pair.delivered = True
    return pair


def refreshed(book: TokenBook, pair: Token, now: float, delivered: bool = True) -> Token:
    found = book.refresh(pair.refresh_token or "", APP, now)
    found.delivered = delivered
    return found


def is_refused(book: TokenBook, pair: Token, now: float) -> bool:
    try:
        book.refresh(pair.refresh_token or "", APP, now)
    except Refused as refusal:
        assert refusal.error == "invalid_grant"
        return True
    return False


def test_an_access_token_lives_an_hour_and_a_refresh_token_ninety_days() -> None:
    book = TokenBook("x")
    pair = acquired(book)
    assert book.use(pair.access_token, ACCESS_SECONDS - 1) is pair
    assert book.use(pair.access_token, ACCESS_SECONDS) is None
    assert pair.refreshes(REFRESH_SECONDS - 1) and not pair.refreshes(REFRESH_SECONDS)
    assert is_refused(book, pair, REFRESH_SECONDS)
    assert book.locked_out(REFRESH_SECONDS) and not book.locked_out(REFRESH_SECONDS - 1)


def test_a_used_refresh_token_may_be_used_again_until_its_replacement_is() -> None:
    book = TokenBook("x")
    first = acquired(book)
    lost = refreshed(book, first, 10, delivered=False)
    second = refreshed(book, first, 20)
    assert (first.refresh_first_used, second.parent) == (10, first)
    assert is_refused(book, lost, 21), "the earlier replacement died unused"
    # Calling the Admin API by the replacement is no use of its refresh token.
    assert book.use(second.access_token, 22) is second and first.refreshes(22)
    third = refreshed(book, second, 30)
    assert is_refused(book, first, 31), "its replacement was used"
    assert second.refreshes(31) and third.refreshes(31)


def test_the_retry_ends_thirty_days_after_the_first_use_and_at_ninety_days() -> None:
    early, late = TokenBook("x"), TokenBook("y")
    first = acquired(early)
    refreshed(early, first, 100, delivered=False)
    assert not is_refused(early, first, 100 + MONTH) and is_refused(early, first, 101 + MONTH)
    first = acquired(late)
    refreshed(late, first, REFRESH_SECONDS - 10, delivered=False)
    assert not is_refused(late, first, REFRESH_SECONDS - 1) and is_refused(late, first, REFRESH_SECONDS)


def test_by_the_other_reading_a_retry_gives_the_same_pair() -> None:
    book = TokenBook("x")
    book.rules = Rules(retry="same_pair", old_access="lives")
    first = acquired(book)
    lost = refreshed(book, first, 10)
    assert refreshed(book, first, 20) is lost
    assert book.use(first.access_token, 21) is first, "its hour is not over"
    assert refreshed(book, first, 10 + 2 * ACCESS_SECONDS) is lost
    assert book.use(lost.access_token, 10 + 2 * ACCESS_SECONDS) is lost, "it lives anew"


def test_one_expiring_token_is_active_at_a_time() -> None:
    book = TokenBook("x")
    first = acquired(book)
    second = refreshed(book, first, 10)
    assert book.use(first.access_token, 11) is None and book.use(second.access_token, 11) is second
    third = acquired(book, 20)
    assert book.use(second.access_token, 21) is None and is_refused(book, second, 21) and is_refused(book, first, 21)
    assert book.use(third.access_token, 21) is third


def test_a_migrated_token_is_dead_and_its_migration_repeatable() -> None:
    book = TokenBook("x")
    old = book.fix("shpat_old", APP, SCOPE, 0)
    pair = book.migrate("shpat_old", APP, 10)
    assert book.use(old.access_token, 11) is None
    assert book.migrate("shpat_old", APP, 10 + MIGRATION_SECONDS) is pair
    assert book.use(pair.access_token, 11 + MIGRATION_SECONDS) is pair, "its hour began again"
    with pytest.raises(Refused, match="expired or revoked"):
        book.migrate("shpat_old", APP, 11 + MIGRATION_SECONDS)


@pytest.mark.parametrize("ends", ["refresh", "acquire"])
def test_a_migration_is_over_once_its_pair_is_refreshed_or_replaced(ends: str) -> None:
    book = TokenBook("x")
    book.fix("shpat_old", APP, SCOPE, 0)
    pair = book.migrate("shpat_old", APP, 10)
    if ends == "refresh":
        refreshed(book, pair, 20)
    else:
        acquired(book, 20)
    with pytest.raises(Refused, match="expired or revoked"):
        book.migrate("shpat_old", APP, 30)


def test_a_token_is_good_for_its_own_app_only() -> None:
    book = TokenBook("x")
    pair = acquired(book)
    with pytest.raises(Refused, match="retired"):
        book.refresh(pair.refresh_token or "", "another", 1)
    with pytest.raises(Refused, match="no offline token"):
        book.migrate(pair.access_token, APP, 1)


def play(seed: int, store_pair: bool, retries: str) -> bool:
    """A client that refreshes 200 times while every third answer is lost or cannot be stored; True when it ends with
    a refresh token that is refused. `store_pair`: it stores what it got before it uses it."""
    book, rng, now = TokenBook(str(seed)), Random(seed), 0.0
    book.rules = Rules(retry=retries)
    stored = acquired(book)
    for _ in range(200):
        now += rng.choice((1, 60, 3600, 86_400))
        try:
            answer = book.refresh(stored.refresh_token or "", APP, now)
        except Refused:
            return True
        if rng.random() < 0.34:
            if not store_pair:
                # The mistake: the new refresh token is used, and only the one after that is stored, or lost.
                book.refresh(answer.refresh_token or "", APP, now)
            continue
        stored = answer
    return False


@pytest.mark.parametrize("retries", ["new_pair", "same_pair"])
def test_who_stores_what_it_uses_is_never_locked_out_and_who_does_not_is(retries: str) -> None:
    assert not any(play(seed, True, retries) for seed in range(20))
    assert all(play(seed, False, retries) for seed in range(20))


def test_unknown_readings_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="new_pair or same_pair"):
        Rules(retry="none")
    with pytest.raises(ValueError, match="access, refresh or both"):
        TokenBook("x").expire("all", 0)

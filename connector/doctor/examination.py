"""Runs the checks: each within its own time, shops side by side, and whatever goes wrong becomes a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import replace
from threading import Thread
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from connector import logging
from connector.deps import Deps
from connector.doctor.checks import INSTALLATION, SHOP, WITHOUT_BREVO
from connector.doctor.finding import Check, Finding, Level, broken, ok, warning
from connector.doctor.subject import ConnectedShop, Installation
from connector.errors import ConfigurationError, OutcomeUnknown, ProviderError, Retry
from connector.shops import Shop, connected

log = logging.get(__name__)

_SHOPS_AT_ONCE = 8

Subject = TypeVar("Subject")


def examine(deps: Deps, domain: str = "", *, platforms: bool = True) -> list[Finding]:
    """Look at everything, or of the shops at the one with this domain. Without ``platforms`` neither the store nor
    Brevo is called.

    Raises LookupError when there is no such shop.
    """
    installation = Installation(deps)
    found = _examine(INSTALLATION, installation, platforms)
    if any(one.level is Level.BROKEN and one.check == "postgres" for one in found):
        return found
    shops = _shops(installation, domain)
    with ThreadPoolExecutor(_SHOPS_AT_ONCE, "doctor") as side_by_side:
        of_shops = side_by_side.map(
            lambda shop: [
                replace(one, shop=shop.domain)
                for one in _examine(SHOP if shop.has_brevo else WITHOUT_BREVO, ConnectedShop(deps, shop), platforms)
            ],
            shops,
        )
        return found + [one for findings in of_shops for one in findings]


def worst(found: Iterable[Finding]) -> Level:
    """The exit code: 0 when all is well."""
    return max((one.level for one in found), default=Level.OK)


def _shops(installation: Installation, domain: str) -> list[Shop]:
    with installation.connection() as connection:
        shops = [shop for shop in connected(connection) if not domain or shop.domain == domain.lower()]
    if domain and not shops:
        raise LookupError(domain)
    return [shop for shop in shops if shop.active or shop.state == "installed" or domain]


def examine_one(checks: Sequence[Check[ConnectedShop]], shop: ConnectedShop) -> list[Finding]:
    """What these checks say of one shop, the platforms included."""
    return [replace(one, shop=shop.shop.domain) for one in _examine(checks, shop, True)]


def _examine(checks: Sequence[Check[Subject]], subject: Subject, platforms: bool) -> list[Finding]:
    found: list[Finding] = []
    unknown: set[str] = set()
    for check in checks:
        if (check.calls and not platforms) or unknown & set(check.needs):
            unknown.add(check.name)
            continue
        said = [replace(one, check=check.name) for one in _bounded(check, subject)]
        found += said or [replace(ok(check.well), check=check.name)]
        if worst(said) is Level.BROKEN:
            unknown.add(check.name)
    return found


def _bounded(check: Check[Subject], subject: Subject) -> list[Finding]:
    """What the check says within its time."""
    answer: Future[list[Finding]] = Future()
    # A daemon: what hangs must not keep the command from ending.
    Thread(target=_answer, args=[answer, lambda: list(check.run(subject))], daemon=True).start()
    try:
        return answer.result(check.seconds)
    except Late:
        return [broken(f"No answer within {check.seconds:.0f} s.", "Look whether it hangs, then ask again.")]
    except ConfigurationError as error:
        return [broken(str(error), "Put that right, then ask again.")]
    except (Retry, OutcomeUnknown) as error:
        return [warning(f"This could not be found out now: {error}.", "Ask again in a few minutes.")]
    except ProviderError as error:
        return [broken(f"{error}.", "Put that right at the platform, or connect the shop again.")]
    except SQLAlchemyError as error:
        return [broken(f"PostgreSQL did not answer this question ({type(error).__name__}).", "See its log.")]
    except Exception as error:
        log.exception("check_failed", kind=check.name, error=type(error).__name__)
        return [broken(f"The check itself failed ({type(error).__name__}).", "Report it, with the log line.")]


def _answer(answer: Future[list[Finding]], run: Callable[[], list[Finding]]) -> None:
    try:
        answer.set_result(run())
    except BaseException as error:
        answer.set_exception(error)

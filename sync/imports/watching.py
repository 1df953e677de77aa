"""What became of the imports that Brevo has: asked for all of them with one call, ever more seldom.

The call is one of a hundred an hour on the general plan, so one that has not ended is asked for again after the next of
``_LOOKS`` only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import RowMapping, text

from connector.brevo.client import BrevoAccount
from connector.brevo.import_calls import ENDS_WITHIN
from connector.crashpoints import reach
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.errors import ProviderError
from connector.queue.batch import NOTHING, Batch
from connector.shops import Shop
from sync.imports import endings, result_files
from sync.imports.sending import LEASES, postpone

_BUCKET = "other"
# Before the bulk itself: orders wait for the contacts that an import brings.
_LANE = "watch"
# Machine seconds from one look to the next.
_LOOKS = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
_LONGEST_WAIT = 60.0
Process = Mapping[str, Any]

_OPEN = frozenset({"queued", "in_process", "processing"})
_IMPORT = "IMPORTUSER"


def look_at_sent(deps: Deps, shop: Shop) -> Batch:
    """Ask what became of the imports of this shop whose time it is, and end those that have ended."""
    machine = deps.clock.machine()
    lease = machine + timedelta(seconds=LEASES * deps.settings.delivery_lease_seconds)
    with autocommitted(deps.engine) as connection:
        held = connection.execute(_CLAIM, {"shop_id": shop.id, "machine": machine, "lease": lease}).mappings().all()
    if not held:
        return NOTHING
    account = deps.brevo(shop)
    if (wait := account.take(_BUCKET, lane=_LANE)) > 0:
        _later(deps, held, min(wait, _LONGEST_WAIT))
        return NOTHING
    try:
        found = _ask(account, held)
    except ProviderError as error:
        for one in held:
            postpone(deps, shop, one, error)
        return NOTHING
    reach("import.looked")
    more = False
    for one in held:
        too_old = one["sent_real"] + ENDS_WITHIN < machine
        if _goes_on(one, found) and not too_old:
            _later(deps, [one], _LOOKS[min(one["polls"], len(_LOOKS) - 1)], looked=1)
        else:
            more = _end(deps, shop, account, one, found.get(one["process_id"])) or more
    return Batch(len(held), more)


_CLAIM = text(
    """
UPDATE contact_imports SET lease_real = :lease
WHERE shop_id = :shop_id AND id IN (
    SELECT id FROM contact_imports WHERE shop_id = :shop_id AND state = 'sent' AND due_real <= :machine
        AND (lease_real IS NULL OR lease_real < :machine)
    ORDER BY id FOR UPDATE SKIP LOCKED
)
RETURNING *
"""
)
_LATER = text(
    """
UPDATE contact_imports SET due_real = :due, lease_real = NULL, polls = polls + :looked
WHERE shop_id = :shop_id AND id = :id AND lease_real = :lease
"""
)


def _later(deps: Deps, held: Sequence[RowMapping], seconds: float, *, looked: int = 0) -> None:
    due = deps.clock.machine() + timedelta(seconds=seconds)
    with autocommitted(deps.engine) as connection:
        for one in held:
            mine = {"shop_id": one["shop_id"], "id": one["id"], "lease": one["lease_real"]}
            connection.execute(_LATER, {**mine, "due": due, "looked": looked})


def _ask(account: BrevoAccount, held: Sequence[RowMapping]) -> Mapping[int, Process | None]:
    """{number: the process, None when Brevo knows of none}. One that is missing could not be asked for.

    Of an import that was sent more than once the account's others are looked at too: it has ended when they have.
    """
    wanted = [int(one["process_id"]) for one in held]
    if len(held) == 1 and held[0]["attempts"] == 1:
        return {wanted[0]: account.process(wanted[0])}
    found: dict[int, Process | None] = {int(one["id"]): one for one in account.processes() if "id" in one}
    for number in wanted:
        # Not among the newest.
        if number not in found and account.take(_BUCKET, lane=_LANE) == 0:
            found[number] = account.process(number)
    return found


def _goes_on(held: RowMapping, found: Mapping[int, Process | None]) -> bool:
    """Whether Brevo still works on it, or on what may be an earlier sending of it, whose answer was lost."""
    number = held["process_id"]
    if number not in found or _status(found[number]) in _OPEN:
        return True
    before = (one for one in found.values() if one and one.get("name") == _IMPORT and one["id"] < number)
    return held["attempts"] > 1 and any(_status(one) in _OPEN for one in before)


def _status(process: Process | None) -> str:
    return str(process.get("status")) if process else "unknown to Brevo"


def _end(deps: Deps, shop: Shop, account: BrevoAccount, held: RowMapping, process: Process | None) -> bool:
    """Write down what became of an import that has ended; whether there is more to be done soon."""
    if process is None or _status(process) != "completed":
        reason = f"the import is {_status(process)}"
        endings.give_up(deps, shop, held, reason)
        return True
    try:
        refused = result_files.read(deps, shop, held["id"], (process.get("info") or {}).get("import") or {})
        endings.end(deps, shop, account, held, refused)
    except result_files.Unreadable as error:
        # Who was left out is not known: each contact answers for itself.
        endings.give_up(deps, shop, held, str(error))
    except ProviderError as error:
        postpone(deps, shop, held, error)
        return False
    return True

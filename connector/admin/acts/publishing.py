"""Publishing what was written, and taking it back: what becomes of those inside is part of the act."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from connector.admin import flow_history, publication, revision
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Paged, View
from connector.admin.acts.drafts import locked
from connector.admin.publication import Publication
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.paging import SIZE, after, page
from connector.scope import Scope
from connector.shops import Shop
from flows.core.problems import DefinitionError
from flows.engine import flow_drafts, lifecycle

INSIDE: Mapping[str, str] = {
    "finish": "They finish the version that they are in",
    "move": "They go on in the new version, on the step that is chosen for theirs",
    "exit": "They leave the flow now, and what was not sent by then is not sent",
}
"""What may become of those inside earlier versions."""
AS: Mapping[str, str] = {
    "active": "Active: it lets people in from now on",
    "draft": "Stored: it lets nobody in before it is started",
}
_STEP = validate.Length(max=200)


class Fate(Schema):
    seen = fields.String(required=True, validate=validate.Length(max=64))
    inside = fields.String(load_default="finish", validate=validate.OneOf(list(INSIDE)))
    steps = fields.Dict(
        keys=fields.String(validate=_STEP),
        values=fields.String(validate=_STEP),
        load_default=dict,
        metadata={"description": "With inside: move, the step of the new version for those on this one of theirs."},
    )


class Publishing(Fate):
    status = fields.String(load_default="active", validate=validate.OneOf(list(AS)))


def _publish(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        draft = locked(scope, given["flow"])
        current, status = publication.standing(scope.connection, shop.id, draft.flow, lock=True)
        _check(given, current, draft.files)
        stored = given["status"] == "draft" and status not in ("active", "paused")
        try:
            folder = flow_drafts.compiled(draft)
            version = lifecycle.publish_folder(scope, folder, by=visitor.actor, draft=stored)
        except DefinitionError as error:
            raise _wrong(error) from None
        _places(scope, draft.flow, version, given)
        flow_drafts.drop(scope, draft.flow)
    return _settled(deps, shop, visitor, draft.flow, version, given)


def _roll_back(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    flow = given["flow"]
    with deps.open(shop) as scope:
        files = flow_drafts.from_version(scope.connection, shop.id, flow, given["version"])
        current, _ = publication.standing(scope.connection, shop.id, flow, lock=True)
        _check(given, current, files)
        try:
            version = lifecycle.roll_back(scope, flow, given["version"], by=visitor.actor)
        except DefinitionError as error:
            raise _wrong(error) from None
        _places(scope, flow, version, given)
    return _settled(deps, shop, visitor, flow, version, given)


def _check(given: Given, current: int, files: Mapping[str, str]) -> None:
    if given["seen"] != publication.seen_of(current, files):
        raise revision.Outdated(
            "Somebody has published this flow or changed its draft since you opened this page, so nothing was done."
            " Look at what it would mean now, and publish again."
        )


def _wrong(error: DefinitionError) -> InvalidInput:
    return InvalidInput(f"It cannot be published as it is. {' '.join(str(one) for one in error.problems[:5])}")


def _places(scope: Scope, flow: str, version: int, given: Given) -> None:
    """Refuse a move that would leave some behind, while nothing is done yet."""
    if given["inside"] != "move":
        return
    lost = lifecycle.without_place(scope.connection, scope.shop_id, flow, version, given["steps"])
    if lost:
        steps = ", ".join(sorted({f"{group.step} of version {group.version}" for group, _ in lost}))
        raise InvalidInput(
            f"Nothing was published: somebody stands on a step that the new version has not ({steps})."
            " Say for each of them where they go on, or have them finish."
        )


def _settled(deps: Deps, shop: Shop, visitor: Visitor, flow: str, version: int, given: Given) -> Mapping[str, Any]:
    """What becomes of those inside; the workers see to it."""
    people = 0
    with transaction(deps.engine) as connection:
        _, status = publication.standing(connection, shop.id, flow)
    if given["inside"] == "move":
        people = lifecycle.carry_over(deps, shop, flow, version, given["steps"], by=visitor.actor)
    elif given["inside"] == "exit":
        people = lifecycle.take_out(deps, shop, flow, outcome="new_version", but=[version], by=visitor.actor)
    return {"flow": flow, "version": version, "status": status, "people": people}


def _versions(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        found = listed(connection, shop.id, given["flow"], given["after"])
    rows = [
        {"version": one.version, "published_at": one.published_at, "by": one.by, "was": one.taken_from}
        for one in found.rows
    ]
    return {"rows": rows, "next": found.next}


def listed(connection: Any, shop_id: int, flow: str, cursor: str | None) -> Any:
    """A page of the versions of this flow, the newest first. Raises LookupError when there is no such flow."""
    key = after(cursor, int)
    found = flow_history.versions(connection, shop_id, flow, key[0] if key else None, SIZE + 1)
    if not found and key is None:
        raise LookupError(f"There is no flow {flow} here.")
    return page(found, lambda one: (one.version,))


def _version(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        files = flow_drafts.from_version(connection, shop.id, given["flow"], given["version"])
        current, _ = publication.standing(connection, shop.id, given["flow"])
    return {
        "flow": given["flow"],
        "version": given["version"],
        "files": files,
        "seen": publication.seen_of(current, files),
    }


def meant(deps: Deps, shop: Shop, flow: str, version: int | None = None) -> Publication:
    """What publishing the draft, or this version once more, would mean. Raises LookupError when there is none."""
    with deps.open(shop) as scope:
        if version is not None:
            return publication.of_version(scope.connection, shop.id, flow, version)
        return publication.of_draft(scope, flow_drafts.load(scope.connection, shop.id, flow))


def _meant(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    """``inside``: who is where, and the step on which they would go on; ``steps``: those of the new version."""
    one = meant(deps, shop, given["flow"], given.get("version"))
    return {
        "flow": one.flow,
        "current": one.current,
        "status": one.status,
        "possible": not one.stopped,
        "findings": [each.to_json() for each in one.said],
        "differences": [
            {"file": each.file, "what": each.what, "more": each.more, "less": each.less} for each in one.differences
        ],
        "inside": [
            {"version": group.version, "step": group.step, "people": group.people, "goes_on": group.target}
            for group in one.groups
        ],
        "steps": one.steps,
        "seen": one.seen,
    }


_VERSION = "flows/<flow>/versions/<int(max=2147483647):version>"
PUBLISH = Act(
    "publish_draft",
    "drafts/<flow>/publish",
    "Publish a draft: new people enter it. What `seen` says is read at the same address.",
    _publish,
    Publishing(),
)
ROLL_BACK = Act(
    "roll_back",
    f"{_VERSION}/roll-back",
    "Publish an earlier version once more, as the newest. What `seen` says is read at the same address.",
    _roll_back,
    Fate(),
)
ACTS = (PUBLISH, ROLL_BACK)
VIEWS = (
    View("versions", "flows/<flow>/versions", "The versions of a flow, the newest first.", _versions, Paged()),
    View("version", _VERSION, "The files of a version.", _version),
    View(
        "publishing",
        "drafts/<flow>/publish",
        "What publishing a draft would mean: what changes, who is inside, and what keeps it from being published.",
        _meant,
    ),
    View(
        "rolling_back",
        f"{_VERSION}/roll-back",
        "What publishing a version once more would mean: what changes, and who is inside.",
        _meant,
    ),
)

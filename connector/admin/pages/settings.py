"""The shop's settings: an overview of their parts, and each part as a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector import shops
from connector.admin import forms, revision
from connector.admin.acts import settings as acts
from connector.admin.acts.act import Act
from connector.admin.frame import asking, shop
from connector.admin.sections import named, rows, sections, suggestions
from connector.admin.sections.section import Entered, Section, defaults, read, seen, with_settings
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput

# The button that asks for more empty lines.
_MORE = "more_lines"
_FRAME_FIELDS = frozenset({"csrf_token", "seen", _MORE})
# Characters of a whole form.
_LONGEST = 400_000


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/settings", endpoint="settings")
    def overview(shop_id: int) -> str:
        with transaction(deps.engine) as connection:
            said = {one.key: one.effect(connection, shop(), deps.clock.now()) for one in sections().values()}
        return render_template("admin/settings.html", sections=sections(), said=said)

    @routes.get("/shops/<int:shop_id>/settings/<section>", endpoint="setting")
    def form(shop_id: int, section: str) -> str:
        return _page(deps, named(section))

    @routes.post("/shops/<int:shop_id>/settings/<section>/preview")
    def preview_setting(shop_id: int, section: str) -> tuple[str, int]:
        """What the form would come to; nothing is written."""
        part = named(section)
        texts = _texts(part)
        if _MORE in request.form:
            return _page(deps, part, Entered(texts), empty=rows.MORE), 200
        entered = read(part, shop(), texts)
        return _page(deps, part, entered, previewed=not entered.errors), 422 if entered.errors else 200

    @routes.post("/shops/<int:shop_id>/settings/<section>")
    def save_setting(shop_id: int, section: str) -> Response | tuple[str, int]:
        return _save(deps, acts.SAVE, section)

    @routes.post("/shops/<int:shop_id>/settings/<section>/owners")
    def save_owner_setting(shop_id: int, section: str) -> Response | tuple[str, int]:
        return _save(deps, acts.SAVE_OF_OWNERS, section)

    @routes.post("/shops/<int:shop_id>/settings/sender")
    def set_sender(shop_id: int) -> Response:
        acts.SET_SENDER.do(deps, shop(), asking().visitor, forms.posted(acts.SENDER_FIELDS))
        return redirect(url_for("admin.setting", shop_id=shop_id, section="brand", note="saved"), 303)


def _save(deps: Deps, act: Act, section: str) -> Response | tuple[str, int]:
    part = named(section)
    entered = read(part, shop(), _texts(part))
    if entered.errors:
        return _page(deps, part, entered), 422
    given = {"section": section, "seen": request.form.get("seen"), "settings": entered.settings}
    try:
        done = act.do(deps, shop(), asking().visitor, given)
    except revision.Outdated:
        return _page(deps, part, entered, outdated=True), 409
    if done["notes"]:
        with transaction(deps.engine) as connection:
            now = shops.load(connection, shop().id)
        return _page(deps, part, notes=done["notes"], of=now), 200
    note = "saved" if done["changed"] else "nothing_changed"
    return redirect(url_for("admin.setting", shop_id=shop().id, section=section, note=note), 303)


def _texts(section: Section) -> Mapping[str, str]:
    """The fields of the form, by their paths. Raises InvalidInput for one that this part does not have."""
    tables = {one.path: one.kind.columns for one in section.fields if one.kind.columns}
    paths = {one.path for one in section.fields} - set(tables)
    unknown = set(request.form) - paths - _FRAME_FIELDS
    unknown -= {name for name in unknown if any(rows.is_field(path, of, name) for path, of in tables.items())}
    if unknown:
        raise InvalidInput(f"This form has no field {', '.join(sorted(unknown))[:200]}.")
    # Browsers end lines of their own way.
    texts = {name: " ".join(values).replace("\r\n", "\n") for name, values in request.form.lists()}
    if sum(map(len, texts.values())) > _LONGEST:
        raise InvalidInput("This is too long to be kept.")
    lines = {path: rows.gathered(texts, path, columns) for path, columns in tables.items()}
    return {name: text for name, text in texts.items() if name in paths} | lines


def _page(
    deps: Deps,
    section: Section,
    entered: Entered | None = None,
    *,
    of: Any = None,
    previewed: bool = False,
    outdated: bool = False,
    notes: Sequence[str] = (),
    empty: int = rows.EMPTY,
) -> str:
    """``of``: the shop as it is now, when it is not as the request found it; ``empty``: lines for more in tables."""
    current = of or shop()
    looked_at = with_settings(current, entered.settings) if entered and previewed else current
    with transaction(deps.engine) as connection:
        said = section.effect(connection, looked_at, deps.clock.now())
    shown = {one.path: one.shown(current.settings) for one in section.fields}
    groups: dict[str, list[Any]] = {}
    for one in section.fields:
        groups.setdefault(one.group, []).append(one)
    return render_template(
        "admin/setting.html",
        section=section,
        groups=groups,
        texts={**shown, **entered.texts} if entered else shown,
        # A box that is not ticked is not sent.
        ticked=entered.texts if entered else shown,
        now=shown,
        usual={one.path: one.shown(defaults()) for one in section.fields},
        errors=entered.errors if entered else {},
        said=said,
        more=section.more(looked_at) if section.part else {},
        seen=request.form.get("seen", "") if entered and not outdated else seen(section, current),
        sender=revision.of(acts.sender_of(current)),
        previewed=previewed,
        outdated=outdated,
        notes=notes,
        lines=lambda text: rows.shown_lines(text, empty),
        offered=suggestions.offered(section),
        not_here=acts.NOT_HERE if section.signed_in and not asking().visitor.signs_in else "",
        more_lines=_MORE,
    )

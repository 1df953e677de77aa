"""A part of the shop's settings as a form: its fields, what was entered, and what the settings would be by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import Connection

from connector import shops
from connector.admin import revision
from connector.admin.sections.kinds import TEXT, Kind, lookup
from connector.shops import Shop, ShopSettingsSchema

Settings = dict[str, Any]
"""Some of a shop's settings as they are stored."""


@dataclass(frozen=True)
class Field:
    """One field of the form. ``path``: of the value in the settings, which is also the field's name.

    ``group``: the heading under which it stands; ``empty``: what it means when it was left empty, where that is not the
    default; ``keeps_empty``: left empty it is null, and not the default.
    """

    path: str
    label: str
    kind: Kind = TEXT
    hint: str = ""
    group: str = ""
    empty: str = ""
    keeps_empty: bool = False

    def shown(self, settings: Mapping[str, Any]) -> str:
        return self.kind.show(lookup(settings, self.path))

    @property
    def default(self) -> str:
        """What holds when nothing is entered, as the field would show it."""
        return self.shown(defaults())


def _as_it_is(settings: Settings) -> None:
    """Nothing to put right."""


def _nothing(connection: Connection, shop: Shop, now: datetime) -> Sequence[str]:
    return ()


def _no_more(shop: Shop) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Section:
    """``keys``: the settings that it is about, whole; ``owners``: only owners change it; ``signed_in``: and they
    only with an account of their own (``Visitor.signs_in``).

    ``tidy``: puts right what a form cannot say otherwise; ``effect``: sentences on what these settings come to;
    ``part``: a template that shows more, with what ``more`` finds.
    """

    key: str
    title: str
    about: str
    fields: Sequence[Field]
    keys: Sequence[str]
    owners: bool = False
    signed_in: bool = False
    tidy: Callable[[Settings], None] = _as_it_is
    effect: Callable[[Connection, Shop, datetime], Sequence[str]] = _nothing
    part: str = ""
    more: Callable[[Shop], Mapping[str, Any]] = _no_more

    @property
    def has_lines(self) -> bool:
        """Whether it has a table to which lines can be added."""
        return any(one.kind.columns for one in self.fields)

    @property
    def endpoint(self) -> str:
        """By which it is saved."""
        return "admin.save_owner_setting" if self.owners else "admin.save_setting"


@dataclass
class Entered:
    """What somebody has entered. ``errors``: sentences by the field's path, "" for what is about none of them."""

    texts: Mapping[str, str]
    settings: Settings = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@cache
def defaults() -> Mapping[str, Any]:
    """Every setting of a shop that has chosen none."""
    loaded: Mapping[str, Any] = ShopSettingsSchema().load({})
    return loaded


def document(section: Section, shop: Shop) -> Settings:
    """The section's settings as they are stored; None for what was never chosen."""
    return {key: deepcopy(shop.raw_settings.get(key)) for key in section.keys}


def seen(section: Section, shop: Shop) -> str:
    """What stands for the section as it is now."""
    return revision.of(document(section, shop))


def read(section: Section, shop: Shop, texts: Mapping[str, str]) -> Entered:
    """What this form says, on top of the shop's settings as they are: what was not touched stays as it is stored, a
    default that was never chosen too. ``texts``: by the fields' paths."""
    entered, made = Entered(texts), document(section, shop)
    for one in section.fields:
        written = texts.get(one.path, "")
        if written.strip() == one.shown(shop.settings).strip():
            continue
        try:
            _put(made, one, written)
        except ValueError as error:
            entered.errors[one.path] = str(error)
    made = {key: _pruned(value) for key, value in made.items()}
    section.tidy(made)
    entered.settings = {key: _or_default(key, made[key]) for key in section.keys}
    if not entered.errors:
        entered.errors.update(faults(section, shop, entered.settings))
    return entered


def faults(section: Section, shop: Shop, settings: Settings) -> dict[str, str]:
    """What is wrong with the shop's settings by these, each beside the field that it is about."""
    try:
        ShopSettingsSchema().load({**shop.raw_settings, **settings})
    except ValidationError as error:
        said: dict[str, Any] = error.normalized_messages()
        found: dict[str, str] = {}
        for path, sentence, number in _flat(said):
            name = _field_of(section, path)
            sentence = _placed(section, name, path, number) + sentence
            known = found.get(name)
            found[name] = f"{known} {sentence}" if known and sentence not in known else sentence
        return found
    return {}


def changed(section: Section, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The paths of the fields that differ between two shops' settings, and settings that have no field of their own."""
    found = [one.path for one in section.fields if one.shown(before) != one.shown(after)]
    named = {one.partition(".")[0] for one in found}
    return found + [key for key in section.keys if key not in named and before.get(key) != after.get(key)]


def with_settings(shop: Shop, settings: Settings) -> Shop:
    """The shop as these settings make it, which nobody but the caller sees."""
    return replace(shop, raw_settings={**shop.raw_settings, **settings})


def keep(connection: Connection, shop: Shop, settings: Settings) -> None:
    """Take them. Raises ValidationError."""
    shops.change_settings(connection, shop.id, settings)


def _put(made: Settings, one: Field, written: str) -> None:
    *way, last = one.path.split(".")
    place: Any = made
    for part in way:
        if not isinstance(place.get(part), dict):
            place[part] = {}
        place = place[part]
    if one.kind.control in ("flag", "several"):
        place[last] = one.kind.read(written)
    elif written.strip():
        place[last] = one.kind.read(written)
    elif one.keeps_empty or not way:
        place[last] = None
    else:
        place.pop(last, None)


def _pruned(value: Any) -> Any:
    """Without groups of fields of which none was filled in."""
    if not isinstance(value, dict):
        return value
    inner = {name: _pruned(one) for name, one in value.items()}
    return {name: one for name, one in inner.items() if one != {}}


def _or_default(key: str, value: Any) -> Any:
    """An empty text is a value of its own where the default is none."""
    default = defaults()[key]
    is_empty = value is None or value == {} or (value == "" and isinstance(default, str))
    return deepcopy(default) if is_empty else value


# What the library says of its own, for people who have not written the schema.
_SAID = {
    "Missing data for required field.": "This is needed too.",
    "String does not match expected pattern.": "This is not written as it has to be: look at the example.",
    "Not a valid URL.": "Write the whole address, beginning with https://.",
    "Not a valid email address.": "This is no email address.",
}


def _flat(said: Any, path: tuple[str, ...] = (), number: int | None = None) -> list[tuple[str, str, int | None]]:
    """(path, sentence, number of the entry when it is one of a list)."""
    if isinstance(said, Mapping):
        # Of a list the number, of a mapping whether it is the name or the value: no part of a field's path.
        parts = {name: () if isinstance(name, int) or name in ("key", "value") else (str(name),) for name in said}
        entries = ((name, name if isinstance(name, int) else number) for name in said)
        return [one for name, entry in entries for one in _flat(said[name], path + parts[name], entry)]
    sentences = [str(one) for one in said] if isinstance(said, list) else [str(said)]
    return [(".".join(path), " ".join(_SAID.get(one, one) for one in sentences), number)]


def _placed(section: Section, name: str, path: str, number: int | None) -> str:
    """Which line of a table an error is about, and which column of it."""
    kind = next((one.kind for one in section.fields if one.path == name), TEXT)
    if not kind.columns:
        return ""
    column, inner = "", [one for one in path.removeprefix(name).split(".") if one]
    for one in kind.columns:
        if inner and one.name == inner[-1]:
            column = f"{one.label}: "
            inner.pop()
    where = f"Line {number + 1}" if number is not None else inner[0] if inner else ""
    return f"{where}: {column}" if where else column


def _field_of(section: Section, path: str) -> str:
    """The field that an error is about: itself, what it is in, or what is in it."""
    paths = [one.path for one in section.fields]
    near = [one for one in paths if path == one or path.startswith(f"{one}.") or one.startswith(f"{path}.")]
    return max(
        near, key=lambda one: (path.startswith(one), len(one) if path.startswith(one) else -len(one)), default=""
    )

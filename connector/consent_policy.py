"""The rules of consent by country, from ``consent_policy.yaml`` and what the shop has set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from marshmallow import RAISE, Schema, fields, validate
from sqlalchemy import RowMapping

from connector import shipped_yaml
from flows.core.permission import OWN, Country, Policy, Rule


class _RuleSchema(Schema):
    class Meta:
        unknown = RAISE

    double_opt_in = fields.Boolean(required=True)
    soft_opt_in = fields.Boolean(required=True)
    implied_days = fields.Integer(required=True, allow_none=True, strict=True, validate=validate.Range(min=0))


class _CountrySchema(Schema):
    class Meta:
        unknown = RAISE

    open_tracking_consent = fields.Boolean(required=True)
    channels = fields.Dict(
        keys=fields.String(validate=validate.OneOf(list(OWN))),
        values=fields.Dict(keys=fields.String(), values=fields.Nested(_RuleSchema)),
        required=True,
    )


class PolicySchema(Schema):
    """Of consent_policy.yaml. ``rules`` and ``sets`` only name what its lines repeat."""

    class Meta:
        unknown = RAISE

    rules = fields.Dict()
    sets = fields.Dict()
    strictest = fields.Nested(_CountrySchema, required=True)
    elsewhere = fields.Nested(_CountrySchema, required=True, data_key="unknown")
    countries = fields.Dict(
        keys=fields.String(validate=validate.Regexp(r"[A-Z]{2}\Z")), values=fields.Nested(_CountrySchema), required=True
    )


def read(text: str) -> Policy:
    """The policy that this YAML says. Raises ValidationError naming what is wrong."""
    loaded = PolicySchema().load(shipped_yaml.load(text))
    countries = {code: _country(entry) for code, entry in loaded["countries"].items()}
    return Policy(countries, _country(loaded["strictest"]), _country(loaded["elsewhere"]))


def _country(entry: Mapping[str, Any]) -> Country:
    rules = {
        (channel, purpose): Rule(**rule)
        for channel, purposes in entry["channels"].items()
        for purpose, rule in purposes.items()
    }
    return Country(rules, entry["open_tracking_consent"])


@cache
def shipped() -> Policy:
    return read((files("connector") / "consent_policy.yaml").read_text(encoding="utf-8"))


def in_force(settings: Mapping[str, Any]) -> Policy:
    """The shipped policy with what the shop's settings make stricter, and where they switch the soft opt-in on."""
    return _changed(
        frozenset(settings["soft_opt_in"]), settings["double_opt_in"]["always"], settings["ask_for_open_tracking"]
    )


# Asked for with every contact, and there are few.
@cache
def _changed(soft_opt_in: frozenset[str], always_double: bool, always_ask: bool) -> Policy:
    return replace(shipped(), soft_opt_in=soft_opt_in, always_double=always_double, always_ask_for_tracking=always_ask)


def country_of(person: Mapping[str, Any] | RowMapping, settings: Mapping[str, Any]) -> str | None:
    """The country whose rules hold for this row of ``persons``: their own, else the shop's; None when unknown."""
    return person["country"] or settings["country"] or None

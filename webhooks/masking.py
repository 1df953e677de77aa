"""A payload for the eyes of staff: its shape, ids, times and amounts, without what it says of a person.

What is not known to be harmless is masked, so that a field that a platform adds does not show anybody's name.
"""

from __future__ import annotations

import re
from typing import Any

# Text under these names is a word of the platform, never of a person.
_HARMLESS = frozenset(
    "action api_version cancel_reason channel code country_code currency event fulfillment_status financial_status"
    " gateway id kind lane level locale marketing_opt_in_level marketing_state message-id namespace processing_method"
    " product_type reason sku source source_name state status template_id topic type vendor".split()
)
_HARMLESS_END = ("_at", "_code", "_currency", "_id", "_status", "_state", "_type", "_on", "_updated")
_PERSONAL = re.compile(r"address|latitude|longitude|phone|email|(\b|_)ip\b|note|name|birth", re.IGNORECASE)
# Below these names nothing is harmless but the country.
_PERSONAL_WHOLE = re.compile(r"address|note|properties|attributes|answers", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ][\d:.]+(Z|[+-]\d{2}:?\d{2})?)?\Z")
_AMOUNT = re.compile(r"-?(\d{1,6}|\d{1,13}\.\d{1,4})\Z")
_GLOBAL_ID = re.compile(r"gid://shopify/\w+/\d+\Z")
_WORD = re.compile(r"[\w./<>@+-]{1,100}\Z")
# A larger number that is nobody's id may be somebody's telephone.
_SMALL = 1_000_000


def masked(value: Any, name: str = "", personal: bool = False) -> Any:
    """The same JSON value with everything masked that may be personal. ``name``: the field it stands in;
    ``personal``: it lies below a field about a person."""
    if isinstance(value, dict):
        return {key: masked(inner, key, _below(key, inner, personal)) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, name, personal) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    return value if _is_harmless(value, name.lower(), personal) else _mask(value)


def _below(key: str, inner: Any, personal: bool) -> bool:
    """Addresses and the like are personal to the last field; a customer's record is judged field by field."""
    return personal or bool(isinstance(inner, dict | list) and _PERSONAL_WHOLE.search(key))


def _is_harmless(value: Any, name: str, personal: bool) -> bool:
    if name == "country_code":
        return True
    named = name in _HARMLESS or name.endswith(_HARMLESS_END)
    if personal or (_PERSONAL.search(name) and not named):
        return False
    if not isinstance(value, str):
        return named or abs(value) < _SMALL
    if _TIME.match(value) or _AMOUNT.match(value) or _GLOBAL_ID.match(value):
        return True
    return named and bool(_WORD.match(value)) and ("@" not in value or name == "message-id")


def _mask(value: Any) -> str:
    return f"[{len(value)} characters]" if isinstance(value, str) else "[a number]"

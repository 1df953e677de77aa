"""The registry of actions: what flows do that is no message. Adding one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Mapping

from flows.actions.action import Action
from flows.actions.coupon import COUPON

ACTIONS: Mapping[str, Action] = {action.name: action for action in (COUPON,)}

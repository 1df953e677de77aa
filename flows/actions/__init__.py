"""The registry of actions: what flows do that is no message. Adding one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Mapping

from flows.actions.action import Action
from flows.actions.attribute import ATTRIBUTE
from flows.actions.coupon import COUPON
from flows.actions.list import LIST
from flows.actions.notify import NOTIFY
from flows.actions.points import POINTS
from flows.actions.shopify_flow import SHOPIFY_FLOW
from flows.actions.tag import TAG
from flows.actions.task import TASK
from flows.actions.tier import TIER
from flows.actions.webhook import WEBHOOK

ACTIONS: Mapping[str, Action] = {
    action.name: action for action in (COUPON, TAG, LIST, ATTRIBUTE, POINTS, TIER, NOTIFY, TASK, WEBHOOK, SHOPIFY_FLOW)
}

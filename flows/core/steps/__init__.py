"""The step kinds: one module and one line here each."""

from __future__ import annotations

from collections.abc import Mapping

from flows.core.steps.attribute import ATTRIBUTE
from flows.core.steps.cases import CASES
from flows.core.steps.coupon import COUPON
from flows.core.steps.email import EMAIL
from flows.core.steps.end import END
from flows.core.steps.enter import ENTER
from flows.core.steps.event import EVENT
from flows.core.steps.kind import StepKind
from flows.core.steps.list import LIST
from flows.core.steps.move_to import MOVE_TO
from flows.core.steps.notify import NOTIFY
from flows.core.steps.points import POINTS
from flows.core.steps.push import PUSH
from flows.core.steps.score import SCORE
from flows.core.steps.shopify_flow import SHOPIFY_FLOW
from flows.core.steps.sms import SMS
from flows.core.steps.split import SPLIT
from flows.core.steps.suppress import SUPPRESS
from flows.core.steps.tag import TAG
from flows.core.steps.task import TASK
from flows.core.steps.tier import TIER
from flows.core.steps.wait import WAIT
from flows.core.steps.webhook import WEBHOOK
from flows.core.steps.whatsapp import WHATSAPP
from flows.core.steps.when import WHEN

STEPS: Mapping[str, StepKind] = {
    kind.name: kind
    for kind in (
        EMAIL,
        SMS,
        WHATSAPP,
        PUSH,
        WAIT,
        WHEN,
        CASES,
        SPLIT,
        COUPON,
        TAG,
        LIST,
        ATTRIBUTE,
        POINTS,
        TIER,
        SCORE,
        SHOPIFY_FLOW,
        TASK,
        NOTIFY,
        WEBHOOK,
        EVENT,
        SUPPRESS,
        ENTER,
        MOVE_TO,
        END,
    )
}

"""The control API under `/_control/`: for tests and demos on this machine, never part of the platform."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, jsonify, request

from sandbox.store import subscriptions
from sandbox.store.actions import BadAction
from sandbox.store.app_control import add_app_controls
from sandbox.store.control_requests import body_of
from sandbox.store.deliveries import summary
from sandbox.store.payload_parts import amount
from sandbox.store.platform import Platform
from sandbox.store.shop import Shop
from sandbox.store.topics import COMPLIANCE_TOPICS, TOPICS
from sandbox.store.world_control import add_world_controls

# Real seconds that `advance` and `act` wait for first answers, unless the caller says otherwise.
WAIT_SECONDS = 30.0


def control_api(platform: Platform) -> Blueprint:
    """The blueprint; every answer is JSON, and 403 to callers from other machines."""
    control = Blueprint("control", __name__, url_prefix="/_control")

    @control.before_request
    def this_machine_only() -> None:
        if request.remote_addr not in ("127.0.0.1", "::1"):
            abort(403)

    @control.errorhandler(BadAction)
    @control.errorhandler(ValueError)
    @control.errorhandler(TypeError)
    @control.errorhandler(LookupError)
    @control.errorhandler(OSError)
    def refuse(problem: Exception) -> tuple[Response, int]:
        return jsonify(error=str(problem)), 400

    @control.get("next")
    def next_action() -> Response:
        return jsonify(
            at=platform.schedule.next_at(), now=platform.clock.now(), remaining=platform.schedule.remaining()
        )

    @control.post("advance")
    def advance() -> Response:
        wait = float(body_of(request).get("wait_seconds", WAIT_SECONDS))
        return jsonify(platform.schedule.advance(wait))

    @control.get("idle")
    def idle() -> Response:
        return jsonify(platform.deliveries.counts())

    @control.post("act")
    def act() -> Response:
        """`{"action": ..., "wait_seconds": 30, ...arguments}`; 0 does not wait."""
        body = body_of(request)
        action, wait = str(body.pop("action", "")), float(body.pop("wait_seconds", WAIT_SECONDS))
        touched, webhooks = platform.actions.perform(action, body)
        if wait:
            platform.deliveries.wait_answered([w for w in webhooks if w.state != "held"], wait)
        return jsonify({**touched, "webhooks": [summary(webhook) for webhook in webhooks]})

    @control.get("log")
    def journal() -> Response:
        since, limit = request.args.get("since", 0, int), request.args.get("limit", None, int)
        entries = platform.journal.since(since, limit)
        return jsonify(entries=entries, next=entries[-1]["seq"] if entries else since)

    @control.get("webhooks")
    def webhooks() -> Response:
        """Every delivery with its attempts and first acknowledgement, joined from the log."""
        return jsonify(webhooks=[summary(webhook) for webhook in platform.deliveries.all()])

    @control.get("state")
    def state() -> Response:
        return jsonify(
            now=platform.clock.now(),
            secret=next(iter(platform.shops.values())).settings.secret,
            shops={domain: _shop_state(platform, shop) for domain, shop in platform.shops.items()},
        )

    @control.post("faults")
    def faults() -> Response:
        """`{"faults": [...]}` replaces those in force; an empty list ends them."""
        platform.faults.replace(body_of(request)["faults"])
        return jsonify(ok=True)

    @control.post("subscribe")
    def subscribe() -> Response:
        """`{"uri": ..., "topics": [...], "shops": [...]}`: as an app's configuration does."""
        body = body_of(request)
        made = 0
        for domain in body.get("shops") or platform.shops:
            shop = platform.shops[domain]
            for topic in body.get("topics") or (*TOPICS, *COMPLIANCE_TOPICS):
                with shop.lock:
                    options = {"origin": body.get("origin", "app"), "api_version": platform.api_version}
                    subscriptions.subscribe(shop, platform.clock.now(), topic, body["uri"], **options)
                    made += 1
        return jsonify(subscriptions=made)

    @control.post("unsubscribe")
    def unsubscribe() -> Response:
        """`{"shop": ..., "topics": [...]}`, of all shops and topics where not said otherwise."""
        body = body_of(request)
        for shop in platform.shops.values():
            if body.get("shop") in (None, shop.domain):
                with shop.lock:
                    for number, one in list(shop.subscriptions.items()):
                        if one.topic in body.get("topics", [one.topic]):
                            del shop.subscriptions[number]
        return jsonify(ok=True)

    @control.post("scopes")
    def scopes() -> Response:
        """`{"shop": ..., "scopes": [...]}`: what the merchant grants from now on."""
        body = body_of(request)
        shop = platform.shops[body["shop"]]
        with shop.lock:
            shop.installation.scopes = set(body["scopes"])
        return jsonify(ok=True)

    @control.post("bucket")
    def bucket() -> Response:
        """`{"shop": ..., "left": 0}` leaves so many points to the next queries."""
        body = body_of(request)
        platform.admin_api.bucket(body["shop"]).drain(int(body["left"]))
        return jsonify(ok=True)

    add_app_controls(control, platform)
    add_world_controls(control, platform)
    return control


def _shop_state(platform: Platform, shop: Shop) -> dict[str, Any]:
    now = platform.clock.now()
    with shop.lock:
        return {
            "token": shop.settings.token,
            "currency": shop.settings.currency,
            "subscriptions": [{"topic": s.topic, "uri": s.uri} for s in shop.subscriptions.values()],
            "customers": [
                {
                    "id": c.id,
                    "email": c.email,
                    "consent": c.consent.state,
                    "consent_updated_at": c.consent.updated_at,
                    "phone": c.phone,
                    "sms_consent": c.sms_consent.state,
                    "whatsapp_consent": c.whatsapp_consent.state,
                    "tags": c.tags,
                    "orders": len(c.orders),
                    "created_at": c.created_at,
                }
                for c in shop.customers.values()
            ],
            "checkouts": [
                {
                    "id": c.id,
                    "token": c.token,
                    "cart_token": c.cart_token,
                    "email": c.email,
                    "total": amount(c.subtotal),
                    "titles": [line.variant.product.title for line in c.lines],
                    "created_at": c.created_at,
                    "last_edit_at": c.last_edit_at,
                    "completed_at": c.completed_at,
                    "abandoned": shop.is_abandoned(c, now),
                    "recovered": c.completed_at is not None and shop.is_abandoned(c, now),
                }
                for c in shop.checkouts.values()
            ],
            "orders": [
                {
                    "id": o.id,
                    "name": o.name,
                    "email": o.email,
                    "customer_id": o.customer.id,
                    "checkout_token": o.checkout_token,
                    "cart_token": o.cart_token,
                    "total": amount(o.subtotal),
                    "discount_code": o.discount_code,
                    "created_at": o.created_at,
                    "cancelled_at": o.cancelled_at,
                    "test": o.test,
                }
                for o in shop.orders.values()
            ],
            "discounts": [
                {
                    "id": d.id,
                    "title": d.title,
                    "codes": [one.code for one in d.codes],
                    "used": sum(len(one.used) for one in d.codes),
                    "percentage": d.percentage,
                    "amount": None if d.amount is None else amount(d.amount),
                    "created_at": d.created_at,
                    "ends_at": d.ends_at,
                }
                for d in shop.discounts.by_id.values()
            ],
        }

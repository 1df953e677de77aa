"""The part of the control API that is about big worlds: their past, what is in them, bulk queries, deletion."""

from __future__ import annotations

from dataclasses import asdict, replace

from flask import Blueprint, Response, jsonify, request

from sandbox.store.api_calls import counted
from sandbox.store.census import census, digest, updated
from sandbox.store.control_requests import body_of
from sandbox.store.deletion import delete
from sandbox.store.past import add_past, past_of
from sandbox.store.platform import Platform
from sandbox.store.shop import Shop


def add_world_controls(control: Blueprint, platform: Platform) -> None:
    """Add the routes to the control API."""

    def shop_of(name: str | None) -> Shop:
        return platform.shops[name or next(iter(platform.shops))]

    @control.post("populate")
    def populate() -> Response:
        """`{"shop", "customers", "orders", "products", "collections", "abandoned_checkouts", "seed", "from", "to"}`."""
        body = body_of(request)
        shop = shop_of(body.pop("shop", None))
        began = platform.clock.real()
        with shop.lock:
            add_past(shop, past_of(body, platform.clock.now()))
        return jsonify(seconds=platform.clock.real() - began)

    @control.get("census")
    def count() -> Response:
        """`?shop=`: count and digest of each kind; with `kind` the digest and every id with its `updated_at`."""
        shop, now, kind = shop_of(request.args.get("shop")), platform.clock.now(), request.args.get("kind")
        with shop.lock:
            if kind is None:
                return jsonify(census(shop, now))
            found = updated(shop, kind, now)
        return jsonify(count=len(found), digest=digest(found), records=found)

    @control.get("api_calls")
    def api_calls() -> Response:
        """`?shop=&since=SEQ`: the calls of the Admin API by kind, of the log after that entry."""
        entries = platform.journal.since(request.args.get("since", 0, int))
        return jsonify(counted(entries, request.args.get("shop")) | {"next": len(platform.journal)})

    @control.post("delete")
    def remove() -> Response:
        """`{"shop", "kind", "ids" or "count", "seed", "told": false}`; kinds as in the census."""
        body = body_of(request)
        shop = shop_of(body.pop("shop", None))
        return jsonify(deleted=delete(platform.actions, shop, **body))

    @control.post("permissions")
    def permissions() -> Response:
        """`{"shop", "manage_abandoned_checkouts", "protected_data"}`: what the app may see, beside its scopes."""
        body = body_of(request)
        shop = shop_of(body.get("shop"))
        with shop.lock:
            allowed = shop.abandoned_checkouts_allowed, shop.protected_data_allowed
            shop.abandoned_checkouts_allowed = bool(body.get("manage_abandoned_checkouts", allowed[0]))
            shop.protected_data_allowed = bool(body.get("protected_data", allowed[1]))
        return jsonify(ok=True)

    @control.post("bulk")
    def bulk() -> Response:
        """Changes the settings of bulk queries that it names, for those that begin from now on."""
        platform.bulk.settings = replace(platform.bulk.settings, **body_of(request))
        return jsonify(asdict(platform.bulk.settings))

    @control.post("bulk_faults")
    def bulk_faults() -> Response:
        """`{"faults": [...]}` replaces those in force; an empty list ends them."""
        platform.bulk.faults.replace(body_of(request)["faults"])
        return jsonify(ok=True)

    @control.post("delivery")
    def delivery() -> Response:
        """Changes the settings of deliveries that it names: those about retries, for attempts from now on."""
        platform.deliveries.settings = replace(platform.deliveries.settings, **body_of(request))
        return jsonify(asdict(platform.deliveries.settings))

"""Handing out the files of bulk queries, to whoever has a link that is signed and still good."""

from __future__ import annotations

import hmac
import os
import re
import socket
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, request

from sandbox.store.bulk.operation import Operation
from sandbox.store.bulk.operations import PATH
from sandbox.store.platform import Platform
from sandbox.store.shop import Shop

_CHUNK = 1 << 16


def bulk_outputs(platform: Platform) -> Blueprint:
    """The blueprint. Files are never compressed; `Range: bytes=N-` and `bytes=N-M` are served."""
    outputs = Blueprint("bulk_outputs", __name__)

    @outputs.get(f"/{PATH}/<name>")
    def output(name: str) -> Response:
        found = _find(platform, name)
        if found is None:
            return _refusal(404, "NoSuchKey", "The specified key does not exist.")
        shop, operation = found
        faults = platform.bulk.faults.striking(shop.domain, operation.root, "cut", "forbidden", "error", "slow")
        if "forbidden" in faults or not _is_good(platform, name):
            _note(platform, shop, operation, 403, 0)
            return _refusal(403, "ExpiredToken", "The provided token has expired.")
        if "error" in faults:
            _note(platform, shop, operation, faults["error"].status, 0)
            return _refusal(faults["error"].status, "InternalError", "We encountered an internal error.")
        if "slow" in faults:
            platform.clock.pause(faults["slow"].seconds)
        return _file(platform, shop, operation, faults["cut"].share if "cut" in faults else None)

    return outputs


def _find(platform: Platform, name: str) -> tuple[Shop, Operation] | None:
    for shop in platform.shops.values():
        with shop.lock:
            for operation in shop.bulk_operations.values():
                if operation.name == name and operation.link is not None:
                    return shop, operation
    return None


def _is_good(platform: Platform, name: str) -> bool:
    expires, signature = request.args.get("Expires", ""), request.args.get("Signature", "")
    if not re.fullmatch(r"\d{1,15}", expires):
        return False
    right = platform.bulk.signature(name, float(expires))
    return hmac.compare_digest(right.encode(), signature.encode()) and platform.clock.wire() <= float(expires)


def _file(platform: Platform, shop: Shop, operation: Operation, cut: float | None) -> Response:
    size = os.fstat(operation.file.fileno()).st_size
    start, end, status = 0, size, 200
    headers = {"Content-Disposition": request.args.get("response-content-disposition", "attachment")}
    if platform.bulk.settings.ranges:
        headers["Accept-Ranges"] = "bytes"
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if wanted:
            start, end, status = int(wanted[1]), min(size, int(wanted[2] or size) + 1), 206
            if start >= size:
                refusal = _refusal(416, "InvalidRange", "The requested range cannot be satisfied.")
                refusal.headers["Content-Range"] = f"bytes */{size}"
                return refusal
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    stop = end if cut is None else start + int((end - start) * cut)
    _note(platform, shop, operation, status, start, sent=stop - start)
    connection: socket.socket = request.environ["werkzeug.socket"]
    headers["Content-Length"] = str(end - start)
    body = _bytes(operation, start, stop, connection if stop < end else None)
    return Response(body, status, headers, content_type="application/jsonl")


def _bytes(operation: Operation, start: int, stop: int, cut_off: socket.socket | None) -> Iterator[bytes]:
    """The file's bytes; then, where it is to be cut, the connection ends with less than was promised."""
    at = start
    while at < stop:
        piece = os.pread(operation.file.fileno(), min(_CHUNK, stop - at), at)
        at += len(piece)
        yield piece
    if cut_off is not None:
        cut_off.shutdown(socket.SHUT_RDWR)


def _refusal(status: int, code: str, words: str) -> Response:
    text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{words}</Message></Error>"
    return Response(text, status, content_type="application/xml; charset=UTF-8")


def _note(platform: Platform, shop: Shop, operation: Operation, status: int, start: int, sent: int = 0) -> None:
    facts: dict[str, Any] = {
        "operation_id": operation.id,
        "root": operation.root,
        "status": status,
        "start": start,
        "sent": sent,
    }
    platform.journal.append("bulk_download", shop=shop.domain, **facts)

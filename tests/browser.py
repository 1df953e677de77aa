"""A real browser for tests of pages: one Chromium, and windows of it at a Flask application served on loopback."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Dialog, Page, sync_playwright
from werkzeug.serving import make_server

from flows.gallery.chromium import FLAGS, program


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    where = program()
    if where is None:
        assert not os.environ.get("CI_BROWSER"), "this run has promised a browser, and there is none"
        pytest.skip("there is no chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=where, args=list(FLAGS))
        yield browser
        browser.close()


class Window:
    """One page of the browser at ``app``. ``said``: what went wrong in it: dialogs, errors, refused by the policy."""

    def __init__(self, chromium: Chromium, app: Flask, **options: Any) -> None:
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        context = chromium.new_context(base_url=f"http://127.0.0.1:{self._server.server_port}", **options)
        self.page: Page = context.new_page()
        self.said: list[str] = []
        self.page.on("dialog", self._dismiss)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("console", lambda line: self.said.append(line.text) if line.type == "error" else None)

    def _dismiss(self, dialog: Dialog) -> None:
        self.said.append(dialog.message)
        dialog.dismiss()

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        self.page.context.close()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

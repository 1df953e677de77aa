"""What a browser finds here beside the API: report files, the provider's unsubscribe page, the inbox."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from sandbox.provider.imports.calls import report_file
from sandbox.provider.imports.process import FILES
from sandbox.provider.inbox.pages import ROOT, Inbox
from sandbox.provider.links import OWN_WAY_OUT
from sandbox.provider.wire import Answer, page

if TYPE_CHECKING:
    from sandbox.provider.platform import Platform


class Site:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._inbox = Inbox(platform)

    def answer(self, method: str, path: str, peer: str) -> Answer | None:
        """None: the path is none of these."""
        if path.startswith(FILES) and method == "GET":
            return self._file(path)
        if path.startswith(OWN_WAY_OUT):
            return self._unsubscribe(method, path.removeprefix(OWN_WAY_OUT))
        if path == ROOT or path.startswith(f"{ROOT}/"):
            if not ipaddress.ip_address(peer).is_loopback:
                return page(403, "<h1>For this machine only</h1>")
            return self._inbox.answer(path.removeprefix(ROOT))
        return None

    def _file(self, path: str) -> Answer:
        content = report_file(self._platform, path)
        if content is None:
            return page(404, "<h1>No such file</h1>")
        return Answer(200, headers={"Content-Type": "text/csv; charset=utf-8"}, content=content)

    def _unsubscribe(self, method: str, uuid: str) -> Answer:
        """The page behind `{{ unsubscribe }}`: it asks, and a post takes the recipient off this sender's messages."""
        for account in self._platform.accounts.all():
            with account.lock:
                message = account.mailbox.by_uuid(uuid)
            if message is None:
                continue
            if method != "POST":
                return page(200, "<form method=post><p>Unsubscribe?</p><button>Yes</button></form>")
            action = {"event": "unsubscribed", "at": self._platform.clock.now(), "is_returnpath": False}
            self._platform.recipients.act(account, message, action)
            return page(200, "<p>You are unsubscribed.</p>")
        return page(404, "<h1>No such message</h1>")

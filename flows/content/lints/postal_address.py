"""Marketing by email names the postal address of the shop, which many countries require."""

from __future__ import annotations

from collections.abc import Iterator

from flows.content.lints.lint import Finding, MessageLint, Subject


def look(subject: Subject) -> Iterator[Finding]:
    shop = subject.context.get("shop") or {}
    if subject.source.purpose == "marketing" and not str(shop.get("address") or "").strip():
        # Not blocking: nothing may stop a shop whose address is still to be fetched, yet it must be seen.
        sentence = "The shop has no postal address in its settings; many countries require one in marketing."
        yield Finding("no_address", sentence, subject.source.name, blocking=False)


POSTAL_ADDRESS = MessageLint("postal_address", __doc__, look, frozenset({"email"}))

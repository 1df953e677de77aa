"""How far a message came, from what the provider told of it: pure.

Reports come late, twice and in any order, so where they lead may only depend on *which* were heard: a state never goes
back, and of two reports the one that says more about the message stays, whichever came first. The table has every pair;
a test walks all of them.

Why the order is this one:

* *delivered* passes everything that says "not yet" or "not this time": Brevo tries again by itself, and what was
  blocked or in error and was delivered all the same, was delivered.
* *bounced* passes delivered, opened and clicked: servers accept mails and return them later, and scanners in front of a
  mailbox open and click what the mailbox then refuses. Taking it for read would go on writing to a dead address.
* *unsubscribed* and *complained* pass *bounced*: only somebody who has the message does either. A complaint is the
  gravest that can be said of a message, and is never hidden by another report.
"""

from __future__ import annotations

from collections.abc import Mapping

SENT = "sent"
"""Nothing was told yet."""

# Row: how far it came until now. Column: what is reported. "+": that is how far it came now; ".": it stays.
_TABLE = """
               requested deferred soft_bounced error blocked delivered opened clicked replied bounced unsubscribed complained
sent               +         +         +         +      +        +        +      +       +       +         +           +
requested          .         +         +         +      +        +        +      +       +       +         +           +
deferred           .         .         +         +      +        +        +      +       +       +         +           +
soft_bounced       .         .         .         +      +        +        +      +       +       +         +           +
error              .         .         .         .      +        +        +      +       +       +         +           +
blocked            .         .         .         .      .        +        +      +       +       +         +           +
delivered          .         .         .         .      .        .        +      +       +       +         +           +
opened             .         .         .         .      .        .        .      +       +       +         +           +
clicked            .         .         .         .      .        .        .      .       +       +         +           +
replied            .         .         .         .      .        .        .      .       .       +         +           +
bounced            .         .         .         .      .        .        .      .       .       .         +           +
unsubscribed       .         .         .         .      .        .        .      .       .       .         .           +
complained         .         .         .         .      .        .        .      .       .       .         .           .
"""  # noqa: E501  a table is read by its columns


def _read(table: str) -> dict[tuple[str, str], str]:
    heading, *lines = table.strip().splitlines()
    reported = heading.split()
    pairs: dict[tuple[str, str], str] = {}
    for line in lines:
        state, *cells = line.split()
        pairs |= {(state, to): to if cell == "+" else state for to, cell in zip(reported, cells, strict=True)}
    return pairs


AFTER: Mapping[tuple[str, str], str] = _read(_TABLE)
"""{(how far it came, what is reported): how far it came then}."""

REPORTED = tuple(_TABLE.split("\n", 2)[1].split())
STATES = (SENT, *REPORTED)


def after(state: str | None, event: str) -> str | None:
    """How far a message came once this event of ours (``message_delivered``) is heard; None: nothing is known yet.

    What says nothing of it (an open by a mail program, a word that is new to us) changes nothing.
    """
    reported = event.removeprefix("message_")
    if reported not in REPORTED:
        return state
    return AFTER[state or SENT, reported]

"""The page of the gallery: each flow with what it is for, its steps, and everything that it sends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from flows.content.preview import LOOKS, PHONE_STYLE, WIDTHS, phone, told
from flows.content.variants import named
from flows.core import durations, words
from flows.gallery.exhibits import SENDER, Exhibit, Room
from flows.gallery.files import picture, sheet

_STYLE = f"""body {{ margin: 0 auto; padding: 24px; max-width: 1100px; font: 16px/24px system-ui, sans-serif;
 color: #222; background: #fff; }}
h2 {{ margin: 64px 0 8px; padding-top: 16px; border-top: 2px solid #222; }} h3 {{ margin: 40px 0 8px; }}
nav ul {{ columns: 3 240px; padding: 0; list-style: none; }} a {{ color: #1f3d36; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; }} dt {{ color: #666; }} dd {{ margin: 0; }}
pre {{ margin: 8px 0; padding: 12px 16px; background: #f4f3ef; white-space: pre-wrap; font-size: 14px;
 line-height: 20px; }}
img {{ display: block; max-width: 100%; height: auto; border: 1px solid #ddd; }} .missing {{ color: #8a1f11; }}
.looks {{ font-size: 14px; color: #666; }}
{PHONE_STYLE}"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The library</title>
<style>{style}</style>
</head>
<body>
<h1>The library</h1>
<p>{counts}, as Ada of an invented shop would get them. This page is written by <code>make gallery</code>. Its small
pictures are kept with it; the large ones behind them are not, and are there once it has run.</p>
<nav><ul>
{contents}
</ul></nav>
{rooms}
</body>
</html>
"""


def index(rooms: Sequence[Room], *, pictures: bool = True) -> str:
    """The page. ``pictures``: whether it shows any. The same rooms give the same page."""
    named = sorted(rooms, key=lambda room: room.flow.name)
    contents = "\n".join(f'<li><a href="#{room.flow.flow}">{escape(room.flow.name)}</a></li>' for room in named)
    return _PAGE.format(
        style=_STYLE,
        counts=_counts(rooms),
        contents=contents,
        rooms="\n".join(part for room in rooms for part in _room(room, pictures)),
    )


def _counts(rooms: Sequence[Room]) -> str:
    channels = [exhibit.source.channel for room in rooms for exhibit in room.exhibits]
    said = {"email": "email", "sms": "text message", "whatsapp": "WhatsApp message", "push": "push message"}
    found = [_count(channels.count(one), name) for one, name in said.items() if one in channels]
    return f"{_count(len(rooms), 'flow')} with {', '.join(found) or 'no messages'}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _room(room: Room, pictures: bool) -> Iterator[str]:
    flow = room.flow
    about = flow.definition.get("about", {})
    yield f'<section id="{flow.flow}">\n<h2>{escape(flow.name)}</h2>'
    yield f"<p>{escape(str(about.get('purpose', '')))}.</p>" if about.get("purpose") else ""
    yield f"<pre>{escape(chr(10).join(_steps(room)))}</pre>"
    for exhibit in room.exhibits:
        yield from _exhibit(exhibit, pictures)
    yield "</section>"


_HEADS = ("Goal:", "Starts on:", "Segment:", "Steps:", "Ends early:", "Ends at the latest:", "Begins anew:", " ")


def _steps(room: Room) -> Iterator[str]:
    """Of all that is written of a flow what tells when what happens."""
    return (line for line in words.document(room.flow) if line.startswith(_HEADS))


def _exhibit(exhibit: Exhibit, pictures: bool) -> Iterator[str]:
    anchor = f"{exhibit.flow}--{exhibit.name}"
    yield f'<article id="{anchor}">\n<h3>{escape(_title(exhibit))}</h3>'
    made = exhibit.proof
    facts = [("Leaves", _when(exhibit)), ("Purpose", exhibit.source.purpose)]
    if made is None:
        yield f'{_facts(facts)}\n<p class="missing">{escape(exhibit.refusal)}</p>\n</article>'
        return
    if made.channel == "email":
        facts.append(("From", SENDER))
    yield _facts([*facts, *told(made)])
    if made.channel != "email":
        yield phone(made)
    else:
        if pictures:
            yield from _pictures(exhibit)
        yield f"<details><summary>As plain text</summary><pre>{escape(made.text)}</pre></details>"
    yield "</article>"


def _pictures(exhibit: Exhibit) -> Iterator[str]:
    large = [(width, light, picture(exhibit, width, light)) for width in WIDTHS for light in LOOKS]
    alt = f"{exhibit.name}: on a desk and on a phone, by day and by night"
    yield f'<img loading="lazy" src="{sheet(exhibit)}" alt="{escape(alt)}">'
    links = ", ".join(f'<a href="{place}">{width} px {light}</a>' for width, light, place in large)
    yield f'<p class="looks">Large: {links}</p>'


def _title(exhibit: Exhibit) -> str:
    variant = named(exhibit.name)
    whom = [f"in {variant.locale}"] if variant.locale else []
    whom += [f"for {variant.segment}"] if variant.segment else []
    return f"{variant.message} ({', '.join(whom)})" if whom else variant.message


def _when(exhibit: Exhibit) -> str:
    said = ["at once" if not at else f"after {durations.say(at)}" for at in exhibit.times]
    return ", or ".join(said) or "not on any way through the flow"


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{escape(said)}</dd>' for name, said in facts)}</dl>"

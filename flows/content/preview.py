"""How a finished message looks, on one page for a browser: an email on a desk and on a phone, by day and by night, and
in mail programs that show less of it; a message to a phone as it stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from flows.content.proof import Proof
from flows.content.segments import Length

WIDTHS = (640, 360)
"""Of a window on a desk and of a phone, in px."""
LOOKS = ("by day", "by night")
_WAYS = ((640, "by day"), (360, "by day"), (360, "by night"), (640, "by night"))
"""In the order in which they stand side by side: as many as fit on a screen begin with one of each kind."""
# Of mail programs: some read no style sheets, many show no pictures before they are asked to.
_STYLE_SHEET = re.compile(r"<style\b.*?</style>", re.DOTALL | re.IGNORECASE)
_SOURCE = re.compile(r"(<img\b[^>]*?\s)src=\"[^\"]*\"", re.IGNORECASE)
_NIGHT = "@media (prefers-color-scheme: dark)"
PHONE_STYLE = """.phone { max-width: 320px; padding: 16px; border: 1px solid #bbb; border-radius: 18px; }
.phone p { margin: 0; padding: 10px 14px; border-radius: 16px; background: #e9e9eb; color: #111;
 font: 15px/21px system-ui, sans-serif; white-space: pre-wrap; overflow-wrap: anywhere; }
.phone.whatsapp p { background: #d9fdd3; } .phone.push p { background: #f4f4f6; border: 1px solid #ddd; }
.phone strong { display: block; }"""
"""The style sheet of ``phone``."""
# Nothing runs in it, and it loads nothing but pictures.
_POLICY = "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; frame-src 'self'"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width"><title>{title}</title><style>
body {{ margin: 24px; font: 16px/24px system-ui, sans-serif; color: #222; background: #fff; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; }} dt {{ color: #666; }} dd {{ margin: 0; }}
section {{ display: flex; gap: 24px; align-items: flex-start; overflow-x: auto; }}
figure {{ flex: none; margin: 0; }} iframe {{ border: 1px solid #bbb; height: 1400px; }}
pre {{ white-space: pre-wrap; max-width: 80ch; }}
{phone}
</style></head><body>
<h1>{title}</h1>
<dl>{facts}</dl>
{body}
</body></html>
"""
# Nothing in it runs, and a click leads nowhere.
_FRAME = '<figure><figcaption>{label}</figcaption><iframe sandbox width="{width}" srcdoc="{html}"></iframe></figure>'


def by_day(html: str) -> str:
    """The email as a mail program shows it that is set to light colours."""
    return html.replace(_NIGHT, "@media not all")


def by_night(html: str) -> str:
    """The same, set to dark ones."""
    return html.replace(_NIGHT, "@media all")


def unstyled(html: str) -> str:
    """The email in a mail program that ignores style sheets and knows only the styles in the elements."""
    return _STYLE_SHEET.sub("", html)


def unpictured(html: str) -> str:
    """The email in a mail program that has not been told to show pictures."""
    return _SOURCE.sub(r"\1", html)


def looks(html: str) -> Iterator[tuple[int, str, str]]:
    """(width in px, light, the email in that light) of each way in which an email is looked at."""
    shown = dict(zip(LOOKS, (by_day(html), by_night(html)), strict=True))
    return ((width, light, shown[light]) for width, light in _WAYS)


def page(proof: Proof) -> str:
    """A whole page with the message in every look that it has, and with what else arrives of it."""
    facts = "".join(f"<dt>{name}</dt><dd>{escape(said)}</dd>" for name, said in told(proof))
    body = _frames(proof) if proof.channel == "email" else phone(proof)
    return _PAGE.format(policy=_POLICY, title=escape(proof.name), phone=PHONE_STYLE, facts=facts, body=body)


def told(proof: Proof) -> Iterator[tuple[str, str]]:
    """What there is to say of the message beside itself: (name, value)."""
    if proof.channel == "email":
        yield "Subject", proof.title
        yield "Preview", proof.preview
    else:
        yield "Channel", proof.channel
    if proof.length is not None:
        yield "Length", billed(proof.length)
    for name, value in proof.params.items():
        yield f"Filled in, {name}", value
    if proof.channel != "email":
        for link in proof.links:
            yield "Leads to", link


def billed(length: Length) -> str:
    """What a text message comes to, in words."""
    alphabet = "in UCS-2" if length.unicode else "of the GSM alphabet"
    several = "" if length.segments == 1 else "s"
    return f"{length.places} places {alphabet}, billed as {length.segments} message{several}"


def phone(proof: Proof) -> str:
    """A message to a phone as it stands there; ``PHONE_STYLE`` is its style."""
    title = f"<strong>{escape(proof.title)}</strong>" if proof.title else ""
    return f'<div class="phone {proof.channel}"><p>{title}{escape(proof.text)}</p></div>'


def _frames(proof: Proof) -> str:
    phone = WIDTHS[-1]
    programs = (("style sheets ignored", unstyled(proof.html)), ("pictures blocked", unpictured(by_day(proof.html))))
    shown = [*looks(proof.html), *((phone, what, html) for what, html in programs)]
    frames = "\n".join(
        _FRAME.format(label=f"{width} px, {what}", width=width, html=escape(html)) for width, what, html in shown
    )
    return f"<section>\n{frames}\n</section>\n<h2>As plain text</h2>\n<pre>{escape(proof.text)}</pre>"

"""The last step: nothing that leaves may look like Brevo's template language.

Brevo evaluates ``{{ }}``, ``{% %}`` and ``{# #}`` in subjects, HTML and text. What is left of these in a
finished message is data: a product called ``{{ contact.EMAIL }}`` or a first name ``{% if %}``. It must be
read by the shopper as it was written, so the braces are parted where that cannot be seen.

It runs on the finished strings, not on single values: two values that are harmless alone (``{`` and
``{ contact.EMAIL }}``) are a placeholder when they meet, and everything that parses HTML may turn an entity
back into its brace.
"""

from __future__ import annotations

import re

_OPENING = re.compile(r"\{(?=[{%#])")
_STYLE = re.compile(r"(<style\b[^>]*>.*?</style>)", re.DOTALL | re.IGNORECASE)

# ZERO WIDTH NON-JOINER: no width, no line break, in every font; between two brackets it changes no shape.
_GAP = "\u200c"


def part_in_text(text: str) -> str:
    """For subject, preview and the text alternative: an invisible character after the first brace."""
    return _OPENING.sub("{" + _GAP, text)


def part_in_html(html: str) -> str:
    """For HTML: the first brace becomes its entity, in text and attributes alike.

    Style sheets know no entities, so there it is a space, which CSS allows after a brace.
    """
    if not _OPENING.search(html):
        return html
    parts = _STYLE.split(html)
    # re.split with one group: the style sheets are the odd parts.
    return "".join(_OPENING.sub("{ " if number % 2 else "&#123;", part) for number, part in enumerate(parts))

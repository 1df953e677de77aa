"""The provider's own template language, which it evaluates in subjects, bodies and texts.

It is close enough to Jinja for a sandboxed Jinja to stand in: `{{ contact.X }}` and `{{ params.X }}` are
replaced (by nothing when missing), `{% if %}` is evaluated, anything unbalanced is refused. Text of a
merchant that reaches a message unescaped is therefore visibly broken here, as it would be there.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import ChainableUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from sandbox.provider.wire import invalid

_MARKS = re.compile(r"\{\{|\{%|\{#")
_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
# The provider writes filter arguments after a colon: {{ contact.FIRSTNAME | default : "friend" }}.
_COLON_FILTER = re.compile(r"""\|\s*(\w+)\s*:\s*("[^"]*"|'[^']*'|[\w.]+)""")

# Autoescape stays off: bodies are HTML already and the provider pastes values as they are.
_LANGUAGE = SandboxedEnvironment(undefined=ChainableUndefined, autoescape=False, keep_trailing_newline=True)
# noqa: S701


def evaluate(text: str, contact: dict[str, Any], params: dict[str, Any], unsubscribe: str = "") -> str:
    """Raises Refusal(invalid_parameter) for text that is no template, such as an open `{%`.

    `unsubscribe` is the address of the provider's own page.
    """
    if not _MARKS.search(text):
        return text
    source = _EXPRESSION.sub(lambda found: _COLON_FILTER.sub(r"| \1(\2)", found[0]), text)
    try:
        return _LANGUAGE.from_string(source).render(contact=contact, params=params, unsubscribe=unsubscribe)
    except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
        raise invalid(f"Unable to render the template: {error}") from None

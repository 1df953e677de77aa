"""The Liquid that merchants write: a short list of tags and filters, strict about values, bounded in work.

Everything printed is escaped, whatever it went through; there is no filter that turns this off. A value that
is missing, null or empty stops the message unless the expression has a ``default``, so that no "Hi ,"
reaches anyone. The clock is out of reach: ``now`` and ``today`` are names like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from typing import Any, TextIO

from liquid import BoundTemplate, Environment, FalsyStrictUndefined, RenderContext, Undefined
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.exceptions import (
    BlockNestingError,
    DisabledTagError,
    LiquidError,
    LiquidSyntaxError,
    ResourceLimitError,
    TemplateNotFoundError,
    UndefinedError,
    UnknownFilterError,
)
from liquid.stringify import to_liquid_string
from liquid.utils import ReadOnlyChainMap

from connector.clock import worked
from flows.content import filters, limits
from flows.content.problems import ContentProblem

MAX_OUTPUT = 400_000
"""Bytes that one template may print."""
MAX_TURNS = 5_000
"""Turns of all loops of one message together."""
NOT_KNOWN = "(not known)"
"""What staff read where a value is missing."""
MAX_SECONDS = 1.0
"""Machine time of one template. The other limits come first; this one is for what nobody thought of."""
TAGS = frozenset({"assign", "case", "comment", "for", "if", "render", "unless"})
"""The tags of messages. ``raw`` is not among them, because nobody would clean what it prints; nor ``break`` and
``continue``, because a loop that they leave may not have closed its HTML."""

# What the library registers beside the tags: plain text, {{ }}, and the refusal of unknown tags.
_NOT_TAGS = frozenset({"content", "output", "illegal"})
_FILTERS = frozenset(
    "abs append at_least at_most capitalize ceil default divided_by downcase first floor join last minus modulo plus"
    " prepend remove round size split strip times truncate truncatewords upcase".split()
)
# Characters that XML, mail headers or the database refuse. A name that holds one keeps the rest of its letters.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Work:
    """What one rendering may still do. Shared by a template and the blocks that it renders."""

    __slots__ = ("turns", "until")

    def __init__(self) -> None:
        self.turns = 0
        # Not by the clock on the wall: a process that stood still would drop a good message for good.
        self.until = worked() + MAX_SECONDS

    def turn(self) -> None:
        self.turns += 1
        if self.turns > MAX_TURNS:
            raise ContentProblem("too_large", f"The loops of a message make at most {MAX_TURNS:,} turns.")
        if worked() > self.until:
            raise ContentProblem("too_large", f"A message is filled within {MAX_SECONDS:g} s; this one is not.")


class MessageContext(RenderContext):
    """A context without the clock, which counts its work."""

    __slots__ = ("work",)

    def __init__(self, template: BoundTemplate, **kwargs: Any) -> None:
        super().__init__(template, **kwargs)
        parent = self.parent_context
        self.work: Work = parent.work if isinstance(parent, MessageContext) else Work()
        # The library's own last resort offers the real time as ``now`` and ``today``.
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)

    @contextmanager
    def loop(self, namespace: Mapping[str, object], forloop: Any) -> Iterator[RenderContext]:
        forloop.it = self._counted(forloop.it)
        with super().loop(namespace, forloop) as context:
            yield context

    def _counted(self, members: Iterable[object]) -> Iterator[object]:
        for member in members:
            self.work.turn()
            yield member


class MessageTemplate(BoundTemplate):
    context_class = MessageContext

    def render_with_context(self, context: RenderContext, buffer: TextIO, *args: Any, **kwargs: Any) -> None:
        if isinstance(context, MessageContext):
            context.work.turn()
        super().render_with_context(context, buffer, *args, **kwargs)


class _Printed(OutputNode):
    """``{{ ... }}``: refuses what is missing."""

    __slots__ = ("_has_default", "_name")

    def __init__(self, token: Any, expression: Any) -> None:
        super().__init__(token, expression)
        self._name = str(expression.left)
        self._has_default = any(used.name == "default" for used in expression.filters or ())

    def _text(self, context: RenderContext) -> str:
        try:
            value = self.expression.evaluate(context)
            if value is None or isinstance(value, Undefined):
                raise self._missing()
            if isinstance(value, (Mapping, list, tuple)):
                sentence = f"{self._name} is no text: name one of the values in it."
                raise ContentProblem("bad_value", sentence)
            text = _UNPRINTABLE.sub("", to_liquid_string(value, autoescape=False))
            if not self._has_default and (not text or text.isspace()):
                raise self._missing()
        except ContentProblem as problem:
            problem.liquid = self.token.value
            raise
        return text

    def _missing(self) -> ContentProblem:
        return ContentProblem("missing_value", _missing_sentence(self._name))


class _PrintedInText(_Printed):
    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(self._text(context))


class _PrintedInHtml(_Printed):
    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(escape(self._text(context)))


class _PrintedForStaff(_PrintedInText):
    """For staff: what is not known is said to be so, and keeps nothing from them."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        try:
            return super().render_to_output(context, buffer)
        except ContentProblem as problem:
            if problem.code != "missing_value":
                raise
            return buffer.write(NOT_KNOWN)


class _TextOutput(Output):
    node_class = _PrintedInText


class _StaffOutput(Output):
    node_class = _PrintedForStaff


class _HtmlOutput(Output):
    node_class = _PrintedInHtml


class _BoundedFor(ForNode):
    """``for``: looks at the length first, because ``reversed`` and ``offset`` walk the whole of a range."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        limits.refuse_large(self.expression.iterable.evaluate(context))
        return super().render_to_output(context, buffer)


class _BoundedForTag(ForTag):
    node_class = _BoundedFor


class MessageLanguage(Environment):
    """``for_html`` escapes what is printed, the other prints plain text; ``for_staff`` says what is not known."""

    block_nesting_limit = 12
    context_depth_limit = 6
    loop_iteration_limit = MAX_TURNS
    local_namespace_limit = 200_000
    output_stream_limit = MAX_OUTPUT
    template_class = MessageTemplate

    def __init__(self, blocks: Mapping[str, str], *, for_html: bool, for_staff: bool = False) -> None:
        self._output = _HtmlOutput if for_html else _StaffOutput if for_staff else _TextOutput
        super().__init__(undefined=Undefined if for_staff else FalsyStrictUndefined)
        self._blocks = {name: self.from_string(text, name=name) for name, text in blocks.items()}

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=False)
        self.tags = {name: tag for name, tag in self.tags.items() if name in TAGS or name in _NOT_TAGS}
        self.filters = {name: limits.bounded(self.filters[name]) for name in _FILTERS}
        for name, filter_ in _OWN_FILTERS.items():
            self.add_filter(name, limits.bounded(filter_))
        self.add_tag(self._output)
        self.add_tag(_BoundedForTag)

    def get_template(self, name: str, **_: Any) -> BoundTemplate:
        """A block, parsed when the process started."""
        try:
            return self._blocks[name]
        except KeyError:
            raise TemplateNotFoundError(f"the block {name!r}", token=None) from None


def _unchanged(value: object) -> object:
    """``escape``: merchants write it out of habit. All output is escaped, and twice would show."""
    return value


_OWN_FILTERS: Mapping[str, Callable[..., Any]] = {
    "date": filters.localised_date,
    "escape": _unchanged,
    "link": filters.link,
    "money": filters.money,
    "number": filters.number,
    "optional_link": filters.optional_link,
    "phrase": filters.phrase,
    "replace": limits.replace,
    "stars": filters.stars,
    "with_query": filters.with_query,
}


def _missing_sentence(name: str) -> str:
    return f'There is no {name} for this person. Write {{{{ {name} | default: "..." }}}} to say what stands instead.'


Failure = LiquidError | ArithmeticError | LookupError | TypeError | ValueError | RecursionError
"""What the engine, or a filter inside it, may raise. Not Exception: a job's own time-out must pass through."""


def problem_of(error: Failure) -> ContentProblem:
    """A failure in the merchant's words."""
    message = str(getattr(error, "message", None) or error).splitlines()
    detail = message[0][:200] if message else type(error).__name__
    match error:
        case UndefinedError():
            return ContentProblem("missing_value", _missing_sentence(detail.removesuffix(" is undefined").strip("'")))
        case LiquidError() if isinstance(error.__cause__, RecursionError):
            return ContentProblem("too_large", "The Liquid is nested too deeply.")
        case ResourceLimitError() | BlockNestingError() | RecursionError() | OverflowError():
            return ContentProblem("too_large", f"The message asks for too much work: {detail}.")
        case UnknownFilterError() | TemplateNotFoundError() | DisabledTagError():
            return ContentProblem("not_allowed", f"This is not among the things that messages can use: {detail}.")
        case LiquidSyntaxError():
            return ContentProblem("syntax", f"The Liquid cannot be read: {detail}.")
        case _:
            return ContentProblem("bad_value", f"A value does not fit its place: {detail}.")

"""Why a message cannot be read, compiled or rendered."""

from __future__ import annotations

from connector.errors import ConnectorError


class ContentProblem(ConnectorError):
    """A message cannot go out as it is. Nothing half-filled is ever sent in its place.

    ``code`` is one of: ``front_matter`` (the head of the file), ``syntax`` (the Liquid is not understood),
    ``not_allowed`` (a tag, filter or place that messages may not use), ``missing_value`` (a fact is not there
    and the text has no ``default``), ``bad_value`` (a fact that a filter cannot work with), ``unsafe_link``,
    ``too_large`` (a limit on loops, length, depth or time), ``layout`` (the result is no valid email), ``coupon_ended``
    (the code that it shows is no longer good), ``no_sender``
    (the shop has not said who sends).
    ``sentence`` is for the merchant; ``where`` names the message, the part of it and, if known, the line;
    ``liquid`` is the piece of Liquid that it is about, as written.
    """

    def __init__(self, code: str, sentence: str, where: str = "", liquid: str = "") -> None:
        super().__init__(f"{where}: {sentence}" if where else sentence)
        self.code = code
        self.sentence = sentence
        self.where = where
        self.liquid = liquid

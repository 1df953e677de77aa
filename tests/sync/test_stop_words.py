"""Which answers say no."""

from __future__ import annotations

import pytest

from sync.reports.opt_outs import says_no

NO = [
    *("STOP", "stop", "Stop.", "STOP!!!", "S T O P", "s-t-o-p", "S.T.O.P", "st op", "\tstop\n", "(STOP)", "*stop*"),
    *("ＳＴＯＰ", "Ⓢⓣⓞⓟ", "STÓP", "sto\u0301p", "ſtop", "stop\u200b", "\u202estop", "🛑STOP🛑", "“Stop”", "STOP 36180"),
    *(
        "STOP STOP",
        "STOPALL",
        "Stop all",
        "Stop sms",
        "QUIT",
        "END",
        "Revoke",
        "OPT OUT",
        "opt-out",
        "CANCEL",
        "remove",
    ),
    *("ARRET", "arrêt", "ARRÊT", "a r r ê t", "Arrêt svp", "Désabonnement", "désinscription", "BAJA", "Abmelden"),
    *("Unsubscribe", "unsubscribe me please", "stop texting me", "Stop, please!", "stop now"),
    *("Please stop", "pls STOP!", "Cancel, thanks", "opt me out please", "Opt-out now", "stop✋no more", "stop—please"),
    *("Bitte abmelden", "Abbestellen", "Parar", "SAIR", "désabonnez-moi", "S\u2028T\u2028O\u2028P", "Stop\xa0all"),
    *("Don’t text me", "do not contact me again", "no more texts please", "sto\ufe0fp"),
]
# The controls: in these somebody says something else.
NOT_NO = [
    "Please don't stop",
    "please don’t stop sending these",
    "Thank you",
    "Please cancel my order",
    "I don't message people at work",
    "No more questions",
    "non-stop party?",
    "I love it",
    "Unstoppable",
    "stopover in Rome?",
    "1",
    "",
    " ",
    "?!",
    None,
]


@pytest.mark.parametrize("text", NO)
def test_this_is_a_no(text: str) -> None:
    assert says_no(text)


@pytest.mark.parametrize("text", NOT_NO)
def test_this_is_none(text: str | None) -> None:
    assert not says_no(text)


def test_control_a_comparison_with_the_word_hears_few_of_them() -> None:
    assert sum(text.strip().upper() == "STOP" for text in NO) < len(NO) / 5

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

import pytest

from flows.core.canonical import canonical
from flows.core.problems import DefinitionError, Problem
from flows.core.validate import from_data, load, to_data
from flows.definition_files import parse, to_text
from tests.core.broken_flows import BROKEN, split
from tests.core.examples import MESSAGES, definition


def problems(text: str) -> tuple[Problem, ...]:
    data, lines = parse(text)
    with pytest.raises(DefinitionError) as caught:
        load(data, lines, messages=MESSAGES)
    return caught.value.problems


@pytest.mark.parametrize(("changes", "at", "said"), BROKEN, ids=[said[:60] for _, _, said in BROKEN])
def test_what_the_author_of_a_broken_flow_reads(changes: dict[str, Any], at: str, said: str) -> None:
    text = to_text(definition(**changes))
    (problem,) = problems(text)
    assert str(problem).startswith(f"flow.yaml:{problem.line}: {said}")
    assert at in text.splitlines()[problem.line - 1]


def test_the_flow_that_is_broken_above_is_fine() -> None:
    """The control: the problems come from the changes."""
    for steps in (None, [split()]):
        text = to_text(definition(**({"steps": steps} if steps else {})))
        assert load(*parse(text), messages=MESSAGES).steps


def test_there_are_many_ways_to_be_wrong() -> None:
    assert len(BROKEN) >= 60 and len({said for _, _, said in BROKEN}) > 60


ODD: list[Any] = [
    *(None, True, 0, -1, 2.5, "", "x", "09:00", "3h", "9" * 400, 10**30, "\x00", [], {}, [[]], [{}]),
    *({"": ""}, {"gt": 1}, {"all": []}, {"for": "login"}, {"event.items": {"some": {"a": {"b": 1}}}}),
]
NAMES = ["when", "wait", "then", "else", "where", "cases", "split", "email", "id", "on_cap", "only_for", "match"]


def _places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, inner in entries:
        yield (*path, key)
        yield from _places(inner, (*path, key))


def _spoiled(chance: Random) -> dict[str, Any]:
    """A good flow in which one to three entries are something else, are gone, or are more than before."""
    data = deepcopy(definition())
    for _ in range(chance.randint(1, 3)):
        *way, last = chance.choice(list(_places(data)))
        around: Any = data
        for key in way:
            around = around[key]
        if chance.random() < 0.7:
            around[last] = deepcopy(chance.choice(ODD))
        elif isinstance(around, dict):
            around[chance.choice(NAMES)] = deepcopy(chance.choice(ODD))
        else:
            around.pop(last)
    return data


def test_whatever_is_written_is_a_flow_or_is_refused_in_sentences() -> None:
    chance, answers = Random(8), set[bool]()
    for _ in range(150):
        data = _spoiled(chance)
        assert canonical(canonical(data)) == canonical(data)
        try:
            flow = load(data, messages=MESSAGES)
        except DefinitionError as error:
            answers.add(False)
            assert all(problem.sentence and "Traceback" not in str(problem) for problem in error.problems)
        else:
            answers.add(True)
            assert from_data(to_data(flow)) == flow
    assert answers == {True, False}

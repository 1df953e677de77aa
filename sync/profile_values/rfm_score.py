from __future__ import annotations

from flows.core.rfm import score
from sync.profile_values.value import Value

VALUE = Value(
    "rfm_score",
    "recency, frequency and money as three digits from 1 to 5: 555 are the best customers",
    "text",
    lambda known: score(known.person, known.borders),
    needs="borders",
    profiling=True,
)

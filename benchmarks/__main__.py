"""``make bench``: runs every benchmark and prints one JSON object, {"benchmarks": {name: numbers}}.

There is none yet.
"""

from __future__ import annotations

import json

if __name__ == "__main__":
    print(json.dumps({"benchmarks": {}}))

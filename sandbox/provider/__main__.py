"""`python -m sandbox.provider --port 9102 [--accounts FILE]`: the simulated provider as a process."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from pathlib import Path

from sandbox.clock import Clock
from sandbox.provider.opening import open_account
from sandbox.provider.platform import Platform
from sandbox.provider.server import ProviderServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.provider", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9102, help="0 takes a free port; it is printed")
    parser.add_argument("--accounts", type=Path, help="JSON list of accounts, see README.md")
    parser.add_argument(
        "--stepped", action="store_true", help="recipients act only when POST /_control/advance says so"
    )
    chosen = parser.parse_args()

    clock = Clock.from_env()
    platform = Platform(clock)
    for account in json.loads(chosen.accounts.read_text()) if chosen.accounts else []:
        open_account(platform, account, clock.now())
    if not chosen.stepped:
        platform.keep_pace()
    server = ProviderServer(chosen.host, chosen.port, platform, clock)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"provider listening on http://{chosen.host}:{server.server_port}/v3", flush=True)
    try:
        server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        pass  # Ctrl-C ends it as SIGTERM does
    finally:
        server.server_close()


if __name__ == "__main__":
    main()

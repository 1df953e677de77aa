"""`python -m sandbox.store --port 9101 --shops a.myshopify.com,b.myshopify.com --shoppers 300 --days 30`.

Time comes from the environment (`sandbox.clock`). Prints one JSON line with the tokens when ready.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from sandbox.clock import Clock
from sandbox.store import settings
from sandbox.store.platform import Platform
from sandbox.store.server import create_app, make_http_server


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.store", description="A simulated store platform.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9101, help="0 takes a free one; the ready line names it")
    parser.add_argument("--public-url", help="where links in payloads point (default: this host and port)")
    parser.add_argument("--world", type=Path, help="a JSON file with shops, seed, shoppers, days")
    parser.add_argument("--shops", default="demo.myshopify.com", help="domains with commas between, without --world")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shoppers", type=int, default=0, help="how many shoppers there are in all shops together")
    parser.add_argument("--days", type=int, default=30, help="business days over which the shoppers act")
    parser.add_argument("--start", type=float, help="business time (unix) of the first day, default now")
    parser.add_argument("--secret", help="the app's client secret, with which webhooks are signed")
    parser.add_argument("--play", action="store_true", help="act by itself as the clock moves")
    chosen = parser.parse_args(arguments)
    try:
        clock = Clock.from_env()
        if chosen.world:
            world = settings.from_file(chosen.world)
        else:
            world = settings.from_domains(
                chosen.shops.split(","),
                seed=chosen.seed,
                shoppers=chosen.shoppers,
                days=chosen.days,
                start=chosen.start,
                secret=chosen.secret,
            )
    except (OSError, ValueError) as problem:
        print(f"sandbox.store: {problem}", file=sys.stderr)
        return 2
    # Links in payloads need the port, which is known only once the server has taken it.
    server = make_http_server(chosen.host, chosen.port)
    url = chosen.public_url or f"http://{chosen.host}:{server.server_port}"
    platform = Platform(world, clock, url.rstrip("/"))
    server.app = create_app(platform)
    if chosen.play:
        platform.schedule.play()
    tokens = {domain: shop.settings.token for domain, shop in platform.shops.items()}
    listening = f"http://{chosen.host}:{server.server_port}"
    template = f"{listening}/{{shop}}"
    ready = {"ready": True, "listening": listening, "base_url_template": template, "tokens": tokens}
    print(json.dumps(ready | {"actions": platform.schedule.remaining()}), flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

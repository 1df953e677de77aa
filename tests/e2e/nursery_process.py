"""A process that has loaded the whole product and forks its processes: a death costs no second of loading.

``python -m tests.e2e.nursery_process PORT``, with the product's settings in the environment. One JSON object a line
comes in and goes out. Who dies is replaced at once; who ends by itself, after a moment. The web process is the
product's WSGI callable on a plain threaded server, whose listening socket outlives it.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from connector import cli, clockwork, worker, wsgi
from connector.http import trusted
from connector.settings import Settings
from connector.work import load_every
from tests.e2e.careless import WAYS

_LOOK_SECONDS = 0.01
_PAUSE_SECONDS = 0.2
_PR_SET_PDEATHSIG = 1


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """What is asked of it is not told."""


def _web(listening: socket.socket) -> None:
    app = wsgi.Process(Settings.from_env())
    host, port = listening.getsockname()
    make_server(host, port, app, threaded=True, request_handler=_Silent, fd=listening.fileno()).serve_forever()


@dataclass
class Place:
    """One process of the product. ``orders``: where its next incarnations are to die."""

    name: str
    run: Callable[[], object]
    orders: deque[str] = field(default_factory=deque)
    pid: int = 0
    order: str = ""
    due: float = 0.0
    wanted: bool = True


class Nursery:
    def __init__(self, port: int) -> None:
        self._listening = socket.create_server(("127.0.0.1", port), backlog=512)
        self._places: dict[str, Place] = {}
        self._names: dict[int, str] = {}

    def serve(self) -> None:
        commands = selectors.DefaultSelector()
        commands.register(sys.stdin, selectors.EVENT_READ)
        os.set_blocking(sys.stdin.fileno(), False)
        rest = b""
        while True:
            if commands.select(_LOOK_SECONDS):
                piece = os.read(sys.stdin.fileno(), 65536)
                if not piece:
                    return
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
            self._bury()
            for place in self._places.values():
                if place.wanted and not place.pid and time.monotonic() >= place.due:
                    self._bear(place)

    def _obey(self, command: dict[str, Any]) -> None:
        """``start`` a process (``careless``: in which way), ``retire`` it, or ``run`` the command line once."""
        match command["do"]:
            case "start":
                name = command["name"]
                self._places[name] = Place(name, self._work_of(name, command["careless"]), deque(command["orders"]))
            case "retire":
                self._places[command["name"]].wanted = False
                with suppress(ProcessLookupError):
                    os.kill(self._places[command["name"]].pid, signal.SIGKILL)
            case "run":
                self._run(command["arguments"], command["environment"])

    def _work_of(self, name: str, careless: str) -> Callable[[], object]:
        def work() -> None:
            if careless:
                WAYS[careless]()
            worker.main(name.partition("/")[0])

        if name == "web":
            return lambda: _web(self._listening)
        return clockwork.main if name == "clock" else work

    def _bear(self, place: Place) -> None:
        place.order = place.orders.popleft() if place.orders else ""
        place.pid = self._fork(place.run, {"CRASH_AT": place.order})
        self._names[place.pid] = place.name
        _say(born=place.name, pid=place.pid, order=place.order)

    def _run(self, arguments: list[str], environment: dict[str, str]) -> None:
        def command() -> None:
            sys.argv[1:] = arguments
            cli.main()

        _, status = os.waitpid(self._fork(command, environment), 0)
        _say(ran=arguments, status=os.waitstatus_to_exitcode(status))

    def _fork(self, run: Callable[[], object], environment: dict[str, str]) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            # The way back is for the nursery alone; whatever a process says goes where errors go.
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
            os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
            os.environ.update(environment)
            run()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)

    def _bury(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            place = self._places[self._names.pop(pid)]
            code = os.waitstatus_to_exitcode(status)
            place.pid, place.due = 0, time.monotonic() + (0 if code == -signal.SIGKILL else _PAUSE_SECONDS)
            _say(died=place.name, pid=pid, order=place.order, status=code)


def _say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    load_every()
    # Reading the certificates takes as long as some deliveries.
    trusted()
    nursery = Nursery(int(sys.argv[1]))
    gc.collect()
    # Collecting in a child would copy every page of what is shared.
    gc.freeze()
    _say(ready=True)
    nursery.serve()


if __name__ == "__main__":
    main()

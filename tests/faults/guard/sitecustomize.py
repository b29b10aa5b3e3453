"""No process of Python that has this folder on its path can connect; each attempt is a line in ``GUARD_LOG``."""

import os
import socket
import sys
from typing import Any, NoReturn


def _refused(*given: Any, **_: Any) -> NoReturn:
    with open(os.environ["GUARD_LOG"], "a") as log:
        log.write(f"{given[-1] if isinstance(given[0], socket.socket) else given[:2]} by {sys.argv}\n")
    raise OSError(101, "Network is unreachable")


_plain = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}


def _guarded(name: str) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        return _plain[name](self, address) if self.family == socket.AF_UNIX else _refused(self, address)

    return connect


if "GUARD_LOG" in os.environ:
    for _name in _plain:
        setattr(socket.socket, _name, _guarded(_name))
    socket.getaddrinfo = _refused

"""Which ports are free on this machine."""

from __future__ import annotations

import socket


def split(address: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:8000`, `[::1]:8000` or `:8000`. Raises ValueError if invalid."""
    host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise ValueError(f"“{address}” is no address to listen on; write it like 127.0.0.1:8000.")
    return host.strip("[]") or "127.0.0.1", int(port)


def joined(host: str, port: int) -> str:
    """The address again, with brackets around an address of IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(*preferred: int) -> int:
    """The first of `preferred` that is free, else any free port."""
    for port in preferred:
        if is_free(port):
            return port
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])

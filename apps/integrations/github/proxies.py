"""PURE: the proxy set in the environment, read as `curl` and others do.

httpx reads the same variables, but fails on values that other tools ignore: networks and IPv6
addresses in NO_PROXY, and unknown kinds of proxies.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

SCHEMES = ("http", "https", "socks5", "socks5h")


class ProxyError(ValueError):
    """An environment variable names no usable proxy."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy for requests to `url`, if any. Raises ProxyError."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    without = _value("no_proxy", environment)[1]
    if any(_is_meant(entry.strip(), host, port) for entry in without.split(",")):
        return None
    for variable in (f"{parts.scheme}_proxy", "all_proxy"):
        name, value = _value(variable, environment)
        if value:
            return _checked(name, value)
    return None


def _value(variable: str, environment: Mapping[str, str]) -> tuple[str, str]:
    names = (variable, variable.upper())
    found = ((name, environment.get(name, "").strip()) for name in names)
    return next((each for each in found if each[1]), (variable, ""))


def _checked(name: str, value: str) -> str:
    address = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(address)
        is_address = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_address = False
    # The value may hold a password, so no more of it is shown.
    if not is_address:
        raise ProxyError(name, "is no address; write it like http://proxy.example.com:3128.")
    if parts.scheme not in SCHEMES:
        kinds = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise ProxyError(name, f"{parts.scheme}:// is no proxy that can be used; use {kinds}.")
    return address


def _is_meant(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY matches this host; an unreadable entry matches none."""
    if entry == "*":
        return True
    with suppress(ValueError):
        return ip_address(host) in ip_network(entry.strip("[]"), strict=False)
    name, _, its_port = entry.rpartition(":")
    if its_port.isdecimal():
        return int(its_port) == port and _is_meant(name, host, port)
    name = entry.strip("[]").removeprefix("*").removeprefix(".").lower()
    return bool(name) and (host == name or host.endswith(f".{name}"))

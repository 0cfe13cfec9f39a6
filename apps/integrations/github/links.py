"""PURE: URLs of REST lists, and the links by which GitHub leads from page to page.

https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit


def absolute(path: str, home: str) -> str:
    """The URL of a path below `home`, or of a URL that GitHub sent, at the host of `home`.

    An Enterprise Server behind a proxy links to itself by another scheme or name.
    """
    if not path.startswith("http"):
        return home + path
    ours = urlsplit(home)
    return urlsplit(path)._replace(scheme=ours.scheme, netloc=ours.netloc).geturl()


def with_query(url: str, params: Mapping[str, Any]) -> str:
    """A path or URL with these parameters instead of its own of the same name."""
    if not params:
        return url
    parts = urlsplit(url)
    query = urlencode({**dict(parse_qsl(parts.query)), **params})
    return parts._replace(query=query).geturl()


def of_fewer(url: str) -> str:
    """The first fifth of a list's page: 20 items instead of 100, then 4; empty if there is none."""
    asked = dict(parse_qsl(urlsplit(url).query))
    size, page = asked.get("per_page", ""), asked.get("page", "1")
    if not (size.isdecimal() and page.isdecimal()) or int(size) % 5:
        return ""
    shorter: dict[str, Any] = {"per_page": int(size) // 5}
    if "page" in asked:
        shorter["page"] = (int(page) - 1) * 5 + 1
    return with_query(url, shorter)


def next_of(headers: Mapping[str, str]) -> str:
    """The URL of the next page of a REST list; empty after the last."""
    for link in headers.get("link", "").split(","):
        address, _, relation = link.partition(";")
        if 'rel="next"' in relation:
            return address.strip().strip("<>")
    return ""

"""Authentication: tokens by header, OAuth apps by Basic authentication."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from .world import OAuthApp, Token, World


class BadCredentialsError(Exception):
    """The header names a token or an app that does not exist, has expired or was revoked."""


def assertion(authorization: str | None) -> str:
    """The JSON web token of a GitHub App in an Authorization header; empty if there is none."""
    scheme, _, value = (authorization or "").strip().partition(" ")
    is_token = scheme.lower() == "bearer" and value.count(".") == 2 and value.startswith("ey")
    return value.strip() if is_token else ""


def authenticate(
    world: World, authorization: str | None, now: datetime
) -> tuple[Token | None, OAuthApp | None]:
    """The token or the app of an Authorization header; neither without one."""
    scheme, _, value = (authorization or "").strip().partition(" ")
    match scheme.lower():
        case "":
            return None, None
        case "bearer" | "token":
            return living_token(world, value.strip(), now), None
        case "basic":
            return _basic(world, value, now)
        case _:
            raise BadCredentialsError


def living_token(world: World, value: str, now: datetime) -> Token:
    """The token with this value. Raises BadCredentialsError if it is unknown or invalid."""
    token = world.tokens.get(value)
    if token is None or token.revoked or (token.expires_at and token.expires_at <= now):
        raise BadCredentialsError
    return token


def _basic(world: World, value: str, now: datetime) -> tuple[Token | None, OAuthApp | None]:
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise BadCredentialsError from error
    app = world.oauth_apps.get(name)
    if app is None:
        return living_token(world, password or name, now), None
    if app.client_secret != password:
        raise BadCredentialsError
    return None, app

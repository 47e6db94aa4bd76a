"""Who may ask for what."""

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from fullcircle.serving.http import HTTPError, Scope, header
from fullcircle.serving.limits import RateLimits
from fullcircle.serving.tokens import Tokens, find_token

_OWN_HOST = re.compile(rb"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_ANY_HOST = re.compile(rb"([a-z0-9._~-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE)
# Headers of which two values could be read in two ways, by a proxy in one and by us in the other.
_SINGLE = frozenset((b"host", b"origin", b"authorization", b"content-type", b"content-length"))


class UnauthenticatedError(HTTPError):
    """A request that is refused before it is known who asks: it is counted, and not kept."""


class Authenticator:
    """Lets in who has a token for what is asked; without any token made, this machine alone."""

    def __init__(
        self,
        tokens: Callable[[], Tokens | None],
        *,
        private: bool = False,
        by_token: RateLimits | None = None,
        by_address: RateLimits | None = None,
        origins: Collection[str] = (),
    ) -> None:
        """Take the rules.

        Args:
            tokens: Gives the tokens as they are at each request; None where they cannot be read.
            private: Whether the socket is bound to this machine alone. Only then is anybody
                answered without a token, and only while none was made.
            by_token: Limits of each token.
            by_address: Limits of each address, held before any token is looked at.
            origins: Web pages that may ask, such as ``https://shop.example``.
        """
        self._tokens, self._private = tokens, private
        self._by_token, self._by_address = by_token, by_address
        self._origins = frozenset(origin.encode() for origin in origins)

    def admit(self, scope: Scope, needed: str | None) -> str:
        """Let a request in.

        Args:
            scope: Of the request.
            needed: Scope of the token that is asked for; None for what is open to all.

        Returns:
            Who asks: a token's id, or an address.

        Raises:
            UnauthenticatedError: 400 and 403 for a request that no honest client sends, 401
                without a valid token, 429 too often by address.
            HTTPError: 403 with a token that may not, 429 too often by token.
        """
        address = str((scope.get("client") or ("local", 0))[0])
        if needed is None:
            return address
        if self._by_address is not None:
            _take(self._by_address, address, UnauthenticatedError)
        self._refuse_forged(scope)
        tokens = self._tokens()
        if tokens or tokens is None or not self._private:
            who = self._authenticate(scope, tokens or {}, needed, address)
        else:
            self._stay_home(scope, needed)
            who = address
        if self._by_token is not None:
            _take(self._by_token, who, HTTPError)
        return who

    def _refuse_forged(self, scope: Scope) -> None:
        """Refuse what no honest client sends: two values of one, a foreign page's request."""
        seen: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _SINGLE and name in seen:
                raise UnauthenticatedError(400, f"The header {name.decode()} stands there twice.")
            seen[name] = value
        if (host := seen.get(b"host")) is not None and not _ANY_HOST.fullmatch(host):
            raise UnauthenticatedError(400, "The header host is no name with a port.")
        origin = seen.get(b"origin")
        if origin is not None and origin not in self._origins:
            raise UnauthenticatedError(
                403, "Web pages of this origin may not ask (serving.allowed_origins)."
            )
        if origin is None and seen.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin"):
            raise UnauthenticatedError(
                403, "Other web pages may not ask (serving.allowed_origins)."
            )

    def _authenticate(self, scope: Scope, tokens: Tokens, needed: str, address: str) -> str:
        """Find whose token it is; callers without a valid token always get the same 401."""
        found = find_token(tokens, header(scope, b"authorization"), datetime.now(UTC))
        if found is None:
            if self._by_token is not None:
                _take(self._by_token, address, UnauthenticatedError)
            raise UnauthenticatedError(401, "A valid token is needed.", www_authenticate="Bearer")
        identity, token = found
        if not token.may(needed):
            raise HTTPError(403, "This token may not do that.")
        return identity

    def _stay_home(self, scope: Scope, needed: str) -> None:
        """Reject requests whose Host is not loopback (DNS rebinding): a web page sent them."""
        if not _OWN_HOST.fullmatch(header(scope, b"host")):
            raise UnauthenticatedError(
                403, "Without tokens, only this machine's own name is answered."
            )
        if needed == "admin" and scope["method"] not in ("GET", "HEAD"):
            raise HTTPError(403, "Make an admin token first: kedro endpoint token create.")


def _take(limits: RateLimits, who: str, kind: type[HTTPError]) -> None:
    if wait := limits.take(who):
        after = str(max(1, round(wait + 0.5)))
        raise kind(429, "Too many requests. Slow down.", retry_after=after)

"""Who may ask for what."""

from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address

from fullcircle.serving.http import RefusedError, Scope, header
from fullcircle.serving.limits import RateLimits
from fullcircle.serving.tokens import Tokens, find_token

_LOOPBACK = (b"localhost", b"127.0.0.1", b"[::1]", b"::1")


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own, reached by nobody else."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Lets in who has a token for what is asked; without any token made, this machine alone."""

    def __init__(self, tokens: Callable[[], Tokens], limits: RateLimits | None) -> None:
        """Take the tokens as they are at each request, and the limits if there are any."""
        self._tokens, self._limits = tokens, limits

    def admit(self, scope: Scope, needed: str | None) -> str:
        """Let a request in.

        Args:
            scope: Of the request.
            needed: Scope of the token that is asked for; None for what is open to all.

        Returns:
            Who asks: a token's id, or an address.

        Raises:
            RefusedError: 401 without a valid token, 403 with one that may not, 429 too often.
        """
        client = scope.get("client") or ("local", 0)
        who = str(client[0])
        if needed is None:
            return who
        tokens = self._tokens()
        if tokens:
            who = self._know(scope, tokens, needed)
        else:
            self._stay_home(scope, needed)
        if self._limits is not None and (wait := self._limits.take(who)):
            raise RefusedError(
                429, "Too many requests. Slow down.", retry_after=str(max(1, round(wait + 0.5)))
            )
        return who

    def _know(self, scope: Scope, tokens: Tokens, needed: str) -> str:
        """Find whose token it is; what there is behind the door, a stranger does not learn."""
        found = find_token(tokens, header(scope, b"authorization"), datetime.now(UTC))
        if found is None:
            raise RefusedError(401, "A valid token is needed.", www_authenticate="Bearer")
        identity, token = found
        if not token.may(needed):
            raise RefusedError(403, "This token may not do that.")
        return identity

    def _stay_home(self, scope: Scope, needed: str) -> None:
        """Without tokens, a web page that was lured to a loopback address is no friend."""
        host = header(scope, b"host").rpartition(b":")[0] or header(scope, b"host")
        if host.lower() not in _LOOPBACK:
            raise RefusedError(403, "Without tokens, only this machine's own name is answered.")
        if needed == "admin" and scope["method"] not in ("GET", "HEAD"):
            raise RefusedError(403, "Make an admin token first: kedro endpoint token create.")

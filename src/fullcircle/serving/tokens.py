"""Who may enter: bearer tokens, of which only hashes are kept.

A token is ``fc_<id>_<secret>``, its secret 256 random bits. So one round of SHA-256 hides it as
well as many would, and a comparison in constant time tells nothing of how near a guess came.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field, ValidationError

from fullcircle.core.contract import Settings
from fullcircle.core.errors import ConfigurationError, StorageError
from fullcircle.serving.runtime_dir import RuntimeDir, locked, read_json, write_json

Scope = Literal["predict", "admin"]
SCOPES = ("predict", "admin")
_NOBODY = "0" * 64


class Token(Settings):
    """A token as it is kept.

    Attributes:
        name: Whose it is, for people.
        digest: SHA-256 of its secret.
        scopes: What it may do; ``admin`` may predict too.
        created: When, in UTC.
        expires: From then on it is worth nothing; None for never.
    """

    name: str
    digest: str
    scopes: list[Scope] = Field(min_length=1)
    created: str
    expires: str | None = None

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires is not None and now >= datetime.fromisoformat(self.expires)

    def may(self, scope: str) -> bool:
        """Whether it may do what a scope allows."""
        return scope in self.scopes or "admin" in self.scopes


Tokens = Mapping[str, Token]


def read_tokens(content: Any) -> Tokens:
    """Parse the content of the tokens' file; without a file there are none.

    Raises:
        StorageError: It holds something else. Nobody may enter then.
    """
    try:
        given = {} if content is None else content.items()
        return {name: Token.model_validate(entry) for name, entry in dict(given).items()}
    except (AttributeError, TypeError, ValidationError) as error:
        raise StorageError(
            "tokens.json holds something that is no token, so nobody may enter. Put the right "
            "file back, or delete it and make new tokens: kedro endpoint token create."
        ) from error


def load_tokens(folder: RuntimeDir) -> Tokens:
    """Read an endpoint's tokens.

    Raises:
        StorageError: The file cannot be read.
    """
    return read_tokens(read_json(folder.tokens))


def find_token(tokens: Tokens, header: bytes, now: datetime) -> tuple[str, Token] | None:
    """Find whose token a header carries, at the same cost whether there is one or not.

    Args:
        tokens: By id.
        header: Value of ``Authorization``.
        now: The moment.

    Returns:
        Its id and the token; None where it is absent, unknown, wrong or expired.
    """
    kind, _, given = header.partition(b" ")
    identity, _, secret = given.removeprefix(b"fc_").partition(b"_")
    found = tokens.get(identity.decode("latin-1"))
    digest = hashlib.sha256(secret).hexdigest()
    same = hmac.compare_digest(digest, found.digest if found else _NOBODY)
    if not same or found is None or kind.lower() != b"bearer" or found.expired(now):
        return None
    return identity.decode("latin-1"), found


def issue_token(
    folder: RuntimeDir, name: str, scopes: list[Scope], days: float | None, now: datetime
) -> tuple[str, str]:
    """Make a token and keep its hash.

    Returns:
        Its id and the token itself, which nobody can read again.
    """
    identity, secret = secrets.token_hex(4), secrets.token_hex(32)
    expires = (now + timedelta(days=days)).isoformat() if days else None
    token = Token(
        name=name,
        digest=hashlib.sha256(secret.encode()).hexdigest(),
        scopes=scopes,
        created=now.isoformat(),
        expires=expires,
    )
    with locked(folder.tokens):
        _keep(folder, {**load_tokens(folder), identity: token})
    return identity, f"fc_{identity}_{secret}"


def revoke_token(folder: RuntimeDir, identity: str) -> Token:
    """Take a token back; it is worth nothing from the next request on.

    Raises:
        ConfigurationError: There is none of that id.
    """
    with locked(folder.tokens):
        tokens = dict(load_tokens(folder))
        if identity not in tokens:
            known = ", ".join(f"{one} ({token.name})" for one, token in tokens.items()) or "none"
            raise ConfigurationError(f"There is no token {identity!r}. There are: {known}.")
        taken = tokens.pop(identity)
        _keep(folder, tokens)
    return taken


def list_tokens(folder: RuntimeDir) -> list[dict[str, Any]]:
    """Tell of all tokens what may be told."""
    now = datetime.now(UTC)
    return [
        {
            "id": identity,
            "name": token.name,
            "scopes": token.scopes,
            "created": token.created,
            "expires": token.expires or "never",
            "state": "expired" if token.expired(now) else "valid",
        }
        for identity, token in load_tokens(folder).items()
    ]


def _keep(folder: RuntimeDir, tokens: Tokens) -> None:
    kept = {identity: token.model_dump(mode="json") for identity, token in tokens.items()}
    write_json(folder.tokens, kept)

"""Sessions of people: an opaque cookie, of which the database has only the hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

from sqlalchemy import delete, or_, update
from starlette.responses import Response

from careledger.chain.database import Database
from careledger.gateway.access.principal import PERSON
from careledger.gateway.access.tokens import derived_key
from careledger.gateway.tables import SESSION

__all__ = ["Cookie", "Session", "Sessions", "pseudonym"]

ID_BYTES = 32
PSEUDONYM_BYTES = 12
SEEN_SECONDS = 60
"""How often it is noted, at most, that a session is in use."""


def pseudonym(secret: str, issuer: str, subject: str) -> str:
    """What a person is called here and in logs: the same for the same person and secret, and telling nothing."""
    key = derived_key(secret, "pseudonym")
    return PERSON + hmac.digest(key, f"{issuer}\0{subject}".encode(), "sha256")[:PSEUDONYM_BYTES].hex()


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie of this host alone; over https its name has browsers see to that (`__Host-`)."""

    name: str
    secure: bool
    same_site: str

    @classmethod
    def named(cls, name: str, public_url: str, same_site: str) -> Cookie:
        secure = public_url.startswith("https:")
        return cls(f"__Host-{name}" if secure else name, secure, same_site)

    def give(self, response: Response, value: str, seconds: int) -> None:
        self._set(response, value, seconds)

    def take_away(self, response: Response) -> None:
        self._set(response, "", 0)

    def _set(self, response: Response, value: str, seconds: int) -> None:
        response.set_cookie(
            self.name,
            value,
            max_age=seconds,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="strict" if self.same_site == "strict" else "lax",
        )


@dataclass(frozen=True, slots=True)
class Session:
    """Who signed in. `key` is the address of who did with a wallet. Times are Unix seconds; it ends at `expires_at`, or
    when it was not used for a while."""

    subject: str
    key: str | None
    created_at: int
    expires_at: int


class Sessions:
    """Begins, finds and ends sessions. All processes of a gateway share the secret and the database."""

    def __init__(self, database: Database, secret: str, public_url: str, seconds: int, idle_seconds: int) -> None:
        self._database = database
        self._key = derived_key(secret, "csrf")
        self.seconds = seconds
        self.idle_seconds = idle_seconds
        self.cookie = Cookie.named("careledger", public_url, "strict")

    def begin(self, subject: str, key: str | None = None) -> str:
        """The id of a new session, for the cookie. Raises DatabaseError."""
        session_id = secrets.token_urlsafe(ID_BYTES)
        now = int(time.time())
        with self._database.write() as connection:
            connection.execute(
                delete(SESSION).where(
                    or_(SESSION.c.created_at <= now - self.seconds, SESSION.c.seen_at <= now - self.idle_seconds)
                )
            )
            connection.execute(
                SESSION.insert().values(
                    session_hash=_hash(session_id), subject=subject, key=key, created_at=now, seen_at=now
                )
            )
        return session_id

    def find(self, session_id: str) -> Session | None:
        """A session that has neither ended nor expired, which is thereby in use. Raises DatabaseError."""
        hashed, now = _hash(session_id), int(time.time())
        with self._database.read() as connection:
            found = connection.execute(SESSION.select().where(SESSION.c.session_hash == hashed)).one_or_none()
        if found is None or now >= found.created_at + self.seconds or now >= found.seen_at + self.idle_seconds:
            return None
        if now >= found.seen_at + min(SEEN_SECONDS, self.idle_seconds // 4):
            with self._database.write() as connection:
                connection.execute(update(SESSION).where(SESSION.c.session_hash == hashed).values(seen_at=now))
        return Session(found.subject, found.key, found.created_at, found.created_at + self.seconds)

    def end(self, session_id: str) -> None:
        """Ends a session, if there is one. Raises DatabaseError."""
        with self._database.write() as connection:
            connection.execute(delete(SESSION).where(SESSION.c.session_hash == _hash(session_id)))

    def csrf_token(self, session_id: str) -> str:
        """What pages of this origin send along with what they change: other origins cannot read it."""
        return hmac.digest(self._key, session_id.encode(), "sha256").hex()


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()

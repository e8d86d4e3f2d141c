"""What may be used once: assertions, messages that wallets sign, sign-ins under way."""

from __future__ import annotations

import hashlib
import time

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from careledger.chain.database import Database
from careledger.errors import DatabaseError
from careledger.gateway.tables import ASSERTION

__all__ = ["SKEW_SECONDS", "Once"]

SKEW_SECONDS = 30


class Once:
    """Notes uses by their hash, in the database that all processes of a gateway share."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_first(self, identity: str, until: int) -> bool:
        """Whether something is used for the first time; it is then noted until it has expired. Raises DatabaseError."""
        hashed = hashlib.sha256(identity.encode()).hexdigest()
        try:
            with self._database.write() as connection:
                connection.execute(delete(ASSERTION).where(ASSERTION.c.until < int(time.time()) - SKEW_SECONDS))
                connection.execute(ASSERTION.insert().values(assertion_hash=hashed, until=until))
        except DatabaseError as error:
            if isinstance(error.__cause__, IntegrityError):
                return False
            raise
        return True

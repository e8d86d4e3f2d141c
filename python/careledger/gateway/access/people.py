"""The people who may sign in at the OpenID Connect server, from a file.

people:
  - subject: "248289761001"          # the server's `sub`
    scopes: [reviews.read, reviews.write]
    signer: keystore:reviewer.json   # signs what this person decides; without it, nothing
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from careledger.chain.signers import Signer
from careledger.errors import ConfigurationError
from careledger.gateway.access.scopes import SCOPES
from careledger.gateway.access.sessions import pseudonym

__all__ = ["People", "Person"]

SETTING = "CARELEDGER_PEOPLE"


@dataclass(frozen=True, slots=True)
class Person:
    """What a person may do, and where the key lies that signs for it, as the setting `signer`."""

    scopes: frozenset[str]
    signer: str | None


class People:
    """The people by their pseudonyms: nothing else of them is kept. Attributes: `signers`, the keys by what the file
    calls them; `files`, what they were read from."""

    def __init__(
        self, people: dict[str, Person], signers: Mapping[str, Signer] | None = None, files: tuple[Path, ...] = ()
    ) -> None:
        self._people = people
        self.signers = signers or {}
        self.files = files

    def known(self, subject: str) -> Person | None:
        """A person by pseudonym; None for a stranger."""
        return self._people.get(subject)

    @classmethod
    def load(cls, path: Path | None, issuer: str | None, secret: str, open_key: Callable[[str], Signer]) -> People:
        """The people of a file, who sign in at an issuer; without either there are none. Raises ConfigurationError for
        what is wrong in it, and as `open_key` does."""
        if path is None or issuer is None:
            return cls({})
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
            listed = found["people"]
            if not isinstance(listed, list):
                raise TypeError
        except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError) as error:
            raise ConfigurationError(
                SETTING, f"{path} is not a file with a list of `people` ({type(error).__name__})"
            ) from None
        people: dict[str, Person] = {}
        for number, entry in enumerate(listed, 1):
            subject, person = _person(entry, number)
            name = pseudonym(secret, issuer, subject)
            if name in people:
                raise ConfigurationError(SETTING, f"entry {number}: its subject is there twice")
            people[name] = person
        named = {person.signer for person in people.values() if person.signer is not None}
        return cls(people, {name: open_key(name) for name in sorted(named)}, (path,))


def _person(entry: Any, number: int) -> tuple[str, Person]:
    """By its number: a subject may be a mail address, and a problem is told in logs."""
    try:
        subject, scopes, signer = entry["subject"], frozenset(map(str, entry["scopes"])), entry.get("signer")
        if not isinstance(subject, str) or not subject or not isinstance(signer, str | None):
            raise TypeError
    except (LookupError, TypeError, AttributeError):
        raise ConfigurationError(
            SETTING, f"entry {number} needs a subject in quotes and a list of scopes, and may have a signer"
        ) from None
    if scopes - SCOPES.keys():
        wrong = ", ".join(sorted(scopes - SCOPES.keys()))
        raise ConfigurationError(SETTING, f"entry {number}: no such scope: {wrong}")
    return subject, Person(scopes, signer)

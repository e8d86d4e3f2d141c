"""The systems that may ask for tokens, from a file.

clients:
  - client_id: general-hospital-ehr
    organization: general-hospital
    scopes: [system/Claim.c, system/Claim.r]
    jwks_file: ehr.jwks.json        # public keys only; or `jwks:` with the keys in it
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from careledger.errors import ConfigurationError
from careledger.gateway.access.principal import PERSON
from careledger.gateway.access.scopes import SCOPES

__all__ = ["Client", "Clients"]

SETTING = "CARELEDGER_CLIENTS"
LEAST_RSA_BITS = 2_048
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})


@dataclass(frozen=True, slots=True)
class Client:
    """A system, the organization of the register that it belongs to, what it may ask for, and its public keys."""

    client_id: str
    organization: str
    scopes: frozenset[str]
    keys: KeySet


class Clients:
    """The clients by their id. Attribute: `files`, what they were read from."""

    def __init__(self, clients: dict[str, Client], files: tuple[Path, ...] = ()) -> None:
        self._clients = clients
        self.files = files

    def get(self, client_id: str) -> Client | None:
        return self._clients.get(client_id)

    @classmethod
    def load(cls, path: Path | None) -> Clients:
        """The clients of a file; without one there are none. Raises ConfigurationError for what is wrong in it."""
        if path is None:
            return cls({})
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
            listed = found["clients"]
            assert isinstance(listed, list)
        except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError, AssertionError) as error:
            raise ConfigurationError(
                SETTING, f"{path} is not a file with a list of `clients` ({type(error).__name__})"
            ) from None
        clients: dict[str, Client] = {}
        files = [path]
        for entry in listed:
            client = _client(entry, path, files)
            if client.client_id in clients:
                raise ConfigurationError(SETTING, f"{client.client_id} is there twice")
            clients[client.client_id] = client
        return cls(clients, tuple(files))


def _client(entry: Any, path: Path, files: list[Path]) -> Client:
    """Adds the file of its keys to `files`."""
    try:
        client_id, organization = str(entry["client_id"]), str(entry["organization"])
        scopes = frozenset(map(str, entry["scopes"]))
        if "jwks" in entry:
            keys = entry["jwks"]
        else:
            files.append(path.parent / str(entry["jwks_file"]))
            keys = _read(files[-1])
        found = [dict(key) for key in keys["keys"]]
    except (LookupError, TypeError, ValueError):
        raise ConfigurationError(
            SETTING, "a client needs client_id, organization, scopes, and jwks or jwks_file with public keys"
        ) from None
    if client_id.startswith(PERSON):
        raise ConfigurationError(SETTING, f"{client_id}: only people are called {PERSON}...")
    if scopes - SCOPES.keys():
        raise ConfigurationError(SETTING, f"{client_id}: no such scope: {', '.join(sorted(scopes - SCOPES.keys()))}")
    if any(PRIVATE & key.keys() for key in found):
        raise ConfigurationError(SETTING, f"{client_id}: its key set holds private keys; leave them where they are")
    try:
        imported = KeySet.import_key_set({"keys": found})
    except (JoseError, ValueError) as error:
        raise ConfigurationError(SETTING, f"{client_id}: its key set cannot be read ({type(error).__name__})") from None
    for key in imported.keys:
        if isinstance(key, RSAKey) and key.public_key.key_size < LEAST_RSA_BITS:
            raise ConfigurationError(SETTING, f"{client_id}: an RSA key of fewer than {LEAST_RSA_BITS} bits")
        if not isinstance(key, (RSAKey, ECKey)):
            raise ConfigurationError(SETTING, f"{client_id}: a key that is neither RSA nor EC")
    return Client(client_id, organization, scopes, imported)


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(SETTING, f"{path} cannot be read ({type(error).__name__})") from None

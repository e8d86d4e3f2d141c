"""A gateway to try: a node of its own, a fresh suite, one organization, and everything in one folder."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from careledger.chain.development import development_signer
from careledger.client import CareLedger
from careledger.identity import Admission, MemberRole
from careledger.vault import Vault

__all__ = ["LOCAL_ORGANIZATION", "local_settings"]

LOCAL_ORGANIZATION = "local-hospital"
LICENCE_SECONDS = 365 * 86_400


@contextmanager
def local_settings(folder: Path) -> Iterator[dict[str, str]]:
    """The settings of a gateway on a chain that lives as long as the context. Development account 0 is its key, and
    rules the suite. Raises MissingPrerequisite if there is no Anvil."""
    folder.mkdir(parents=True, exist_ok=True)
    with CareLedger.local() as ledger:
        assert ledger.signer is not None
        ledger.deployment.save(folder / "deployments")
        expiry = max(int(time.time()), ledger.connection.block_time()) + LICENCE_SECONDS
        controller = development_signer(1)
        ledger.organizations.admit(
            Admission(LOCAL_ORGANIZATION, controller.address, frozenset(MemberRole), licence_expiry=expiry)
        )
        key = development_signer(2)
        governed = ledger.acting_as(controller).organizations
        governed.add_key(governed.prove_possession(LOCAL_ORGANIZATION, key, ledger.connection.now() + 3600))
        passphrase = secrets.token_urlsafe(24)
        Vault.create(folder / "vault.db", passphrase).close()
        yield {
            "organization": LOCAL_ORGANIZATION,
            "rpc": ledger.connection.url,
            "signer": "development:2",
            "vault": str(folder / "vault.db"),
            "passphrase": passphrase,
            "deployments": str(folder / "deployments"),
            "database": f"sqlite:///{folder / 'gateway.db'}",
            "confirmations": "1",
        }

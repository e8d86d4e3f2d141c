"""Who holds the manager's roles, and what kind of account that is, as the chain says."""

from __future__ import annotations

from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.contract_events import RoleGranted, RoleRevoked

__all__ = ["is_plain_key", "role_members"]

DELEGATION_PREFIX = bytes.fromhex("ef0100")  # EIP-7702: still ruled by its key


def role_members(manager: Contract, from_block: int) -> dict[int, dict[str, int]]:
    """Role -> the accounts that hold it, also those whose grant has yet to begin, and the seconds that each waits."""
    members: dict[int, dict[str, int]] = {}
    for entry in manager.connection.logs(manager.address, [RoleGranted, RoleRevoked], from_block):
        event = entry.event
        if isinstance(event, RoleGranted):
            members.setdefault(event.role_id, {})[event.account] = event.delay
        elif isinstance(event, RoleRevoked):
            members.get(event.role_id, {}).pop(event.account, None)
    return members


def is_plain_key(connection: Connection, address: str) -> bool:
    """Whether an account is ruled by one ordinary key: no code, or only an EIP-7702 delegation."""
    code = connection.code(address)
    return not code or code.startswith(DELEGATION_PREFIX)

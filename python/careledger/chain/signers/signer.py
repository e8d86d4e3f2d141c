"""What every signer can do."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from eth_typing import ChecksumAddress

from careledger.errors import ConfigurationError

__all__ = ["Signer", "required"]


@runtime_checkable
class Signer(Protocol):
    """One Ethereum key and the way to use it. `str`, `repr` and `describe` never show a secret."""

    @property
    def address(self) -> ChecksumAddress:
        """The address whose signatures this signer makes."""
        ...

    @property
    def development_only(self) -> bool:
        """Whether the key lies unprotected, so that it may be used on a local chain only."""
        ...

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        """The raw signed transaction, ready for `eth_sendRawTransaction`.

        `transaction` is a dict as web3 takes it: `chainId`, `nonce`, `gas`, either `gasPrice` or `maxFeePerGas` with
        `maxPriorityFeePerGas` (wei), and `to`, `value` (wei), `data`, `accessList` as needed. A `from` must be this
        signer's address.

        Raises InvalidInput if a field is missing or wrong, SignerError if the key cannot be used.
        """
        ...

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        """The EIP-712 signature, 65 bytes: r (32), s (32, in the lower half), v (27 or 28).

        `typed_data` is the whole message: `types`, `primaryType`, `domain`, `message`.

        Raises InvalidInput if it is not a typed message, SignerError if the key cannot be used.
        """
        ...

    def describe(self) -> str:
        """Where the key lies and its address, for logs and tables."""
        ...


def required(signer: Signer | None) -> Signer:
    """The signer of a client that is to change the chain. Raises ConfigurationError if it has none."""
    if signer is None:
        raise ConfigurationError("signer", "this needs a key; connect with signer=..., or give --signer")
    return signer

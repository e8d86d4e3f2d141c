"""A key in AWS KMS: it never leaves the service. Digests go in, and the answers are turned into Ethereum's form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from eth_keys.main import lazy_key_api as keys
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from careledger.chain.signers.digests import (
    Signature,
    checked_transaction,
    recover,
    signed_transaction,
    transaction_digest,
    typed_data_digest,
)
from careledger.errors import MissingPrerequisite, SignerError

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

__all__ = ["KmsSigner"]


class KmsSigner:
    """Signs with an AWS KMS key of spec ECC_SECG_P256K1 and usage SIGN_VERIFY.

    Region, credentials and endpoint follow boto3's own rules (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, ...), unless a
    `client` is given. The caller needs `kms:GetPublicKey` and `kms:Sign`.
    """

    development_only = False

    def __init__(self, key_id: str, client: KMSClient | None = None) -> None:
        """Asks for the public key. `key_id` is a key id, a key ARN, an alias name (`alias/...`) or an alias ARN.

        Raises MissingPrerequisite without boto3, SignerError if KMS refuses or the key is of another kind.
        """
        self._origin = f"kms:{key_id}"
        self._errors = _boto_errors()
        self._client = _client(self._origin) if client is None else client
        try:
            answer = self._client.get_public_key(KeyId=key_id)
        except self._errors as error:
            raise SignerError(self._origin, f"KMS did not give the public key: {error}") from error
        if answer["KeyUsage"] != "SIGN_VERIFY":
            raise SignerError(self._origin, f"is a key for {answer['KeyUsage']}; Ethereum needs one for SIGN_VERIFY")
        self._key_id = answer["KeyId"]  # of the key itself: an alias may be pointed elsewhere while we run
        self._address = _address(answer["PublicKey"], self._origin)

    @property
    def address(self) -> ChecksumAddress:
        return self._address

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        fields = checked_transaction(transaction, self.address)
        return signed_transaction(fields, self._sign(transaction_digest(fields)))

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        return self._sign(typed_data_digest(typed_data)).to_bytes()

    def describe(self) -> str:
        return f"{self._origin} ({self.address})"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"

    def _sign(self, digest: bytes) -> Signature:
        try:
            answer = self._client.sign(
                KeyId=self._key_id, Message=digest, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256"
            )
            r, s = decode_dss_signature(answer["Signature"])
        except self._errors as error:
            raise SignerError(self._origin, f"KMS did not sign: {error}") from error
        except ValueError:
            raise SignerError(self._origin, "KMS answered with something that is not a signature") from None
        # KMS gives no recovery bit: the right one is the one that leads back to our address.
        for parity in (0, 1):
            signature = Signature(r, s, parity).in_lower_half()
            if recover(digest, signature) == self.address:
                return signature
        raise SignerError(self._origin, f"KMS answered with a signature that is not by {self.address}")


def _address(der: bytes, origin: str) -> ChecksumAddress:
    try:
        key = load_der_public_key(der)
    except ValueError:
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256K1):
        raise SignerError(origin, "is not a key on secp256k1; Ethereum needs one of spec ECC_SECG_P256K1")
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return to_checksum_address(keys.PublicKey(point[1:]).to_canonical_address())


def _client(origin: str) -> KMSClient:
    import boto3

    try:
        return boto3.client("kms")
    except _boto_errors() as error:
        raise SignerError(origin, f"boto3 cannot reach KMS: {error}") from error


def _boto_errors() -> tuple[type[Exception], ...]:
    try:
        import boto3  # noqa: F401
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise MissingPrerequisite("boto3", "AWS KMS needs it: pip install careledger[kms]") from None
    return BotoCoreError, ClientError

"""Every error that careledger raises on purpose, in one tree.

    CareLedgerError
    ├── ConfigurationError            a setting is missing or wrong
    │   └── MissingPrerequisite       a program or package that the call needs is not there
    ├── InvalidInput                  a value given to a call is wrong; nothing was done
    │   ├── BarcodeUnreadable         a barcode's text cannot be read, by its likelier cause
    │   ├── EpcisInvalid              an EPCIS document, or an event in it, is not what the standard asks for
    │   └── UnknownOrganization       a name or id that is not an organization here
    ├── ChainError                    the chain could not be asked, or is not what was expected
    │   ├── NodeUnreachable
    │   │   └── NodeBusy              the node asks for fewer requests
    │   ├── NodeRefused               the node answered with an error of its own
    │   ├── WrongChain
    │   ├── NotAContract
    │   ├── BytecodeMismatch
    │   ├── InsufficientFunds
    │   ├── FeeTooHigh                gas costs more than was allowed; nothing was sent
    │   └── TransactionUnconfirmed    sent, and not seen in a block in time
    ├── ContractError                 a contract refused; subclasses in `careledger.contract_errors`, by selector
    │   ├── UnknownRefusal            ... with data that the suite does not declare
    │   ├── RevertedWithReason        ... with a text
    │   └── Panicked                  ... by a failed internal check
    ├── DeploymentError               a deployment is not what its manifest or plan says
    │   ├── DeploymentMissing
    │   ├── DeploymentChanged
    │   ├── ContractUnpublished       an organization has not published a contract of a kind
    │   ├── PlainKeyAdmin             an ordinary key would rule outside a local chain
    │   └── PublicChainUnnamed        what a deployment shows to all readers of a chain was not asked for by its id
    ├── DatabaseError                 a database could not be read or written
    │   └── DatabaseOutdated          its tables are not of this version
    ├── OutboxError                   the outbox cannot do what was asked
    │   ├── OutboxOfAnotherChain      the node serves another chain than the one that the outbox is for
    │   ├── IntentConflict            the key of another intent
    │   ├── UnknownIntent
    │   ├── WrongState                the record's state does not allow it
    │   ├── RecordUnfinished          waited for, and still on its way
    │   └── WorkerBusy                another worker is at work on the same file
    ├── IndexerError                  the index cannot be kept or read
    │   ├── IndexMissing              there is none in the database yet
    │   ├── IndexOfAnotherChain       it was built from another chain
    │   ├── IndexOutdated             it was built by another version, or for other contracts
    │   ├── IndexWentBack             a reorganization or rebuild took the block of a view from it
    │   ├── ReadModelFailed           the code of a read model raised an exception
    │   └── ChainDisagrees            the nodes contradict each other, or one itself
    ├── AnchoringError                a document is not what was said of it
    │   ├── NotAnchored               there is no such anchor on this chain
    │   ├── ReceiptError              a receipt cannot be used
    │   │   ├── ReceiptMalformed      it is none, or its values do not fit each other
    │   │   └── ReceiptUnsupported    it is of a version that this careledger does not read
    │   └── StateProofInvalid         a state proof does not prove what it states
    ├── AuthorizationError            a request for authorization, or its answer, cannot be taken
    │   ├── BundleRefused             a FHIR bundle is not what its profile asks for; carries an OperationOutcome
    │   ├── RequestConflict           another request came under the same identifier before
    │   └── RuleFileInvalid           a rule file, or a file that it names, is not what it must be
    ├── SerializationError            what is kept or handed on of lots is not what was said of it
    │   ├── NotInBook                 nothing is kept at home of a lot, unit or container
    │   ├── BookConflict              something else is kept of it
    │   └── SealedBundleError         a sealed bundle, or a card to seal one to, cannot be taken; nothing was kept
    │       ├── SealedBundleMalformed     it is none, or its values do not fit each other
    │       ├── SealedBundleUnsupported   it is of a version that this careledger does not read
    │       ├── SealedForAnother      it is for another organization, or a key that is not in the vault
    │       ├── SealedForAnotherChain it is of another chain, or another register
    │       ├── SealedBundleUnproven  its signature is not by a key of whom it names, as of then
    │       └── SealedBundleMismatch  what it says of a lot is not what stands on chain
    ├── SignerError                   a key could not be read or used
    └── VaultError                    the encrypted store could not be read or written

Each class has fields that name the offending values; `str()` says what is wrong and, where there is one, the way out.
A secret is never a field.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

__all__ = [
    "AnchoringError",
    "AuthorizationError",
    "BarcodeUnreadable",
    "BookConflict",
    "BundleRefused",
    "BytecodeMismatch",
    "CareLedgerError",
    "ChainDisagrees",
    "ChainError",
    "ConfigurationError",
    "ContractError",
    "ContractUnpublished",
    "DatabaseError",
    "DatabaseOutdated",
    "DeploymentChanged",
    "DeploymentError",
    "DeploymentMissing",
    "EpcisInvalid",
    "FeeTooHigh",
    "IndexMissing",
    "IndexOfAnotherChain",
    "IndexOutdated",
    "IndexWentBack",
    "IndexerError",
    "InsufficientFunds",
    "IntentConflict",
    "InvalidInput",
    "MissingPrerequisite",
    "NodeBusy",
    "NodeRefused",
    "NodeUnreachable",
    "NotAContract",
    "NotAnchored",
    "NotInBook",
    "OutboxError",
    "OutboxOfAnotherChain",
    "Panicked",
    "PlainKeyAdmin",
    "PublicChainUnnamed",
    "ReadModelFailed",
    "ReceiptError",
    "ReceiptMalformed",
    "ReceiptUnsupported",
    "RecordUnfinished",
    "RequestConflict",
    "RevertedWithReason",
    "RuleFileInvalid",
    "SealedBundleError",
    "SealedBundleMalformed",
    "SealedBundleMismatch",
    "SealedBundleUnproven",
    "SealedBundleUnsupported",
    "SealedForAnother",
    "SealedForAnotherChain",
    "SerializationError",
    "SignerError",
    "StateProofInvalid",
    "TransactionUnconfirmed",
    "UnknownIntent",
    "UnknownOrganization",
    "UnknownRefusal",
    "VaultError",
    "WorkerBusy",
    "WrongChain",
    "WrongState",
]


class CareLedgerError(Exception):
    """The base of the tree. `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = 1

    def fields(self) -> dict[str, Any]:
        """The offending values by name."""
        declared: dict[str, dataclasses.Field[Any]] = getattr(type(self), "__dataclass_fields__", {})
        return {name: getattr(self, name) for name, field in declared.items() if "ClassVar" not in str(field.type)}


@dataclass(eq=False)
class ConfigurationError(CareLedgerError):
    """A setting is missing or wrong."""

    exit_code: ClassVar[int] = 3
    setting: str
    problem: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.problem}"


@dataclass(eq=False)
class MissingPrerequisite(ConfigurationError):
    """A program or package that the call needs is not there; `problem` says how to get it."""


@dataclass(eq=False)
class InvalidInput(CareLedgerError):
    """A value given to a call is wrong; nothing was done."""

    exit_code: ClassVar[int] = 2
    name: str
    value: str
    problem: str

    def __str__(self) -> str:
        return f"{self.name} {self.value!r}: {self.problem}"


@dataclass(eq=False)
class BarcodeUnreadable(InvalidInput):
    """A barcode's text cannot be read. `fault` is the likelier cause, one of `serialization.barcodes.BarcodeFault`;
    `likelier` is what the text would say without the fault, bracketed, where that can be told.
    """

    fault: str
    likelier: str | None = None

    def __str__(self) -> str:
        likelier = f"; likelier {self.likelier}" if self.likelier else ""
        return f"{super().__str__()}{likelier}"


@dataclass(eq=False)
class EpcisInvalid(InvalidInput):
    """An EPCIS document, or an event in it, is not what the standard asks for. `name` is the place in it, such as
    `eventList[2].quantityList[0].uom`, in the names of EPCIS 2.0 JSON whatever form it came in.
    """


@dataclass(eq=False)
class UnknownOrganization(InvalidInput):
    """A name or id that is not an organization of this registry."""

    exit_code: ClassVar[int] = 6


class ChainError(CareLedgerError):
    """The chain could not be asked, or is not what was expected: no answer about what stands on it."""

    exit_code: ClassVar[int] = 4


@dataclass(eq=False)
class NodeUnreachable(ChainError):
    """No node answers at the URL (named without its credentials, path and query)."""

    url: str
    problem: str

    def __str__(self) -> str:
        return f"no node answers at {self.url}: {self.problem}; check the URL, or start one with `careledger node`"


@dataclass(eq=False)
class NodeBusy(NodeUnreachable):
    """The node asks for fewer requests (HTTP 429, or an error that says so). `retry_after_seconds` if it told."""

    retry_after_seconds: int | None = None


@dataclass(eq=False)
class NodeRefused(ChainError):
    """The node answered with an error that is not a contract's refusal."""

    method: str
    code: int | None
    problem: str

    def __str__(self) -> str:
        return f"the node refused {self.method}: {self.problem}"


@dataclass(eq=False)
class WrongChain(ChainError):
    """The node serves another chain than the one expected."""

    expected: int
    actual: int

    def __str__(self) -> str:
        return f"expected chain id {self.expected}, the node serves {self.actual}"


@dataclass(eq=False)
class NotAContract(ChainError):
    """There is no code at an address that should be a contract."""

    contract: str
    address: str

    def __str__(self) -> str:
        return f"no contract at {self.address}, where {self.contract} should be"


@dataclass(eq=False)
class BytecodeMismatch(ChainError):
    """The code at an address is not the code of this version of careledger."""

    contract: str
    address: str

    def __str__(self) -> str:
        return f"the code at {self.address} is not this version's {self.contract}"


@dataclass(eq=False)
class InsufficientFunds(ChainError):
    """An account cannot pay for a transaction. Amounts in wei."""

    address: str
    balance_wei: int
    needed_wei: int

    def __str__(self) -> str:
        return f"{self.address} has {self.balance_wei} wei and needs up to {self.needed_wei} wei; fund it and run again"


@dataclass(eq=False)
class FeeTooHigh(ChainError):
    """A unit of gas may cost more than was allowed; the transaction was not sent. Amounts in wei."""

    fee_wei: int
    cap_wei: int

    def __str__(self) -> str:
        return (
            f"a unit of gas costs up to {self.fee_wei} wei now, more than the {self.cap_wei} wei allowed; "
            "not sent: run again when fees are lower, or allow more"
        )


@dataclass(eq=False)
class TransactionUnconfirmed(ChainError):
    """A transaction was sent and is in no block yet. It may still be included."""

    transaction_hash: str
    waited_seconds: int

    def __str__(self) -> str:
        return (
            f"transaction {self.transaction_hash} is in no block after {self.waited_seconds} s; "
            "it may still be included: look before sending again"
        )


class ContractError(CareLedgerError):
    """A contract refused. The suite's own refusals are subclasses in `careledger.contract_errors`."""

    exit_code: ClassVar[int] = 5
    SELECTOR: ClassVar[str] = ""
    SUMMARY: ClassVar[str] = ""
    TYPES: ClassVar[tuple[str, ...]] = ()
    ENUMS: ClassVar[dict[int, type[IntEnum]]] = {}

    def __str__(self) -> str:
        texts = {name: value.name if isinstance(value, IntEnum) else value for name, value in self.fields().items()}
        values = ", ".join(f"{name}={text}" for name, text in texts.items())
        head = f"{type(self).__name__}({values})"
        return f"{head}: {self.SUMMARY}" if self.SUMMARY else head


@dataclass(eq=False)
class UnknownRefusal(ContractError):
    """A contract refused with data that no contract of the suite declares, or with none. `data` is 0x-prefixed."""

    data: str

    def __str__(self) -> str:
        return f"a contract refused with data that it does not declare: {self.data}"


@dataclass(eq=False)
class RevertedWithReason(ContractError):
    """A contract refused with a text, as `require` does."""

    reason: str

    def __str__(self) -> str:
        return f"a contract refused: {self.reason}"


@dataclass(eq=False)
class Panicked(ContractError):
    """A contract failed an internal check; `code` is Solidity's panic code."""

    code: int

    def __str__(self) -> str:
        return f"a contract failed an internal check (panic code 0x{self.code:02x})"


class DeploymentError(CareLedgerError):
    """A deployment is not what its manifest or plan says."""

    exit_code: ClassVar[int] = 9


@dataclass(eq=False)
class DeploymentMissing(DeploymentError):
    """No deployment is known for a chain."""

    chain_id: int
    manifest: str
    command: str = "careledger deploy"

    def __str__(self) -> str:
        return (
            f"no deployment for chain {self.chain_id} in {self.manifest}; "
            f"run `{self.command}`, or name the folder with --deployments"
        )


@dataclass(eq=False)
class DeploymentChanged(DeploymentError):
    """What stands on chain differs from the manifest or the plan."""

    subject: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.subject}: expected {self.expected}, found {self.actual}"


@dataclass(eq=False)
class ContractUnpublished(DeploymentError):
    """An organization has not published where its contract of a kind is."""

    organization: str
    kind: str

    def __str__(self) -> str:
        return (
            f"{self.organization} has published no {self.kind} in the registry; "
            "its controller does so with `careledger payer publish` or `careledger org publish-contract`"
        )


@dataclass(eq=False)
class PlainKeyAdmin(DeploymentError):
    """An ordinary key would be the admin outside a local chain."""

    admin: str
    chain_id: int

    def __str__(self) -> str:
        return (
            f"the admin {self.admin} on chain {self.chain_id} is an ordinary key, "
            "not a contract account such as a Safe; name a contract account, or say --allow-plain-key-admin"
        )


@dataclass(eq=False)
class PublicChainUnnamed(DeploymentError):
    """A deployment would show what it holds to everyone who reads the chain, and the chain was not named for that."""

    chain_id: int
    shows: str

    def __str__(self) -> str:
        return (
            f"chain {self.chain_id} is not a local one: everyone who can read it sees {self.shows}; "
            f"if that is meant, say --public-chain-id {self.chain_id}"
        )


@dataclass(eq=False)
class DatabaseError(CareLedgerError):
    """A database could not be read or written. `database` is its URL without the password."""

    exit_code: ClassVar[int] = 10
    database: str
    problem: str

    def __str__(self) -> str:
        return f"database {self.database}: {self.problem}"


@dataclass(eq=False)
class DatabaseOutdated(DatabaseError):
    """The tables are not what this version of careledger works with; `problem` says how to get them there."""


class IndexerError(CareLedgerError):
    """The index cannot be kept or read."""

    exit_code: ClassVar[int] = 12


@dataclass(eq=False)
class IndexMissing(IndexerError):
    """A database has no index. `database` is its URL without the password."""

    database: str

    def __str__(self) -> str:
        return f"database {self.database} has no index; run `careledger index sync`"


@dataclass(eq=False)
class IndexOfAnotherChain(IndexerError):
    """An index was built from another chain than the node's: by chain id and hash of block 0."""

    database: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return (
            f"the index in {self.database} is of chain {self.expected}, the node serves {self.actual}; "
            "name another database, or run `careledger index rebuild` to build it from the node's chain"
        )


@dataclass(eq=False)
class IndexOutdated(IndexerError):
    """An index was built by another version of careledger, or for other contracts; `problem` says which."""

    database: str
    problem: str

    def __str__(self) -> str:
        return f"the index in {self.database} {self.problem}; run `careledger index rebuild`"


@dataclass(eq=False)
class IndexWentBack(IndexerError):
    """The index does not have a view's block any more: a reorganization or a rebuild took it back, to `last_block` by
    now."""

    block_number: int
    last_block: int

    def __str__(self) -> str:
        return (
            f"the index had block {self.block_number} and ends with block {self.last_block} now: "
            "a reorganization or a rebuild took it back; ask again"
        )


@dataclass(eq=False)
class ReadModelFailed(IndexerError):
    """The code of a read model raised an exception at an event; nothing of its batch of blocks was stored."""

    event: str
    block_number: int
    log_index: int
    problem: str

    def __str__(self) -> str:
        return (
            f"a read model failed at the event {self.event}, log {self.log_index} of block {self.block_number}: "
            f"{self.problem}; nothing of that block was stored: mend the model, raise its version, "
            "and run `careledger index rebuild`"
        )


@dataclass(eq=False)
class ChainDisagrees(IndexerError):
    """The nodes contradict each other about a block, or one contradicts itself; nothing of it was stored."""

    block_number: int
    problem: str

    def __str__(self) -> str:
        return (
            f"block {self.block_number}: {self.problem}; nothing of it was stored: "
            "leave out the node that is wrong, or add another to decide"
        )


class AnchoringError(CareLedgerError):
    """A document is not what was said of it, or cannot be told."""

    exit_code: ClassVar[int] = 13


@dataclass(eq=False)
class NotAnchored(AnchoringError):
    """Nothing is anchored there."""

    submitter: str
    anchor_id: str

    def __str__(self) -> str:
        return (
            f"{self.anchor_id} is not anchored by {self.submitter} on this chain: "
            "check the chain, the submitter, and whether its transaction is in a block"
        )


class ReceiptError(AnchoringError):
    """A receipt cannot be used."""


@dataclass(eq=False)
class ReceiptMalformed(ReceiptError):
    """A receipt is none, or its values do not fit each other: it was changed, or made by faulty software."""

    field: str
    problem: str

    def __str__(self) -> str:
        return f"the receipt's {self.field} {self.problem}; use the receipt as it was issued, or ask for it again"


@dataclass(eq=False)
class ReceiptUnsupported(ReceiptError):
    """A receipt is of a version that this careledger does not read."""

    version: str

    def __str__(self) -> str:
        return f"the receipt is of version {self.version}, which this careledger does not read: install a newer one"


@dataclass(eq=False)
class StateProofInvalid(AnchoringError):
    """A state proof does not prove what it states. `part` names what fails."""

    part: str
    problem: str

    def __str__(self) -> str:
        return f"the state proof's {self.part} {self.problem}"


class AuthorizationError(CareLedgerError):
    """A request for authorization, or the answer to one, cannot be taken."""

    exit_code: ClassVar[int] = 14


@dataclass(eq=False)
class BundleRefused(AuthorizationError):
    """A FHIR bundle is not what its profile asks for; nothing was done. `operation_outcome` is the one FHIR resource to
    answer with, which has every issue; `expression` and `problem` are the first one's. None has personal data.
    """

    expression: str
    problem: str
    operation_outcome: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.expression}: {self.problem}"


@dataclass(eq=False)
class RequestConflict(AuthorizationError):
    """Another request came under the same identifier before, and this one is no update of it. `request_id` is
    0x-prefixed.
    """

    request_id: str

    def __str__(self) -> str:
        return (
            f"request {self.request_id} was submitted before with other content: give this one an identifier of its "
            "own, or send an update, which names the request that it replaces"
        )


@dataclass(eq=False)
class RuleFileInvalid(AuthorizationError):
    """A rule file, or a file that it names, is not what it must be. `line` counts from 1; `name` is what stands there,
    as a path. `others` are the other errors of the same reading.
    """

    path: str
    line: int
    name: str
    value: str
    problem: str
    others: tuple[RuleFileInvalid, ...] = ()

    def __str__(self) -> str:
        value = f" {self.value!r}" if self.value else ""
        return "\n".join([f"{self.path}:{self.line}: {self.name}{value} {self.problem}", *map(str, self.others)])


class OutboxError(CareLedgerError):
    """The outbox cannot do what was asked."""

    exit_code: ClassVar[int] = 11


@dataclass(eq=False)
class OutboxOfAnotherChain(OutboxError):
    """The node serves another chain than the outbox is for: their first blocks differ. Nothing was sent."""

    database: str
    chain_id: int
    expected_genesis: str
    actual_genesis: str

    def __str__(self) -> str:
        return (
            f"the outbox {self.database} is for the chain {self.chain_id} that began with {self.expected_genesis}, "
            f"the node's began with {self.actual_genesis}: a fresh chain needs a fresh outbox"
        )


@dataclass(eq=False)
class IntentConflict(OutboxError):
    """A key was used before, for an intent with another sender, receiver, data or value. Nothing was stored."""

    key: str

    def __str__(self) -> str:
        return f"the outbox has another intent under the key {self.key!r}; a new intent needs a new key"


@dataclass(eq=False)
class UnknownIntent(OutboxError):
    """No intent was stored under a key."""

    key: str

    def __str__(self) -> str:
        return f"the outbox has no intent under the key {self.key!r}"


@dataclass(eq=False)
class WrongState(OutboxError):
    """A record's state does not allow what was asked; nothing was changed."""

    key: str
    state: str
    problem: str

    def __str__(self) -> str:
        return f"{self.key!r} is {self.state}: {self.problem}"


@dataclass(eq=False)
class RecordUnfinished(OutboxError):
    """A record did not reach the awaited state in time. It is still on its way."""

    key: str
    state: str
    waited_seconds: int

    def __str__(self) -> str:
        return f"{self.key!r} is still {self.state} after {self.waited_seconds} s; a worker must run: wait again"


@dataclass(eq=False)
class WorkerBusy(OutboxError):
    """Another worker is at work on the same SQLite file, which takes one at a time."""

    path: str

    def __str__(self) -> str:
        return f"another worker holds {self.path}; an SQLite outbox takes one worker, several need PostgreSQL"


class SerializationError(CareLedgerError):
    """What is kept at home or handed on of lots is not what was said of it."""

    exit_code: ClassVar[int] = 15


@dataclass(eq=False)
class NotInBook(SerializationError):
    """Nothing is kept at home of a lot, unit, serial or container. `kind` says which, `subject` its id or number."""

    kind: str
    subject: str

    def __str__(self) -> str:
        return f"the vault knows no {self.kind} {self.subject}; open the sealed bundle that came with the goods"


@dataclass(eq=False)
class BookConflict(SerializationError):
    """Something else is kept of a lot or container; nothing was written."""

    kind: str
    subject: str
    problem: str

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: {self.problem}; nothing was kept"


class SealedBundleError(SerializationError):
    """A sealed bundle, or a card to seal one to, cannot be taken; nothing was kept."""


@dataclass(eq=False)
class SealedBundleMalformed(SealedBundleError):
    """A bundle or card is none, or its values do not fit each other: it was changed, or made by faulty software."""

    field: str
    problem: str

    def __str__(self) -> str:
        return f"the file's {self.field} {self.problem}; ask its sender for it again"


@dataclass(eq=False)
class SealedBundleUnsupported(SealedBundleError):
    """A bundle or card is of a version that this careledger does not read."""

    version: str

    def __str__(self) -> str:
        return f"the file is of version {self.version}, which this careledger does not read: install a newer one"


@dataclass(eq=False)
class SealedForAnother(SealedBundleError):
    """A bundle is for another organization, or sealed to a key that is not in this vault."""

    receiver: str
    bundle_key: str

    def __str__(self) -> str:
        return (
            f"the bundle is sealed to key {self.bundle_key} of {self.receiver}, which is not in this vault: "
            "send your card, and ask for it again"
        )


@dataclass(eq=False)
class SealedForAnotherChain(SealedBundleError):
    """A bundle or card is of another chain or register; both are named as chain id and address."""

    expected: str
    actual: str

    def __str__(self) -> str:
        return f"the file is for {self.actual}, this is {self.expected}"


@dataclass(eq=False)
class SealedBundleUnproven(SealedBundleError):
    """A bundle's or card's signature is not by a key of the organization that it names, as of the time it names."""

    organization: str
    key: str
    problem: str

    def __str__(self) -> str:
        return f"signed as {self.organization} with {self.key}: {self.problem}"


@dataclass(eq=False)
class SealedBundleMismatch(SealedBundleError):
    """What a bundle says of a lot is not what stands on chain."""

    lot: str
    problem: str

    def __str__(self) -> str:
        return f"lot {self.lot}: {self.problem}; ask its sender for it again, and treat the goods as suspect"


@dataclass(eq=False)
class SignerError(CareLedgerError):
    """A key could not be read or used."""

    exit_code: ClassVar[int] = 7
    signer: str
    problem: str

    def __str__(self) -> str:
        return f"signer {self.signer}: {self.problem}"


@dataclass(eq=False)
class VaultError(CareLedgerError):
    """The encrypted store could not be read or written."""

    exit_code: ClassVar[int] = 8
    path: str
    problem: str

    def __str__(self) -> str:
        return f"vault {self.path}: {self.problem}"

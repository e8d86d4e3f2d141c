"""One node: what it serves, calls, transactions and logs, with every failure as one of our errors."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar, cast
from urllib.parse import urlsplit

import requests
from eth_typing import BlockNumber, ChecksumAddress, HexStr
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import BlockNotFound, TransactionNotFound, Web3Exception, Web3RPCError
from web3.middleware import ExtraDataToPOAMiddleware
from web3.providers.base import BaseProvider
from web3.types import FilterParams, TxParams

from careledger.chain.provider import NodeProvider
from careledger.chain.reverts import decode_revert, revert_data
from careledger.chain.rpc import HttpRpc, quantity
from careledger.chain.signers import Signer
from careledger.chain.values import event_values, to_python_values
from careledger.contract_events import BY_TOPIC, ContractEvent
from careledger.errors import (
    CareLedgerError,
    ConfigurationError,
    FeeTooHigh,
    InsufficientFunds,
    NodeRefused,
    NodeUnreachable,
    TransactionUnconfirmed,
    WrongChain,
)

__all__ = ["LOCAL_CHAIN_IDS", "TRANSACTION_GAS_CAP", "Block", "Connection", "LogEntry", "TransactionReceipt"]

LOCAL_CHAIN_IDS = frozenset({1337, 31337, 131277322940537})
"""Chain ids of Ganache, Anvil and the in-process EVM: development chains, whose keys everyone knows."""

TRANSACTION_GAS_CAP = 2**24
"""The most gas that one transaction may use since the Osaka hard fork (EIP-7825)."""

Event = TypeVar("Event", bound=ContractEvent)

GAS_MARGIN_PERCENT = 20
HASH_CHARACTERS = 66
LOG_RANGE_BLOCKS = 5_000
FIRST_POLL_SECONDS = 0.01
LAST_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class LogEntry:
    """A decoded event and where it stands."""

    event: ContractEvent
    address: str
    block_number: int
    transaction_hash: str
    log_index: int


@dataclass(frozen=True)
class TransactionReceipt:
    """A transaction that is in a block and succeeded."""

    transaction_hash: str
    block_number: int
    gas_used: int
    effective_gas_price_wei: int
    contract_address: str | None
    events: tuple[ContractEvent, ...]

    @property
    def cost_wei(self) -> int:
        """What the sender paid for gas."""
        return self.gas_used * self.effective_gas_price_wei

    def event(self, kind: type[Event]) -> Event:
        """The first event of a kind. Raises LookupError if there is none."""
        for event in self.events:
            if isinstance(event, kind):
                return event
        raise LookupError(f"transaction {self.transaction_hash} emitted no {kind.__name__}")


@dataclass(frozen=True, slots=True)
class Block:
    """A block that is mined: `time` in Unix seconds, and the hashes of its transactions."""

    number: int
    hash: str
    time: int
    transactions: tuple[str, ...]


class Connection:
    """A node at a URL, or an in-process chain.

    Attributes: `web3`, for what this class does not wrap; `chain_id`; `url`, shown without credentials, path and query;
    `fee_cap_wei`, the most to pay for a unit of gas: a transaction that might cost more is not sent, but FeeTooHigh is
    raised. None for no limit.
    """

    def __init__(
        self, provider: BaseProvider, url: str, expected_chain_id: int | None = None, fee_cap_wei: int | None = None
    ) -> None:
        """Asks the node for its chain id. Raises NodeUnreachable, NodeRefused or WrongChain."""
        provider.global_ccip_read_enabled = False  # a node's answer must not make us fetch URLs (ERC-3668)
        self.web3 = Web3(provider)
        self.web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
        self.url = url
        self.fee_cap_wei = fee_cap_wei
        self._tester = getattr(provider, "ethereum_tester", None)
        with self.failures("eth_chainId"):
            self.chain_id = _number(self.web3.eth.chain_id)
        if expected_chain_id is not None and expected_chain_id != self.chain_id:
            raise WrongChain(expected=expected_chain_id, actual=self.chain_id)

    @classmethod
    def open(cls, url: str, expected_chain_id: int | None = None, timeout_seconds: int = 30) -> Self:
        """Connects over HTTP. Raises ConfigurationError for a URL of another kind, NodeUnreachable, WrongChain."""
        try:
            parts = urlsplit(url)
            port = f":{parts.port}" if parts.port else ""
            host = parts.hostname or ""
            known = parts.scheme in {"http", "https"} and bool(host.encode("idna"))
        except ValueError:  # a port, an IPv6 address or a host name that cannot be
            known = False
        if not known:
            raise ConfigurationError("the RPC URL", "not an http:// or https:// URL of an Ethereum node")
        provider = NodeProvider(url, timeout_seconds)
        shown = f"[{host}]" if ":" in host else host
        connection = cls(provider, f"{parts.scheme}://{shown}{port}", expected_chain_id)
        # It asks for the chain id twice with every call, to compare it with one that our calls do not name.
        connection.web3.middleware_onion.remove("validation")
        return connection

    @property
    def is_local(self) -> bool:
        """Whether this is a development chain, on which a plain key may rule."""
        return self.chain_id in LOCAL_CHAIN_IDS

    @property
    def is_in_process(self) -> bool:
        """Whether the chain is an EVM inside this process, which ends with it."""
        return self._tester is not None

    def rpc(self) -> HttpRpc:
        """The same node, asked in batches. Raises ConfigurationError for an in-process chain, which has no URL."""
        if not isinstance(self.web3.provider, NodeProvider):
            raise ConfigurationError("the RPC URL", "an in-process chain has none; start `careledger node`")
        return HttpRpc(str(self.web3.provider.endpoint_uri))

    def genesis_hash(self) -> str:
        """The hash of block 0, which tells a restarted development chain from the one before."""
        return self.block_hash(0)

    def served_chain_id(self) -> int:
        """What the node says now: another may have come to its address."""
        provider = self.web3.provider
        with self.failures("eth_chainId"):
            if isinstance(provider, NodeProvider):
                return quantity(provider.ask("eth_chainId"))
            return _number(self.web3.eth.chain_id)

    def block_number(self) -> int:
        provider = self.web3.provider
        with self.failures("eth_blockNumber"):
            if isinstance(provider, NodeProvider):
                return quantity(provider.ask("eth_blockNumber"))
            return _number(self.web3.eth.block_number)

    def block(self, block: int | str = "latest") -> Block:
        """A block, by its number, its hash or a tag. Raises NodeRefused for one that has no number or hash yet."""
        with self.failures("eth_getBlockByNumber"):
            found = self._raw_block(block)
            return Block(
                number=quantity(found["number"]),
                hash="0x" + _bytes(found["hash"]).hex(),
                time=quantity(found["timestamp"]),
                transactions=tuple("0x" + _bytes(one).hex() for one in found["transactions"]),
            )

    def block_hash(self, block: int | str = "latest") -> str:
        """A block's hash, 0x-prefixed."""
        return self.block(block).hash

    def block_time(self, block: int | str = "latest") -> int:
        """A block's time, Unix seconds."""
        with self.failures("eth_getBlockByNumber"):
            return _number(quantity(self._raw_block(block)["timestamp"]))

    def code(self, address: str, block: int | str = "latest") -> bytes:
        with self.failures("eth_getCode"):
            return bytes(self.web3.eth.get_code(_address(address), cast(Any, block)))

    def balance_wei(self, address: str) -> int:
        with self.failures("eth_getBalance"):
            return _number(self.web3.eth.get_balance(_address(address)))

    def nonce(self, address: str, block: str = "pending") -> int:
        with self.failures("eth_getTransactionCount"):
            return _number(self.web3.eth.get_transaction_count(_address(address), cast(Any, block)))

    def call(self, to: str, data: bytes, sender: str | None = None, block: int | str = "latest") -> bytes:
        """The result of a call. Raises ContractError if the contract refuses."""
        request: dict[str, Any] = {"to": _address(to), "data": HexBytes(data).to_0x_hex()}
        if sender is not None:
            request["from"] = _address(sender)
        provider = self.web3.provider
        with self.failures("eth_call"):
            if isinstance(provider, NodeProvider):
                return _bytes(provider.ask("eth_call", request, _place(block)))
            return bytes(self.web3.eth.call(cast(TxParams, request), cast(Any, block)))

    def fee_per_gas_wei(self) -> int:
        """The most that a transaction prepared now would pay for one unit of gas, in wei. Raises FeeTooHigh."""
        fees = self._fees()
        return int(fees.get("maxFeePerGas", fees.get("gasPrice", 0)))

    def check_fee(self, fee_wei: int) -> None:
        """Raises FeeTooHigh if a unit of gas may not cost as much."""
        if self.fee_cap_wei is not None and fee_wei > self.fee_cap_wei:
            raise FeeTooHigh(fee_wei, self.fee_cap_wei)

    def now(self) -> int:
        """Unix seconds: the machine's clock, or that of a development chain that is ahead of it."""
        machine = int(time.time())
        return max(machine, self.block_time("pending")) if self.is_local else machine

    def wait_until(self, timestamp: int) -> None:
        """Waits until the clock passes a time (Unix seconds), see `now`. An in-process chain travels there at once.

        A development chain whose pending block is as old as its last one (Ganache) gets an empty block: without it,
        calls and estimates would never see that time.
        """
        if self._tester is not None:
            if self.block_time() < timestamp:
                self._tester.time_travel(timestamp)
            return
        time.sleep(max(0, timestamp + 1 - self.now()))
        if self.is_local and self.block_time("pending") < timestamp:
            with self.failures("evm_mine"):
                self.web3.provider.make_request(cast(Any, "evm_mine"), [])

    def prepare(
        self,
        signer: Signer,
        to: str | None,
        data: bytes = b"",
        value_wei: int = 0,
        gas: int | None = None,
        nonce: int | None = None,
    ) -> dict[str, Any]:
        """A transaction ready to sign: nonce, gas and fees filled in. A given `nonce` replaces what is pending with it.

        Raises ContractError if it would be refused, InsufficientFunds if the signer could not pay for it, and
        ConfigurationError for a development-only signer outside a local chain.
        """
        if signer.development_only and not self.is_local:
            raise ConfigurationError(
                signer.describe(), f"for development chains only, this is chain {self.chain_id}; use a keystore file"
            )
        transaction: dict[str, Any] = {"chainId": self.chain_id, "value": value_wei, "data": HexBytes(data)}
        if to is not None:
            transaction["to"] = _address(to)
        fees = self._fees()
        balance = self.balance_wei(signer.address)
        if gas is None:
            if balance == 0 and fees.get("maxFeePerGas", fees.get("gasPrice", 0)) > 0:
                raise InsufficientFunds(signer.address, 0, value_wei + 21_000 * self.fee_per_gas_wei())
            gas = self._estimate({**transaction, "from": signer.address})
        needed = value_wei + gas * int(fees.get("maxFeePerGas", fees.get("gasPrice", 0)))
        if balance < needed:
            raise InsufficientFunds(signer.address, balance, needed)
        return {**transaction, **fees, "gas": gas, "nonce": self.nonce(signer.address) if nonce is None else nonce}

    def broadcast(self, raw: bytes) -> str:
        """Hands signed bytes to the node; returns the transaction's hash. Bytes that it knows already are no error."""
        transaction_hash = "0x" + keccak(raw).hex()
        try:
            with self.failures("eth_sendRawTransaction"):
                self.web3.eth.send_raw_transaction(HexBytes(raw))
        except CareLedgerError:
            if not self._is_known(transaction_hash):
                raise
        return transaction_hash

    def wait(self, transaction_hash: str, timeout_seconds: int = 180) -> TransactionReceipt:
        """Waits until a transaction is in a block, also while the node does not answer.

        Raises ContractError if it was refused there, and TransactionUnconfirmed when time is up.
        """
        started = time.monotonic()
        pause = FIRST_POLL_SECONDS
        while True:
            with contextlib.suppress(NodeUnreachable):
                receipt = self.receipt(transaction_hash)
                if receipt is not None:
                    return receipt
            if time.monotonic() - started > timeout_seconds:
                raise TransactionUnconfirmed(transaction_hash, timeout_seconds)
            time.sleep(pause)
            pause = min(pause * 1.5, LAST_POLL_SECONDS)

    def receipt(self, transaction_hash: str) -> TransactionReceipt | None:
        """The receipt of a transaction, or None if it is in no block. Raises ContractError if it was refused."""
        with self.failures("eth_getTransactionReceipt"):
            try:
                raw = cast(dict[str, Any], self.web3.eth.get_transaction_receipt(cast(Any, transaction_hash)))
            except TransactionNotFound:
                return None
            if _number(raw["status"]) != 0:
                created = raw.get("contractAddress")
                return TransactionReceipt(
                    transaction_hash=transaction_hash,
                    block_number=_number(raw["blockNumber"]),
                    gas_used=_number(raw["gasUsed"]),
                    effective_gas_price_wei=_number(raw.get("effectiveGasPrice", 0)),
                    contract_address=None if created is None else _address(created),
                    events=tuple(event for event in map(decode_log, raw["logs"]) if event is not None),
                )
        raise self._reason_of(transaction_hash)

    def send(
        self,
        signer: Signer,
        to: str | None,
        data: bytes = b"",
        value_wei: int = 0,
        gas: int | None = None,
    ) -> TransactionReceipt:
        """Signs, sends and waits. Raises what `prepare`, `broadcast` and `wait` raise."""
        transaction = self.prepare(signer, to, data, value_wei, gas)
        return self.wait(self.broadcast(signer.sign_transaction(transaction)))

    def logs(
        self, address: str, events: Sequence[type[ContractEvent]], from_block: int = 0, to_block: int | None = None
    ) -> Iterator[LogEntry]:
        """The events of a contract in order, asked for in ranges that public nodes accept."""
        end = self.block_number() if to_block is None else to_block
        topics = [[HexStr(event.TOPIC) for event in events]]
        for start in range(from_block, end + 1, LOG_RANGE_BLOCKS):
            query: FilterParams = {
                "address": _address(address),
                "topics": cast(Any, topics),
                "fromBlock": BlockNumber(start),
                "toBlock": BlockNumber(min(end, start + LOG_RANGE_BLOCKS - 1)),
            }
            with self.failures("eth_getLogs"):
                raw = cast(list[dict[str, Any]], self.web3.eth.get_logs(query))
                entries = [entry for entry in map(_log_entry, raw) if entry is not None]
            yield from entries

    @contextlib.contextmanager
    def failures(self, method: str) -> Iterator[None]:
        """Turns whatever is raised inside, where the node is asked and its answer decoded, into one of our errors."""
        try:
            yield
        except (TransactionNotFound, CareLedgerError):
            raise
        except requests.RequestException as error:
            status = getattr(error.response, "status_code", None)
            raise NodeUnreachable(self.url, f"HTTP status {status}" if status else type(error).__name__) from None
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise NodeUnreachable(self.url, "what answers there is not an Ethereum node (no JSON)") from None
        except Exception as error:
            if not isinstance(error, Web3Exception) and not type(error).__module__.startswith(
                ("eth_tester", "eth.", "eth_utils.")
            ):
                raise NodeRefused(method, None, f"{type(error).__name__} in its answer") from None
            data = revert_data(error)
            if data is not None:
                raise decode_revert(data) from None
            if isinstance(error, Web3RPCError):
                body = (error.rpc_response or {}).get("error", {})
                code, text = (body.get("code"), body.get("message")) if isinstance(body, dict) else (None, str(body))
                raise NodeRefused(method, code if isinstance(code, int) else None, str(text or error.message)) from None
            raise NodeRefused(method, None, str(error)) from None

    def _raw_block(self, block: int | str) -> dict[str, Any]:
        """A block's fields as JSON has them."""
        provider = self.web3.provider
        if isinstance(provider, NodeProvider):
            is_hash = isinstance(block, str) and len(block) == HASH_CHARACTERS
            method = "eth_getBlockByHash" if is_hash else "eth_getBlockByNumber"
            answer: dict[str, Any] | None = provider.ask(method, _place(block), False)
            if answer is None:
                raise BlockNotFound(f"Block with id: {block!r} not found.")
            return answer
        found: Any = self.web3.eth.get_block(cast(Any, block))
        return {
            "number": hex(found["number"]),
            "hash": _text(found["hash"]),
            "timestamp": hex(found["timestamp"]),
            "transactions": [_text(one) for one in found["transactions"]],
        }

    def _fees(self) -> dict[str, int]:
        """The fee fields of a transaction sent now. Raises FeeTooHigh if they exceed the cap."""
        with self.failures("eth_getBlockByNumber"):
            answer = self.web3.eth.get_block("latest").get("baseFeePerGas")
            base_fee = None if answer is None else _number(answer)
        if base_fee is None:
            most = self._gas_price()
            fees = {"gasPrice": most}
        else:
            tip = self._tip(base_fee)
            most = 2 * base_fee + tip
            fees = {"maxFeePerGas": most, "maxPriorityFeePerGas": tip}
        self.check_fee(most)
        return fees

    def _gas_price(self) -> int:
        with self.failures("eth_gasPrice"):
            return _number(self.web3.eth.gas_price)

    def _tip(self, base_fee: int) -> int:
        """What the node suggests beyond the base fee; of one that cannot say, what its gas price is beyond that."""
        with self.failures("eth_maxPriorityFeePerGas"):
            try:
                # Not `max_priority_fee`, which warns on standard error where the node has no such method.
                answer: Any = self.web3.manager.request_blocking(cast(Any, "eth_maxPriorityFeePerGas"), [])
                return _number(int(answer, 16) if isinstance(answer, str) else answer)
            except Web3RPCError:
                pass
        return max(0, self._gas_price() - base_fee)

    def _estimate(self, transaction: dict[str, Any]) -> int:
        with self.failures("eth_estimateGas"):
            # On the pending block, since a quiet chain's latest one may be old. The in-process EVM has only the latest,
            # and unless the price is zero, it wants the sender to afford a whole block's gas.
            block: str | None = "pending"
            if self._tester is not None:
                block, transaction = None, {**transaction, "gasPrice": 0}
            estimate = _number(self.web3.eth.estimate_gas(cast(TxParams, transaction), cast(Any, block)))
        return max(estimate, min(estimate * (100 + GAS_MARGIN_PERCENT) // 100, TRANSACTION_GAS_CAP))

    def _is_known(self, transaction_hash: str) -> bool:
        with self.failures("eth_getTransactionByHash"):
            try:
                self.web3.eth.get_transaction(cast(Any, transaction_hash))
            except TransactionNotFound:
                return False
        return True

    def _reason_of(self, transaction_hash: str) -> CareLedgerError:
        """Why a transaction in a block failed: the same call again, on the state before its block."""
        with self.failures("eth_getTransactionByHash"):
            sent = cast(dict[str, Any], self.web3.eth.get_transaction(cast(Any, transaction_hash)))
            request = {name: sent[name] for name in ("from", "to", "value", "gas") if sent.get(name) is not None}
            request["data"] = sent["input"]
            before = BlockNumber(_number(sent["blockNumber"]) - 1)
        try:
            with self.failures("eth_call"):
                self.web3.eth.call(cast(TxParams, request), before)
        except CareLedgerError as reason:
            return reason
        return decode_revert(b"")


def decode_log(entry: dict[str, Any]) -> ContractEvent | None:
    """The event of a raw log, or None if the suite declares none with its topic."""
    topics = [bytes(topic) for topic in entry["topics"]]
    kind = BY_TOPIC.get("0x" + topics[0].hex()) if topics else None
    if kind is None:
        return None
    values = event_values(kind.TYPES, kind.INDEXED, topics[1:], bytes(entry["data"]))
    return kind(*to_python_values(kind.TYPES, kind.ENUMS, values))


def _log_entry(entry: dict[str, Any]) -> LogEntry | None:
    event = decode_log(entry)
    if event is None:
        return None
    return LogEntry(
        event=event,
        address=_address(entry["address"]),
        block_number=_number(entry["blockNumber"]),
        transaction_hash=_text(entry["transactionHash"]),
        log_index=_number(entry["logIndex"]),
    )


def _number(value: Any) -> int:
    """A number out of an answer. Raises ValueError for what is none of the chain's numbers."""
    if type(value) is not int or not 0 <= value < 2**256:
        raise ValueError
    return value


def _place(block: int | str) -> str:
    return hex(block) if isinstance(block, int) else block


def _bytes(text: Any) -> bytes:
    """Bytes out of an answer. Raises ValueError for anything else."""
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ValueError
    return bytes.fromhex(text[2:])


def _address(text: str) -> ChecksumAddress:
    return to_checksum_address(text)


def _text(value: Any) -> str:
    return "0x" + bytes(value).hex()

"""The cold chain for Python: data loggers, what they go with, and the windows that they sign.

    cold_chain = ColdChain(ledger.acting_as(courier).supply("medicines-agency"))
    key = DeviceKey.open(Path("logger-17.pem"))
    cold_chain.register(key.public)
    device = key.public.device_id("midway-wholesale")
    cold_chain.bind(device, container)
    window = cold_chain.next_window(device, WindowReadings(readings, secret))
    cold_chain.record(window, cold_chain.sign(window, key))

Whoever holds the readings compares them with what was signed: `check_window`. Times are Unix seconds, temperatures
hundredths of a degree Celsius.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from eth_account import Account
from eth_utils.crypto import keccak

from careledger.anchoring.types import ZERO_HASH
from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers.digests import typed_data_digest
from careledger.chain.signers.local import LocalSigner
from careledger.chain.signers.signer import required
from careledger.chain.typed_data import Message, shortest_signature
from careledger.contract_enums import Curve
from careledger.contract_events import WindowRecorded
from careledger.errors import InvalidInput, SignerError
from careledger.identity.identifiers import organization_id
from careledger.serialization.messages import window_message
from careledger.serialization.readings import WindowReadings, check_within
from careledger.serialization.supply import SupplyChain

__all__ = [
    "Binding",
    "ColdChain",
    "Device",
    "DeviceKey",
    "DevicePublicKey",
    "Limits",
    "RecordedWindow",
    "Window",
    "WindowDifference",
    "WindowPart",
    "check_window",
]

WORD = 32
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""How many points P-256 has (FIPS 186-4, D.1.2.3)."""

CURVES = {ec.SECP256R1.name: Curve.P256, ec.SECP256K1.name: Curve.SECP256K1}


# ------------------------------------------------------------------ keys of devices


@dataclass(frozen=True)
class DevicePublicKey:
    """A device's public key as the contract keeps it: two coordinates of P-256, or the address of a secp256k1 key in
    `x` with a `y` of zero; 0x and 64 hex digits each."""

    curve: Curve
    x: str
    y: str

    @classmethod
    def from_pem(cls, content: bytes) -> DevicePublicKey:
        """The key of a PEM file, as a secure element gives it out. Raises InvalidInput for what is none of P-256 or
        secp256k1."""
        try:
            key = pem.load_pem_public_key(content)
        except (ValueError, UnsupportedAlgorithm):
            raise InvalidInput("public key", f"{len(content)} bytes", "must be a public key in PEM") from None
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
            kind = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__
            raise InvalidInput("public key", kind, "must be on P-256 or secp256k1")
        return cls._of(key)

    @classmethod
    def _of(cls, key: ec.EllipticCurvePublicKey) -> DevicePublicKey:
        point = key.public_numbers()
        curve, x, y = CURVES[key.curve.name], point.x.to_bytes(WORD, "big"), point.y.to_bytes(WORD, "big")
        if curve is Curve.SECP256K1:
            x, y = keccak(x + y)[-20:].rjust(WORD, b"\0"), bytes(WORD)
        return cls(curve, "0x" + x.hex(), "0x" + y.hex())

    def device_id(self, operator: str) -> str:
        """The id of the device with this key, of an operator by name or id; 0x and 64 hex digits. Raises
        InvalidInput."""
        words = (bytes.fromhex(organization_id(operator)[2:]).ljust(WORD, b"\0"), self.curve.to_bytes(WORD, "big"))
        return "0x" + keccak(b"".join(words) + bytes.fromhex(self.x[2:] + self.y[2:])).hex()


class DeviceKey:
    """A device's private key in this process, for pilots and tests: a data logger's own stays in its secure element,
    and signs the digest of `window_message`. `repr` shows no secret."""

    def __init__(self, private: ec.EllipticCurvePrivateKey, origin: str = "in memory") -> None:
        """`origin` says where the key came from, in errors. Raises SignerError for another curve than P-256 and
        secp256k1."""
        if private.curve.name not in CURVES:
            raise SignerError(origin, f"is on {private.curve.name}: a device's key is on P-256 or secp256k1")
        self._private = private
        self.origin = origin
        self.public = DevicePublicKey._of(private.public_key())

    @classmethod
    def generate(cls, curve: Curve) -> DeviceKey:
        """A new key. Raises InvalidInput for no curve."""
        kinds: dict[Curve, ec.EllipticCurve] = {Curve.P256: ec.SECP256R1(), Curve.SECP256K1: ec.SECP256K1()}
        if curve not in kinds:
            raise InvalidInput("curve", curve.name, "must be P256 or SECP256K1")
        return cls(ec.generate_private_key(kinds[curve]))

    @classmethod
    def open(cls, path: Path, passphrase: Callable[[], str] | None = None) -> DeviceKey:
        """The key of a PEM file, PKCS #8 or SEC 1. `passphrase` is called for one that is encrypted.

        Raises SignerError naming the path: no such file, no such key, encrypted without a passphrase, or with another.
        """
        try:
            content = path.read_bytes()
        except OSError as problem:
            raise SignerError(str(path), f"cannot be read: {problem.strerror}") from None
        encrypted = b"ENCRYPTED" in content
        if encrypted and passphrase is None:
            raise SignerError(str(path), "is encrypted: it needs its passphrase")
        secret = passphrase().encode() if encrypted and passphrase is not None else None
        try:
            private = pem.load_pem_private_key(content, secret)
        except (ValueError, TypeError, UnsupportedAlgorithm):  # which may repeat the key: none of it goes on
            wrong = "wrong passphrase, or the file is damaged" if encrypted else "is no private key in PEM"
            raise SignerError(str(path), wrong) from None
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise SignerError(str(path), "is no key on P-256 or secp256k1")
        return cls(private, str(path))

    def to_pem(self, passphrase: str) -> bytes:
        """The key as an encrypted PKCS #8 file, for `open`."""
        encryption = pem.BestAvailableEncryption(passphrase.encode())
        return self._private.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, encryption)

    def sign(self, message: Message) -> bytes:
        """The signature over a typed message, 64 bytes: on P-256 r and the lower s of two, on secp256k1 as EIP-2098 has
        it. Raises InvalidInput if it is not a typed message."""
        if self.public.curve is Curve.SECP256K1:
            secret = self._private.private_numbers().private_value.to_bytes(WORD, "big")
            return shortest_signature(LocalSigner(Account.from_key(secret), self.origin), message)
        signed = self._private.sign(typed_data_digest(message), ec.ECDSA(Prehashed(SHA256())))
        r, s = decode_dss_signature(signed)
        return r.to_bytes(WORD, "big") + min(s, P256_ORDER - s).to_bytes(WORD, "big")

    def __repr__(self) -> str:
        return f"DeviceKey({self.public.curve.name}, {self.origin})"


# ------------------------------------------------------------------ what stands on chain


@dataclass(frozen=True)
class Limits:
    """What a temperature may be, and the mean kinetic one at most."""

    lowest: int
    highest: int
    highest_mean: int

    def to_abi(self) -> tuple[int, int, int]:
        return self.lowest, self.highest, self.highest_mean


NO_LIMITS = Limits(0, 0, 0)


@dataclass(frozen=True)
class Device:
    """A data logger. `operator` is an organization's id. What is retired is bound no more, and its windows are
    refused."""

    id: str
    operator: str
    key: DevicePublicKey
    retired: bool


@dataclass(frozen=True)
class Window:
    """What a device signs: the time after `start` up to `end`, the least, greatest and mean kinetic temperature, and
    the root of the readings. Without readings the root is `ZERO_HASH`, and the temperatures say nothing."""

    device: str
    container: str
    sequence: int
    start: int
    end: int
    lowest: int
    highest: int
    mean: int
    root: str

    @property
    def has_readings(self) -> bool:
        return self.root != ZERO_HASH

    def to_abi(self) -> tuple[Any, ...]:
        return (
            self.device,
            self.container,
            self.sequence,
            self.start,
            self.end,
            self.lowest,
            self.highest,
            self.mean,
            self.root,
        )


@dataclass(frozen=True)
class Binding:
    """A device's going with a container. `sequence` and `end` are of the last window; 0 and the time of the binding,
    before the first."""

    container: str
    sequence: int
    end: int
    excursions: int
    limits: Limits

    def is_excursion(self, window: Window) -> bool:
        """Whether the contract will take a window for an excursion."""
        limits = self.limits
        too_cold, too_warm = window.lowest < limits.lowest, window.highest > limits.highest
        return not window.has_readings or too_cold or too_warm or window.mean > limits.highest_mean


@dataclass(frozen=True)
class RecordedWindow:
    """A window that was recorded, and whether it was an excursion."""

    window: Window
    excursion: bool
    block_number: int


# ------------------------------------------------------------------ readings against what was signed


class WindowPart(Enum):
    """What readings are compared in."""

    TIME = "time"
    LOWEST = "lowest"
    HIGHEST = "highest"
    MEAN = "mean"
    ROOT = "root"


@dataclass(frozen=True)
class WindowDifference:
    """What a device signed that is not what its readings say. Of `TIME`, `signed` is the end of the window that a
    reading is past, or the start that it is not after, and `found` the reading's time."""

    part: WindowPart
    signed: int | str
    found: int | str


def check_window(window: Window, readings: WindowReadings | None) -> tuple[WindowDifference, ...]:
    """What a window says other than the readings that are held for it, None if there are none; nothing if all is equal.

    Equal roots mean that these are the very readings, all of them. A mean may differ by a hundredth if the device
    reckoned in binary floating point: the caller judges.
    """
    if readings is None:
        return (WindowDifference(WindowPart.ROOT, window.root, ZERO_HASH),) if window.has_readings else ()
    if not window.has_readings:
        return (WindowDifference(WindowPart.ROOT, ZERO_HASH, readings.root),)
    first, last = readings.readings[0].time, readings.readings[-1].time
    found = []
    if first <= window.start:
        found.append(WindowDifference(WindowPart.TIME, window.start, first))
    if last > window.end:
        found.append(WindowDifference(WindowPart.TIME, window.end, last))
    compared = (
        WindowDifference(WindowPart.LOWEST, window.lowest, readings.lowest),
        WindowDifference(WindowPart.HIGHEST, window.highest, readings.highest),
        WindowDifference(WindowPart.MEAN, window.mean, readings.mean),
        WindowDifference(WindowPart.ROOT, window.root, readings.root),
    )
    return (*found, *(each for each in compared if each.signed != each.found))


# ------------------------------------------------------------------ the contract


class ColdChain:
    """Calls that change something need a key of the device's operator as the signer, or whoever the method names. Every
    method raises ContractError with the contract's reason if it refuses, InvalidInput for a value that is none, and
    ChainError if the chain could not be asked."""

    def __init__(self, supply: SupplyChain) -> None:
        self.supply = supply
        self._contract = supply.cold_chain

    # ------------------------------------------------------------------ operators

    def register(self, key: DevicePublicKey) -> TransactionReceipt:
        """Registers a device of the signer's, a device operator's; again, it changes nothing. Its id is
        `key.device_id(operator)`."""
        return self._send("registerDevice", key.curve, key.x, key.y)

    def retire(self, device: str) -> TransactionReceipt:
        """Retires a device, for good: its windows are refused from now on."""
        return self._send("retireDevice", device)

    def bind(self, device: str, container: str, limits: Limits | None = None) -> TransactionReceipt:
        """Has a device go with a container that the signer holds or carries. `limits` where the container's lot has
        none, or it has several lots; else None."""
        return self._send("bindDevice", device, container, (limits or NO_LIMITS).to_abi())

    def unbind(self, device: str) -> TransactionReceipt:
        """Has a device go with its container no more."""
        return self._send("unbindDevice", device)

    # ------------------------------------------------------------------ makers

    def set_limits(self, lot: str, limits: Limits) -> TransactionReceipt:
        """Sets a lot's limits, as its maker. Devices that go with a container already keep those that they had."""
        return self._send("setLimits", lot, limits.to_abi())

    # ------------------------------------------------------------------ anyone

    def next_window(self, device: str, readings: WindowReadings | None = None, end: int | None = None) -> Window:
        """The window that follows a device's last one: of readings, up to the last of them or to `end`; or without any,
        up to `end`, for a time that there are none of. `stretches` tells where that is. Sends nothing.

        Raises InvalidInput for a device that goes with no container, a reading that is not after the last window or is
        past the end, and an `end` that is missing or not after the last window.
        """
        binding = self.binding(device)
        if binding is None:
            raise InvalidInput("device", device, "goes with no container")
        if end is None:
            if readings is None:
                raise InvalidInput("end", "", "must be stated for a time without readings")
            end = readings.readings[-1].time
        if readings is not None:
            check_within(readings.readings, binding.end, end)
        elif end <= binding.end:
            raise InvalidInput("end", str(end), f"must be after {binding.end}, the end of the last window")
        return Window(
            device=device,
            container=binding.container,
            sequence=binding.sequence + 1,
            start=binding.end,
            end=end,
            lowest=readings.lowest if readings else 0,
            highest=readings.highest if readings else 0,
            mean=readings.mean if readings else 0,
            root=readings.root if readings else ZERO_HASH,
        )

    def message(self, window: Window) -> Message:
        """What a device signs of a window."""
        return window_message(self._contract.connection.chain_id, self._contract.address, window)

    def sign(self, window: Window, key: DeviceKey) -> bytes:
        """A device's signature of a window, 64 bytes. Sends nothing."""
        return key.sign(self.message(window))

    def record(self, window: Window, signature: bytes) -> TransactionReceipt:
        """Records a window that its device signed; whoever sends it. The window's end has to be in the past."""
        return self._send("recordWindow", window.to_abi(), signature)

    # ------------------------------------------------------------------ reads

    def device(self, device: str) -> Device | None:
        """A device by its id; None if it is unknown."""
        found = self._contract.read("deviceOf", device)
        curve = Curve(found["curve"])
        if curve is Curve.NONE_:
            return None
        return Device(device, found["operator"], DevicePublicKey(curve, found["x"], found["y"]), found["retired"])

    def binding(self, device: str) -> Binding | None:
        """What a device goes with, None if with nothing."""
        found = self._contract.read("bindingOf", device)
        if not int(found["container"], 16):
            return None
        limits = Limits(found["lowest"], found["highest"], found["highest_mean"])
        return Binding(found["container"], found["sequence"], found["end"], found["excursions"], limits)

    def limits(self, lot: str) -> Limits | None:
        """A lot's limits; None if it has none."""
        found = Limits(**self._contract.read("limitsOf", lot))
        return None if found == NO_LIMITS else found

    def windows(self, device: str, container: str) -> list[RecordedWindow]:
        """The windows of a device with a container, from the chain's events, in order. The index has them too."""
        logs = self._contract.connection.logs(self._contract.address, [WindowRecorded], self.supply.first_block)
        found = []
        for entry in logs:
            event = entry.event
            assert isinstance(event, WindowRecorded)
            if (event.device, event.container) != (device.lower(), container.lower()):
                continue
            window = Window(
                device=event.device,
                container=event.container,
                sequence=event.sequence,
                start=event.start,
                end=event.end,
                lowest=event.lowest,
                highest=event.highest,
                mean=event.mean,
                root=event.root,
            )
            found.append(RecordedWindow(window, event.excursion, entry.block_number))
        return found

    def _send(self, function: str, *arguments: Any) -> TransactionReceipt:
        return self._contract.send(required(self.supply.signer), function, *arguments)

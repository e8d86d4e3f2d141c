"""The client of the cold chain: data loggers of both curves, their windows from readings, and readings held against
what was signed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from careledger.anchoring.types import ZERO_HASH
from careledger.chain.signers.digests import typed_data_digest
from careledger.contract_enums import Curve
from careledger.contract_errors import (
    ColdChainInvalidLimits,
    ColdChainInvalidSignature,
    ColdChainNotTheMaker,
    ColdChainNotTheNext,
    ColdChainNotTheOperator,
    ColdChainOtherContainer,
    ColdChainUnknownDevice,
)
from careledger.contract_events import DeviceRegistered, ExcursionFlagged, WindowRecorded
from careledger.errors import ConfigurationError, InvalidInput, SignerError
from careledger.identity import MemberRole
from careledger.serialization.cold_chain import (
    P256_ORDER,
    Binding,
    ColdChain,
    Device,
    DeviceKey,
    DevicePublicKey,
    Limits,
    Window,
    WindowDifference,
    WindowPart,
    check_window,
)
from careledger.serialization.custody import Custody
from careledger.serialization.readings import Reading, WindowReadings, stretches
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from eth_account import Account
from identity.suite import DAY, refusal, travel
from serialization.goods import Goods, goods
from serialization.supply_stage import SupplyStage, Trader

CURVES = (Curve.P256, Curve.SECP256K1)
LIMITS = Limits(200, 800, 500)
"""From 2 to 8 °C, at most 5 °C in the kinetic mean."""

SECRET = bytes(range(32))
START = 1_900_000_000


@dataclass(frozen=True)
class Route:
    """A maker's goods on their way to a pharmacy, with a courier whose data loggers go with them."""

    stage: SupplyStage
    maker: Trader
    pharmacy: Trader
    courier: Trader

    def cold_chain(self, by: Trader | None = None) -> ColdChain:
        return ColdChain(self.stage.as_(by.key if by else None))

    def shipped(self) -> Goods:
        found = goods(self.stage, self.maker)
        deadline = self.stage.suite.soon + DAY
        Custody(self.stage.as_(self.maker.key)).ship(found.container, self.pharmacy.id, deadline, self.courier.id)
        return found

    def logger(self, curve: Curve) -> Logger:
        """A new one, registered."""
        key = DeviceKey.generate(curve)
        self.cold_chain(self.courier).register(key.public)
        return Logger(self, key, key.public.device_id(self.courier.name))

    def pass_(self, seconds: int) -> None:
        travel(self.stage.connection, seconds)


@dataclass(frozen=True)
class Logger:
    route: Route
    key: DeviceKey
    id: str

    def bound(self, limits: Limits | None = LIMITS) -> Goods:
        """Goes with new goods."""
        found = self.route.shipped()
        self.route.cold_chain(self.route.courier).bind(self.id, found.container, limits)
        return found

    def readings(self, *temperatures: int) -> WindowReadings:
        """A second apart, from the end of the last window on."""
        binding = self.route.cold_chain().binding(self.id)
        assert binding is not None
        taken = tuple(Reading(binding.end + number, each) for number, each in enumerate(temperatures, start=1))
        return WindowReadings(taken, SECRET)

    def record(self, window: Window, key: DeviceKey | None = None) -> Any:
        """By the pharmacy, which anybody may, once the window is over."""
        now = self.route.stage.suite.now
        self.route.pass_(max(1, window.end - now + 1))
        cold_chain = self.route.cold_chain(self.route.pharmacy)
        return cold_chain.record(window, cold_chain.sign(window, key or self.key))


def route_of(stage: SupplyStage) -> Route:
    return Route(
        stage,
        maker=stage.trader(MemberRole.MANUFACTURER),
        pharmacy=stage.trader(MemberRole.DISPENSER),
        courier=stage.trader(MemberRole.CARRIER, MemberRole.DEVICE_OPERATOR),
    )


@pytest.fixture(scope="module")
def route(supply_on_anvil: SupplyStage) -> Route:
    return route_of(supply_on_anvil)


@pytest.fixture(params=CURVES, ids=lambda curve: curve.name.lower())
def logger(request: pytest.FixtureRequest, route: Route) -> Logger:
    return route.logger(request.param)


# ---------------------------------------------------------------------- from end to end


@pytest.mark.daily("anvil")
def test_a_shipment_is_watched_on_every_chain(supply: SupplyStage) -> None:
    """Registered, bound, read, signed, recorded, an excursion flagged for the receiver, and readings held against it;
    by a logger of each curve."""
    route = route_of(supply)
    for curve in CURVES:
        logger = route.logger(curve)
        shipment = logger.bound()
        cold_chain, custody = route.cold_chain(), Custody(supply.as_(None))
        readings = logger.readings(417, 423, 430)
        good = cold_chain.next_window(logger.id, readings)
        assert logger.record(good).event(WindowRecorded).excursion is False
        assert check_window(good, readings) == ()
        warm = cold_chain.next_window(logger.id, logger.readings(430, 801))
        assert (warm.sequence, warm.start) == (2, good.end)
        receipt = logger.record(warm)
        assert receipt.event(WindowRecorded).excursion is True
        assert receipt.event(ExcursionFlagged).container == shipment.container
        container = custody.container(shipment.container)
        assert container is not None
        assert container.excursion
        assert cold_chain.binding(logger.id) == Binding(shipment.container, 2, warm.end, 1, LIMITS)
        told = cold_chain.windows(logger.id, shipment.container)
        assert [(each.window, each.excursion) for each in told] == [(good, False), (warm, True)]


# ---------------------------------------------------------------------- devices


def test_device_is_kept_with_its_key(route: Route, logger: Logger) -> None:
    cold_chain = route.cold_chain(route.courier)
    device = Device(logger.id, route.courier.id, logger.key.public, retired=False)
    assert cold_chain.device(logger.id) == device
    assert cold_chain.register(logger.key.public).events == ()
    cold_chain.retire(logger.id)
    assert cold_chain.device(logger.id) == replace(device, retired=True)
    refusal(lambda: cold_chain.bind(logger.id, route.shipped().container, LIMITS), ColdChainUnknownDevice(logger.id))


def test_device_id_is_what_the_contract_makes(route: Route) -> None:
    for curve in CURVES:
        public = DeviceKey.generate(curve).public
        told = route.cold_chain(route.courier).register(public).event(DeviceRegistered)
        assert public.device_id(route.courier.name) == public.device_id(route.courier.id) == told.device
        assert DevicePublicKey(told.curve, told.x, told.y) == public


def test_what_is_unknown_is_none(route: Route) -> None:
    cold_chain, unknown = route.cold_chain(), "0x" + 64 * "7"
    assert cold_chain.device(unknown) is None
    assert cold_chain.binding(unknown) is None
    assert cold_chain.limits("0x" + 24 * "7") is None
    assert cold_chain.windows(unknown, "0x" + 24 * "7") == []
    with pytest.raises(InvalidInput):
        cold_chain.device("0x77")
    with pytest.raises(ConfigurationError):
        cold_chain.retire(unknown)


def test_device_is_its_operator_s(route: Route, logger: Logger) -> None:
    logger.bound()
    expected = ColdChainNotTheOperator(logger.id, route.courier.id, route.maker.id)
    refusal(lambda: route.cold_chain(route.maker).unbind(logger.id), expected)


def test_device_goes_with_one_container(route: Route, logger: Logger) -> None:
    first = logger.bound()
    cold_chain = route.cold_chain(route.courier)
    expected = ColdChainOtherContainer(logger.id, first.container)
    refusal(lambda: cold_chain.bind(logger.id, route.shipped().container, LIMITS), expected)
    cold_chain.unbind(logger.id)
    assert cold_chain.binding(logger.id) is None
    second = logger.bound()
    binding = cold_chain.binding(logger.id)
    assert binding is not None
    assert (binding.container, binding.sequence, binding.excursions) == (second.container, 0, 0)


def test_limits_are_the_lot_s(route: Route) -> None:
    logger, shipment, limits = route.logger(Curve.P256), route.shipped(), Limits(-2_500, -1_500, -1_500)
    route.cold_chain(route.maker).set_limits(shipment.lot, limits)
    cold_chain = route.cold_chain(route.courier)
    assert cold_chain.limits(shipment.lot) == limits
    refusal(lambda: cold_chain.bind(logger.id, shipment.container, LIMITS), ColdChainInvalidLimits(*LIMITS.to_abi()))
    cold_chain.bind(logger.id, shipment.container)
    binding = cold_chain.binding(logger.id)
    assert binding is not None
    assert binding.limits == limits
    expected = ColdChainNotTheMaker(shipment.lot, route.maker.id, route.courier.id)
    refusal(lambda: cold_chain.set_limits(shipment.lot, limits), expected)


# ---------------------------------------------------------------------- windows


def test_window_is_of_its_readings(route: Route, logger: Logger) -> None:
    shipment = logger.bound()
    readings = logger.readings(417, 395, 430)
    window = route.cold_chain().next_window(logger.id, readings)
    start = readings.readings[0].time - 1
    assert window == Window(logger.id, shipment.container, 1, start, start + 3, 395, 430, readings.mean, readings.root)
    later = route.cold_chain().next_window(logger.id, readings, end=start + 60)
    assert later == replace(window, end=start + 60)


def test_time_without_readings_is_a_window_without_a_root(route: Route, logger: Logger) -> None:
    """The stretches of a time go in one after the other, and what has no readings is an excursion."""
    shipment = logger.bound()
    start = logger.readings(0).readings[0].time - 1
    readings = [Reading(start + seconds, 420) for seconds in (2, 4, 11)]
    cold_chain = route.cold_chain()
    recorded = []
    for stretch in stretches(readings, start, start + 12, longest_gap=3):
        held = WindowReadings(stretch.readings, SECRET) if stretch.readings else None
        window = cold_chain.next_window(logger.id, held, end=stretch.end)
        binding = cold_chain.binding(logger.id)
        assert binding is not None
        excursion = logger.record(window).event(WindowRecorded).excursion
        assert binding.is_excursion(window) is excursion
        assert window.has_readings is not excursion
        assert check_window(window, held) == ()
        recorded.append((window.start - start, window.end - start, excursion))
    assert recorded == [(0, 4, False), (4, 8, True), (8, 12, False)]
    told = cold_chain.windows(logger.id, shipment.container)
    assert [(each.window.start - start, each.window.end - start, each.excursion) for each in told] == recorded
    assert cold_chain.windows(logger.id, route.shipped().container) == []


@pytest.mark.parametrize(
    ("lowest", "highest", "mean", "outside"),
    [
        (200, 800, 500, False),
        (199, 800, 500, True),
        (200, 801, 500, True),
        (200, 800, 501, True),
    ],
)
def test_excursion_is_foretold_as_the_contract_has_it(
    route: Route, lowest: int, highest: int, mean: int, outside: bool
) -> None:
    logger = route.logger(Curve.SECP256K1)
    logger.bound()
    cold_chain = route.cold_chain()
    binding = cold_chain.binding(logger.id)
    assert binding is not None
    window = cold_chain.next_window(logger.id, logger.readings(300))
    window = replace(window, lowest=lowest, highest=highest, mean=mean)
    assert binding.is_excursion(window) is outside
    assert logger.record(window).event(WindowRecorded).excursion is outside


def test_next_window_refuses_what_does_not_follow(route: Route) -> None:
    logger = route.logger(Curve.P256)
    cold_chain = route.cold_chain()
    with pytest.raises(InvalidInput, match="goes with no container"):
        cold_chain.next_window(logger.id, end=START)
    logger.bound()
    readings = logger.readings(400, 410)
    end = readings.readings[0].time - 1
    early = WindowReadings((Reading(end, 400), *readings.readings), SECRET)
    for name, arguments in (
        ("reading 1, time", {"readings": early}),
        ("reading 2, time", {"readings": readings, "end": end + 1}),
        ("reading 1, time", {"readings": readings, "end": end}),
        ("end", {"end": end}),
        ("end", {}),
    ):
        with pytest.raises(InvalidInput) as refused:
            cold_chain.next_window(logger.id, **arguments)
        assert refused.value.name == name


def test_window_goes_in_once(route: Route, logger: Logger) -> None:
    logger.bound()
    window = route.cold_chain().next_window(logger.id, logger.readings(400, 410))
    logger.record(window)
    expected = ColdChainNotTheNext(logger.id, 1, window.start, 1, window.end)
    refusal(lambda: logger.record(window), expected)


def test_window_is_signed_by_its_device(route: Route, logger: Logger) -> None:
    logger.bound()
    window = route.cold_chain().next_window(logger.id, logger.readings(400, 410))
    expected = ColdChainInvalidSignature(logger.id)
    refusal(lambda: logger.record(window, DeviceKey.generate(logger.key.public.curve)), expected)
    cold_chain = route.cold_chain(route.pharmacy)
    signature = cold_chain.sign(window, logger.key)
    for changed in (
        replace(window, lowest=window.lowest - 1),
        replace(window, highest=window.highest + 1),
        replace(window, mean=window.mean - 1),
        replace(window, end=window.end - 1),
        replace(window, root="0x" + 64 * "9"),
    ):
        refusal(partial(cold_chain.record, changed, signature), expected)
    if logger.key.public.curve is Curve.P256:
        r, s = signature[:32], P256_ORDER - int.from_bytes(signature[32:], "big")
        refusal(lambda: cold_chain.record(window, r + s.to_bytes(32, "big")), expected)
    cold_chain.record(window, signature)


# ---------------------------------------------------------------------- readings against what was signed


def signed_window(**changes: Any) -> tuple[Window, WindowReadings]:
    readings = WindowReadings((Reading(START + 10, 300), Reading(START + 20, 700)), SECRET)
    values: dict[str, Any] = {
        "device": "0x" + 64 * "1",
        "container": "0x" + 24 * "2",
        "sequence": 1,
        "start": START,
        "end": START + 20,
        "lowest": 300,
        "highest": 700,
        "mean": readings.mean,
        "root": readings.root,
    }
    return Window(**{**values, **changes}), readings


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"lowest": 301}, [(WindowPart.LOWEST, 301, 300)]),
        ({"highest": 699}, [(WindowPart.HIGHEST, 699, 700)]),
        ({"mean": 500}, [(WindowPart.MEAN, 500, signed_window()[1].mean)]),
        ({"root": "0x" + 64 * "3"}, [(WindowPart.ROOT, "0x" + 64 * "3", signed_window()[1].root)]),
        ({"root": ZERO_HASH, "lowest": 0}, [(WindowPart.ROOT, ZERO_HASH, signed_window()[1].root)]),
        ({"start": START + 10}, [(WindowPart.TIME, START + 10, START + 10)]),
        ({"end": START + 19}, [(WindowPart.TIME, START + 19, START + 20)]),
        ({"lowest": 0, "mean": 1}, [(WindowPart.LOWEST, 0, 300), (WindowPart.MEAN, 1, signed_window()[1].mean)]),
    ],
)
def test_differences_are_told(changes: dict[str, Any], expected: list[Any]) -> None:
    window, readings = signed_window(**changes)
    assert list(check_window(window, readings)) == [WindowDifference(*each) for each in expected]


def test_changed_readings_show() -> None:
    window, readings = signed_window()
    first, last = readings.readings
    for changed in ((first,), (first, replace(last, temperature=699)), (first, replace(last, time=last.time - 1))):
        parts = [each.part for each in check_window(window, WindowReadings(changed, SECRET))]
        assert WindowPart.ROOT in parts
    assert check_window(window, None) == (WindowDifference(WindowPart.ROOT, window.root, ZERO_HASH),)
    assert check_window(replace(window, root=ZERO_HASH), None) == ()


# ---------------------------------------------------------------------- keys


def digest_of_a_window(route: Route) -> tuple[dict[str, Any], bytes]:
    message = route.cold_chain().message(signed_window()[0])
    return message, typed_data_digest(message)


def test_p256_signature_is_the_key_s_with_the_lower_s(route: Route) -> None:
    message, digest = digest_of_a_window(route)
    private = ec.generate_private_key(ec.SECP256R1())
    for _ in range(16):
        signature = DeviceKey(private).sign(message)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        assert len(signature) == 64
        assert s <= P256_ORDER // 2
        private.public_key().verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(SHA256())))
        with pytest.raises(InvalidSignature):
            private.public_key().verify(encode_dss_signature(r, s), SECRET, ec.ECDSA(Prehashed(SHA256())))


def test_secp256k1_signature_is_the_address_s(route: Route) -> None:
    message, digest = digest_of_a_window(route)
    account = Account.create()
    private = ec.derive_private_key(int(account.key.hex(), 16), ec.SECP256K1())
    key = DeviceKey(private)
    assert key.public == DevicePublicKey(Curve.SECP256K1, "0x" + account.address[2:].lower().rjust(64, "0"), ZERO_HASH)
    signature = key.sign(message)
    s = int.from_bytes(signature[32:], "big")
    rsv = signature[:32] + (s & (1 << 255) - 1).to_bytes(32, "big") + bytes([27 + (s >> 255)])
    assert len(signature) == 64
    assert Account._recover_hash(digest, signature=rsv) == account.address


@pytest.mark.parametrize("curve", CURVES)
def test_key_is_kept_in_a_file(curve: Curve, tmp_path: Path) -> None:
    key, path = DeviceKey.generate(curve), tmp_path / "logger.pem"
    path.write_bytes(key.to_pem("a passphrase"))
    opened = DeviceKey.open(path, lambda: "a passphrase")
    assert opened.public == key.public
    assert (opened.origin, repr(opened)) == (str(path), f"DeviceKey({curve.name}, {path})")
    public = opened._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert DevicePublicKey.from_pem(public) == key.public


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_unprotected_key_of_openssl_is_read(form: PrivateFormat, tmp_path: Path) -> None:
    private, path = ec.generate_private_key(ec.SECP256R1()), tmp_path / "logger.pem"
    path.write_bytes(private.private_bytes(Encoding.PEM, form, NoEncryption()))
    asked: list[None] = []

    def passphrase() -> str:
        asked.append(None)
        return ""

    assert DeviceKey.open(path, passphrase).public == DeviceKey(private).public
    assert not asked


def private_pem(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize(
    ("content", "passphrase", "problem"),
    [
        (None, None, "cannot be read: No such file or directory"),
        (b"no key", None, "is no private key in PEM"),
        (private_pem(ec.generate_private_key(ec.SECP256R1()))[:100], None, "is no private key in PEM"),
        (private_pem(ec.generate_private_key(ec.SECP384R1())), None, "is on secp384r1"),
        (private_pem(ed25519.Ed25519PrivateKey.generate()), None, "is no key on P-256 or secp256k1"),
        (DeviceKey.generate(Curve.P256).to_pem("right"), None, "is encrypted: it needs its passphrase"),
        (DeviceKey.generate(Curve.P256).to_pem("right"), lambda: "wrong", "wrong passphrase"),
    ],
    ids=["no file", "no key", "cut short", "another curve", "another kind", "no passphrase", "another passphrase"],
)
def test_what_is_no_key_is_refused(
    content: bytes | None, passphrase: Callable[[], str] | None, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "logger.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SignerError) as refused:
        DeviceKey.open(path, passphrase)
    assert refused.value.signer == str(path)
    assert problem in refused.value.problem
    with pytest.raises(InvalidInput):
        DeviceKey.generate(Curve.NONE_)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"no key", "6 bytes"),
        (
            rsa.generate_private_key(65537, 1024)
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "RSAPublicKey",
        ),
        (
            ec.generate_private_key(ec.SECP384R1())
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "secp384r1",
        ),
    ],
    ids=["no key", "RSA", "another curve"],
)
def test_what_is_no_public_key_is_refused(content: bytes, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        DevicePublicKey.from_pem(content)
    assert refused.value.value == value

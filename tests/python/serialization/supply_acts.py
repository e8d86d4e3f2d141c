"""Random acts on a supply chain's contracts, and everything that they answer: lots, containers, handovers, units,
orders, data loggers, service records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from careledger.chain.contract import Contract
from careledger.chain.development import Node
from careledger.chain.signers.local import LocalSigner
from careledger.chain.typed_data import shortest_signature, typed_message
from careledger.chain.values import encode_call
from careledger.contract_enums import (
    ContainerState,
    Curve,
    MemberRole,
    OrderStatus,
    RecallClass,
    RecallReason,
    ServiceKind,
    UnitStatus,
)
from careledger.identity.identifiers import organization_id, to_padded
from careledger.serialization import LotSecret, UnitTree, container_id, inner_hash, lot_id, lot_reference
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from identity.suite import DAY
from indexer.stand import Act, Asked, Question, Stand
from serialization.supply_stage import supply_stage

HOUR = 3600
DEPTH = 6
NUMBERS = 1 << DEPTH
KINDS = ("Custody", "LotRegistry", "PurchaseEscrow", "ColdChain", "ServiceHistory")
NOBODY = "0x" + 24 * "0"
ZERO_HASH = "0x" + 64 * "0"
PRODUCT, DEVICE_PRODUCT = "gtin:00300010000015", "gtin:00300020000012"
MONEY = 10**6
LIMITS = (200, 800, 500)
NO_LIMITS = (0, 0, 0)
UNITS_ASKED = 24
ENDS = (UnitStatus.DESTROYED, UnitStatus.DECOMMISSIONED, UnitStatus.STOLEN, UnitStatus.EXPORTED)
WINDOW = ("device", "container", "sequence", "start", "end", "lowest", "highest", "mean", "root")
WINDOW_TYPES = ("bytes32", "bytes12", "uint32", "uint40", "uint40", "int16", "int16", "int16", "bytes32")
SERVICE = ("lot", "index", "sequence", "kind", "servicedAt", "partLot", "partIndex", "content")
SERVICE_TYPES = ("bytes12", "uint256", "uint32", "uint8", "uint40", "bytes12", "uint256", "bytes32")


@dataclass(frozen=True)
class Member:
    """An organization with its key."""

    name: str
    id: str
    key: LocalSigner


@dataclass(frozen=True)
class Lot:
    """A lot with the trees of two tranches; the second may be commissioned later, or never."""

    id: str
    maker: Member
    product: str
    number: str
    secret: LotSecret
    reference: bytes
    expiry_day: int
    device: bool
    trees: tuple[UnitTree, ...]

    @property
    def terms(self) -> int:
        return self.device << 24 | DEPTH << 16 | self.expiry_day

    def inner(self, unit: int) -> bytes:
        return inner_hash(f"SN{unit:05}", self.secret.salt(unit))

    def proof(self, unit: int) -> list[bytes]:
        return self.trees[unit >> DEPTH].proof(unit)


@dataclass(frozen=True)
class Logger:
    """A data logger, with a key on secp256k1."""

    operator: Member
    key: LocalSigner

    @property
    def coordinates(self) -> tuple[bytes, bytes]:
        return bytes.fromhex(self.key.address[2:]).rjust(32, b"\0"), bytes(32)

    @property
    def id(self) -> str:
        values = [bytes.fromhex(self.operator.id[2:]), Curve.SECP256K1, *self.coordinates]
        return "0x" + keccak(encode(["bytes12", "uint8", "bytes32", "bytes32"], values)).hex()


class Stage(Stand):
    """A supply chain with a maker of medicine and devices, a repackager, a wholesaler, pharmacies, a carrier and a
    regulator. Attributes that tests read: `operator`, a name; `lots`; `containers`, ids that were proposed; `contract`
    by kind."""

    ACTS_OF_A_BLOCK = (1, 2, 3, 4)
    PAUSES = (60, 600, HOUR, 6 * HOUR, 12 * HOUR)
    NODE_OPTIONS = ("--gas-limit", "100000000", "--timestamp", "1800000000")

    def __init__(self, node: Node, random: Random) -> None:
        super().__init__(node, random)
        self.lots: list[Lot] = []
        self.containers: dict[str, None] = {}
        self.moved: dict[tuple[str, int], list[str]] = {}
        self.orders: dict[str, tuple[Member, Member]] = {}
        self._read_at: tuple[int, dict[str, dict[str, Any]]] = (-1, {})
        supply = supply_stage(self.connection)
        self.suite, self.operator = supply.suite, supply.operator
        self.registrar = self.suite.registrar
        deployment = supply.deploy()
        supply.publish(deployment)
        self.contract = {kind: Contract(self.connection, kind, deployment.addresses[kind]) for kind in KINDS}
        keys = iter(self.new_keys(12))

        def member(*roles: MemberRole) -> Member:
            expiry = self.suite.now + 900 * DAY
            name, key = self.suite.admit(member_roles=frozenset(roles), licence_expiry=expiry), next(keys)
            self.suite.add_key(name, key)
            return Member(name, organization_id(name), key)

        self.maker = member(MemberRole.MANUFACTURER, MemberRole.DEVICE_OPERATOR)
        self.repackager = member(MemberRole.REPACKAGER)
        self.wholesaler = member(MemberRole.WHOLESALER, MemberRole.DEVICE_OPERATOR)
        self.pharmacy = member(MemberRole.DISPENSER)
        self.other_pharmacy = member(MemberRole.DISPENSER)
        self.carrier = member(MemberRole.CARRIER, MemberRole.DEVICE_OPERATOR)
        self.regulator = member(MemberRole.REGULATOR)
        self.holders = [self.maker, self.repackager, self.wholesaler, self.pharmacy, self.other_pharmacy]
        self.by_id = {one.id: one for one in (*self.holders, self.carrier, self.regulator)}
        self.loggers = [Logger(one, next(keys)) for one in (self.maker, self.carrier, self.wholesaler)]
        self.later_logger = Logger(self.maker, next(keys))
        self._deploy_token()
        self.open()

    @property
    def contracts(self) -> list[str]:
        return [
            self.suite.manager.address,
            self.suite.registry.address,
            *(self.contract[kind].address for kind in KINDS),
        ]

    @property
    def custody(self) -> Contract:
        return self.contract["Custody"]

    def _deploy_token(self) -> None:
        from tools.gas import testing_contract  # compiles; only where a test needs it

        compiled = testing_contract("StableToken")
        abi = {entry.get("name", entry["type"]): entry for entry in compiled["abi"]}
        code = bytes.fromhex(compiled["evm"]["bytecode"]["object"])
        address = self.connection.send(self.suite.admin, None, code, gas=8_000_000).contract_address
        assert address is not None
        self.token = address
        escrow = self.contract["PurchaseEscrow"].address
        for buyer in self.holders:
            minted = encode_call(abi["mint"], (buyer.key.address, 10**6 * MONEY))
            self.connection.send(self.suite.admin, address, minted)
            self.connection.send(buyer.key, address, encode_call(abi["approve"], (escrow, 10**6 * MONEY)))

    # ------------------------------------------------------------------ parts of acts

    def topics_of_the_start(self) -> set[str]:
        """Of the events before the opening."""
        query = {"address": self.contracts, "fromBlock": "0x0", "toBlock": hex(self.first_block)}
        return {entry["topics"][0] for entry in self.rpc.call("eth_getLogs", query)}

    def act(self, by: Member, kind: str, function: str, *given: Any) -> Act:
        contract = self.contract[kind]
        return Act(by.key.address, contract.address, contract.encode(function, *given), function)

    def reference(self) -> bytes:
        return self.random.randbytes(32)

    def named(self, by: Member, reference: bytes) -> str:
        """The container that a member makes of a reference."""
        found = container_id(by.id, reference)
        self.containers[found] = None
        return found

    def _move(self, lot: str, unit: int, container: str) -> None:
        """Notes where a unit is to be moved."""
        places = self.moved.setdefault((lot, unit), [])
        if container in places:
            places.remove(container)
        places.append(container)

    def new_lot(self, maker: Member, days: int = 400, device: bool = False) -> Lot:
        secret = LotSecret(self.random.randbytes(32))
        product, number = (DEVICE_PRODUCT if device else PRODUCT), f"L-{len(self.lots):04}"
        reference = lot_reference(product, number, secret.lot_salt())
        identifier = lot_id(maker.id, reference)
        registry = self.contract["LotRegistry"].address
        trees = tuple(
            UnitTree.of(
                [(unit, f"SN{unit:05}") for unit in range(tranche * NUMBERS, (tranche + 1) * NUMBERS)],
                secret,
                DEPTH,
                tranche,
                chain_id=self.connection.chain_id,
                registry=registry,
                lot=identifier,
            )
            for tranche in range(2)
        )
        expiry_day = 0 if device else self.suite.now // DAY + days
        lot = Lot(identifier, maker, product, number, secret, reference, expiry_day, device, trees)
        self.lots.append(lot)
        return lot

    def commission(self, lot: Lot) -> Act:
        return self.act(lot.maker, "LotRegistry", "commission", lot.reference, lot.terms, lot.trees[0].root)

    def add_tranche(self, lot: Lot) -> Act:
        return self.act(lot.maker, "LotRegistry", "addTranche", lot.id, 1, lot.trees[1].root)

    def pack_range(self, lot: Lot, first: int, count: int, cases: int) -> tuple[str, Act]:
        reference = self.reference()
        act = self.act(lot.maker, "Custody", "packRange", reference, lot.id, first, count, cases)
        return self.named(lot.maker, reference), act

    def pack(self, by: Member, containers: list[str], units: list[tuple[str, int, str]]) -> tuple[str, Act]:
        reference = self.reference()
        container = self.named(by, reference)
        for lot, unit, _ in units:
            self._move(lot, unit, container)
        return container, self.act(by, "Custody", "pack", reference, containers, units)

    def add(self, by: Member, container: str, containers: list[str], units: list[tuple[str, int, str]]) -> Act:
        for lot, unit, _ in units:
            self._move(lot, unit, container)
        return self.act(by, "Custody", "add", container, containers, units)

    def unpack_cases(self, by: Member, parent: str, numbers: list[int], cases: int = 0) -> tuple[list[str], Act]:
        references = [self.reference() for _ in numbers]
        act = self.act(by, "Custody", "unpackCases", parent, references, numbers, cases)
        return [self.named(by, reference) for reference in references], act

    def unpack_units(self, by: Member, units: list[tuple[str, int, str]]) -> Act:
        for lot, unit, _ in units:
            self._move(lot, unit, NOBODY)
        return self.act(by, "Custody", "unpackUnits", units)

    def ship(
        self,
        container: str,
        sender: Member,
        receiver: Member,
        days: int = 3,
        is_return: bool = False,
        by_itself: bool = False,
    ) -> Act:
        carrier = NOBODY if by_itself or self.random.random() < 0.4 else self.carrier.id
        deadline = self.suite.now + days * DAY
        return self.act(
            sender, "Custody", "ship", container, receiver.id, carrier, deadline, is_return, self.reference()
        )

    def receive_in_part(
        self, by: Member, container: str, containers: list[str], units: list[tuple[str, int, str]], share: int
    ) -> tuple[str, Act]:
        reference, reason = self.reference(), self.reference()
        rejected = self.named(by, reference)
        for lot, unit, _ in units:
            self._move(lot, unit, rejected)
        act = self.act(by, "Custody", "receiveInPart", container, reference, containers, units, share, reason)
        return rejected, act

    def dispense(self, by: Member, lot: Lot, unit: int, container: str) -> Act:
        return self.act(by, "LotRegistry", "dispense", lot.id, unit, container, lot.inner(unit), lot.proof(unit))

    def dispense_many(self, by: Member, lot: Lot, units: list[int], container: str) -> Act:
        proof = lot.trees[units[0] >> DEPTH].multiproof(units)
        inners = [lot.inner(unit) for unit in units]
        return self.act(by, "LotRegistry", "dispenseMany", lot.id, container, units, inners, proof)

    def end_units(self, by: Member, lot: Lot, units: list[int], status: UnitStatus, container: str = NOBODY) -> Act:
        return self.act(by, "LotRegistry", "endUnits", lot.id, container, units, status, self.reference())

    def suspect(self, by: Member, lot: Lot, unit: int, container: str = NOBODY) -> Act:
        return self.act(by, "LotRegistry", "suspect", lot.id, unit, container, self.reference())

    def order(self, buyer: Member, seller: Member, amount: int, days: int = 20) -> tuple[str, Act]:
        reference = self.reference()
        order = "0x" + keccak(encode(["bytes12", "bytes32"], [bytes.fromhex(buyer.id[2:]), reference])).hex()
        self.orders[order] = buyer, seller
        deadline = self.suite.now + days * DAY
        act = self.act(buyer, "PurchaseEscrow", "openOrder", reference, seller.id, self.token, amount, deadline)
        return order, act

    def ship_order(self, order: str, container: str) -> Act:
        buyer, seller = self.orders[order]
        deadline = self.suite.now + 3 * DAY
        return self.act(seller, "Custody", "shipOrder", container, buyer.id, NOBODY, deadline, self.reference(), order)

    def register(self, logger: Logger) -> Act:
        return self.act(logger.operator, "ColdChain", "registerDevice", Curve.SECP256K1, *logger.coordinates)

    def window(self, logger: Logger, highest: int = 700, readings: bool = True, minutes: int = 0) -> Act | None:
        """The next window of a logger that goes with something: of so many minutes, 0: until now."""
        binding = self.contract["ColdChain"].read("bindingOf", logger.id)
        start = binding["end"]
        end = start + minutes * 60 if minutes else self.suite.now
        if binding["container"] == NOBODY or start >= end:
            return None
        root = self.reference() if readings else bytes(32)
        values = (logger.id, binding["container"], binding["sequence"] + 1, start, end, 300, highest, 450, root)
        fields = dict(zip(WINDOW, zip(WINDOW_TYPES, values, strict=True), strict=True))
        message = typed_message(
            "ColdChain", self.connection.chain_id, self.contract["ColdChain"].address, "Window", **fields
        )
        signature = logger.key.sign_typed_data(message)
        return self.act(self.regulator, "ColdChain", "recordWindow", values, signature)

    def service(self, by: Member, lot: Lot, unit: int, container: str, part: tuple[Lot, int, str] | None = None) -> Act:
        sequence, _ = self.contract["ServiceHistory"].read("headOf", lot.id, unit)
        kind = self.random.choice((ServiceKind.INSPECTION, ServiceKind.CALIBRATION, ServiceKind.REPAIR))
        if part is not None:
            kind = ServiceKind.PART_REPLACEMENT
        values = (
            *(lot.id, unit, sequence + 1, int(kind), self.suite.now - 60),
            *((NOBODY, 0) if part is None else (part[0].id, part[1])),
            self.reference(),
        )
        fields = dict(zip(SERVICE, zip(SERVICE_TYPES, values, strict=True), strict=True))
        message = typed_message(
            "ServiceHistory", self.connection.chain_id, self.contract["ServiceHistory"].address, "Service", **fields
        )
        signer = self.wholesaler.key
        signature = shortest_signature(signer, message)
        of_part = NOBODY if part is None else part[2]
        return self.act(by, "ServiceHistory", "append", values, container, of_part, signer.address, signature)

    # ------------------------------------------------------------------ the opening

    def opening(self) -> Iterator[tuple[int | None, Act]]:
        """What chance seldom brings about, with the seconds that pass before each."""
        maker, wholesaler, pharmacy, repackager = self.maker, self.wholesaler, self.pharmacy, self.repackager
        registrar = Member("registrar", "", self.registrar)  # type: ignore[arg-type]
        for product in (PRODUCT, DEVICE_PRODUCT):
            for one in (maker, repackager):
                yield 60, self.act(registrar, "LotRegistry", "assignProduct", to_padded(product), one.id, True)
        lot = self.new_lot(maker)
        yield 60, self.commission(lot)
        yield 60, self.add_tranche(lot)
        devices = self.new_lot(maker, device=True)
        yield 60, self.commission(devices)
        for days in (8, 400):
            yield 60, self.commission(self.new_lot(maker, days))
        for logger in (*self.loggers, self.later_logger):
            yield 60, self.register(logger)
        yield 60, self.act(maker, "ColdChain", "retireDevice", self.later_logger.id)
        yield 60, self.act(maker, "ColdChain", "setLimits", lot.id, LIMITS)
        # a pallet of four cases goes to the wholesaler, which takes out two, and a unit of another
        pallet, act = self.pack_range(lot, 2, 16, 4)
        yield 60, act
        yield 60, self.act(maker, "ColdChain", "bindDevice", self.loggers[0].id, pallet, NO_LIMITS)
        yield HOUR, self.window_of(self.loggers[0])
        yield 60, self.ship(pallet, maker, wholesaler)
        yield 60, self.act(maker, "ColdChain", "unbindDevice", self.loggers[0].id)
        yield 60, self.act(wholesaler, "Custody", "receiveShipment", pallet)
        (first, second), act = self.unpack_cases(wholesaler, pallet, [1, 3], 2)
        yield 60, act
        yield 60, self.unpack_units(wholesaler, [(lot.id, 2, pallet)])
        tote, act = self.pack(wholesaler, [first], [(lot.id, 2, NOBODY), (lot.id, 10, pallet)])
        yield 60, act
        # its logger tells of an excursion: the tote shows it, and so does what is taken out
        yield 60, self.act(wholesaler, "ColdChain", "bindDevice", self.loggers[2].id, tote, LIMITS)
        yield HOUR, self.window_of(self.loggers[2], 900)
        yield HOUR, self.window_of(self.loggers[2], readings=False)
        yield 60, self.act(wholesaler, "Custody", "unpack", tote, [first])
        box, act = self.pack(wholesaler, [first, second], [(lot.id, 10, tote)])
        yield 60, act
        yield 60, self.ship(box, wholesaler, pharmacy, by_itself=True)
        yield 60, self.act(wholesaler, "Custody", "handOver", box, self.carrier.id)
        rejected, act = self.receive_in_part(pharmacy, box, [second], [(lot.id, 10, box)], 10_000)
        yield 60, act
        yield 60, self.act(wholesaler, "Custody", "confirmReturn", rejected)
        yield 60, self.dispense(pharmacy, lot, 6, first)
        yield 60, self.dispense_many(pharmacy, lot, [7, 8], first)
        yield 2 * DAY, self.act(pharmacy, "LotRegistry", "undoDispense", lot.id, 7, first)
        yield 60, self.suspect(pharmacy, lot, 9, first)
        yield 60, self.act(pharmacy, "LotRegistry", "clear", lot.id, 9, self.reference())
        yield 60, self.suspect(pharmacy, lot, 9, first)
        yield 60, self.act(self.regulator, "LotRegistry", "determineIllegitimate", lot.id, 9, self.reference())
        yield HOUR, self.suspect(maker, lot, 60)
        yield 60, self.act(maker, "LotRegistry", "determineIllegitimate", lot.id, 60, self.reference())
        yield 60, self.act(self.regulator, "LotRegistry", "recordNotice", lot.id, 60, self.reference())
        yield 60, self.end_units(pharmacy, lot, [7], UnitStatus.DECOMMISSIONED, first)
        yield 60, self.end_units(pharmacy, lot, [7], UnitStatus.DESTROYED, first)
        yield 60, self.end_units(maker, lot, [0, 61, 100], UnitStatus.DESTROYED)
        # the box goes back, is verified, and what was opened ends
        yield 60, self.ship(box, pharmacy, wholesaler, is_return=True)
        yield 60, self.act(wholesaler, "Custody", "receiveShipment", box)
        yield 60, self.act(wholesaler, "Custody", "unpack", box, [first])
        yield 60, self.act(wholesaler, "Custody", "verifyReturn", box)
        yield 60, self.act(wholesaler, "Custody", "verifyReturn", first)
        yield 60, self.act(wholesaler, "Custody", "open", box)
        yield 60, self.act(wholesaler, "Custody", "end", box, UnitStatus.DESTROYED, self.reference())
        # missing, found, and missing for good
        parcel, act = self.pack_range(lot, 20, 4, 0)
        yield 60, act
        yield 60, self.ship(parcel, maker, pharmacy, days=1)
        yield 2 * DAY, self.act(maker, "Custody", "reportMissing", parcel)
        yield 60, self.act(maker, "Custody", "confirmReturn", parcel)
        yield 60, self.ship(parcel, maker, pharmacy, days=1)
        yield 60, self.act(pharmacy, "Custody", "reject", parcel, self.reference())
        yield 60, self.act(maker, "Custody", "reportMissing", parcel)
        yield 60, self.act(maker, "Custody", "end", parcel, UnitStatus.STOLEN, self.reference())
        # a repackager's new lot
        bulk, act = self.pack_range(lot, 30, 8, 0)
        yield 60, act
        yield 60, self.ship(bulk, maker, repackager)
        yield 60, self.act(repackager, "Custody", "receiveShipment", bulk)
        small = self.new_lot(repackager, days=100)
        arguments = (small.reference, small.terms, small.trees[0].root, [bulk])
        yield 60, self.act(repackager, "LotRegistry", "repackage", *arguments)
        salt = small.secret.lot_salt()
        opened = small.id, to_padded(small.product), to_padded(small.number), salt
        yield 60, self.act(repackager, "LotRegistry", "open", *opened)
        # orders: paid in whole, in part and the rest given back or conceded, called off
        parts: list[str] = []
        for share, rest in ((10_000, ""), (7_500, "refund"), (5_000, "concede"), (0, "refund")):
            order, act = self.order(pharmacy, maker, 1_000 * MONEY)
            yield 60, act
            paid, act = self.pack_range(lot, 40 + 4 * len(parts), 4, 2)
            parts.append(paid)
            yield 60, act
            yield 60, self.ship_order(order, paid)
            if not rest:
                yield 60, self.act(pharmacy, "Custody", "receiveShipment", paid)
                continue
            units = [(lot.id, 40 + 4 * parts.index(paid), paid)]
            rejected, act = self.receive_in_part(pharmacy, paid, [], units, share)
            yield 60, act
            yield 60, self.act(maker, "Custody", "confirmReturn", rejected)
            yield 60, self.act(maker if rest == "refund" else pharmacy, "PurchaseEscrow", rest, order)
        order, act = self.order(pharmacy, maker, 300 * MONEY)
        yield 60, act
        refused, act = self.pack_range(lot, 58, 2, 0)
        yield 60, act
        yield 60, self.ship_order(order, refused)
        yield 60, self.act(pharmacy, "Custody", "reject", refused, self.reference())
        yield 60, self.act(maker, "Custody", "confirmReturn", refused)
        yield 60, self.act(maker, "PurchaseEscrow", "refund", order)
        yield 60, self.act(maker, "PurchaseEscrow", "payOut", self.token, maker.key.address)
        # devices
        yield 60, self.pack_range(devices, 0, 8, 0)[1]
        yield 60, self.service(maker, devices, 1, NOBODY)
        yield 60, self.service(maker, devices, 1, NOBODY, (devices, 2, NOBODY))
        yield 60, self.act(maker, "LotRegistry", "recall", small_lot(self).id, *GRAVE[0])
        yield 60, self.act(self.regulator, "LotRegistry", "recall", small_lot(self).id, *GRAVE[1])

    def leave_on_the_way(self) -> None:
        """Ships new containers that nobody receives, one of them until past its deadline."""
        lot = self.new_lot(self.maker)
        self.mine([self.commission(lot)])
        for number, days in enumerate((1, 5, 5)):
            container, act = self.pack_range(lot, 4 * number, 4, 0)
            self.mine([act], 2 * DAY)
            self.mine([self.ship(container, self.maker, self.wholesaler, days)], 60)

    def window_of(self, logger: Logger, highest: int = 700, readings: bool = True) -> Act:
        found = self.window(logger, highest, readings, 30)
        assert found is not None
        return found

    # ------------------------------------------------------------------ chance

    def chance(self) -> Act:
        for _ in range(20):
            found = self.random.choices(self._ways(), WEIGHTS)[0]()
            if found is not None:
                return found
        return self.act(self.maker, "Custody", "open", next(iter(self.containers)))

    def _ways(self) -> list[Callable[[], Act | None]]:
        return [
            self._any_range,
            self._any_pack,
            self._any_unpack,
            self._any_ship,
            self._at_a_shipment,
            self._about_units,
            self._ends_and_marks,
            self._about_lots,
            self._about_loggers,
            self._about_orders,
            self._any_service,
        ]

    def state(self) -> dict[str, dict[str, Any]]:
        """The containers that there are, as the contract has them at the head."""
        head = self.head
        if self._read_at[0] != head:
            ids = list(self.containers)
            found = self.ask(((("of", one), self.custody, "containerOf", (one,)) for one in ids), "latest")
            known = {one: found["of", one] for one in ids if found["of", one]["state"]}
            self._read_at = head, known
        return self._read_at[1]

    def _pick(self, *states: ContainerState, outermost: bool = True) -> tuple[str, dict[str, Any]] | None:
        fitting = [
            (one, found)
            for one, found in self.state().items()
            if found["state"] in states and (found["parent"] == NOBODY or not outermost)
        ]
        return self.random.choice(fitting[-40:]) if fitting else None

    def _held_by(self, holder: str, outermost: bool = False) -> list[str]:
        return [
            one
            for one, found in self.state().items()
            if found["state"] == ContainerState.HELD
            and found["holder"] == holder
            and (found["parent"] == NOBODY or not outermost)
        ]

    def _units_in(self, container: str, count: int) -> list[tuple[str, int, str]]:
        """Some units that are likely in a container."""
        found = self.state().get(container)
        if found is not None and found["count"]:
            numbers = [
                number
                for number in range(found["first"], found["first"] + found["count"])
                if (found["lot"], number) not in self.moved or self.random.random() < 0.1
            ]
            chosen = sorted(self.random.sample(numbers, min(count, len(numbers))))
            return [(found["lot"], number, container) for number in chosen]
        inside = [(lot, unit, container) for (lot, unit), places in self.moved.items() if places[-1] == container]
        return inside[:count]

    def _any_range(self) -> Act | None:
        lot = self.random.choice(self.lots)
        packed = self.contract["LotRegistry"].read("lotOf", lot.id)["packed"]
        count, cases = self.random.choice(((4, 2), (8, 4), (6, 0), (12, 3), (4, 1), (2, 0)))
        return self.pack_range(lot, packed + self.random.choice((0, 0, 0, 1)), count, cases)[1]

    def _any_pack(self) -> Act | None:
        by = self.random.choice(self.holders)
        held = self._held_by(by.id)
        if not held:
            return None
        containers = self.random.sample(held, min(len(held), self.random.choice((0, 1, 1, 2))))
        source = self.random.choice([*held, NOBODY])
        units = self._units_in(source, self.random.choice((0, 1, 2)))
        mixed = [one for one in held if not self.state()[one]["count"] and one not in containers]
        if mixed and self.random.random() < 0.4:
            return self.add(by, self.random.choice(mixed), containers, units)
        return self.pack(by, containers, units)[1] if containers or units else None

    def _any_unpack(self) -> Act | None:
        found = self._pick(ContainerState.HELD, outermost=False)
        if found is None:
            return None
        container, record = found
        by = self.by_id[record["holder"]]
        children = [one for one, other in self.state().items() if other["parent"] == container]
        if children and self.random.random() < 0.7:
            return self.act(by, "Custody", "unpack", container, self.random.sample(children, 1))
        if record["cases"] and self.random.random() < 0.6:
            numbers = sorted(self.random.sample(range(record["cases"]), min(2, record["cases"])))
            if self.random.random() < 0.5:
                numbers = numbers[:1]
            return self.unpack_cases(by, container, numbers, self.random.choice((0, 0, 2)))[1]
        units = self._units_in(container, self.random.choice((1, 2)))
        return self.unpack_units(by, units) if units else None

    def _any_ship(self) -> Act | None:
        found = self._pick(ContainerState.HELD)
        if found is None:
            return None
        container, record = found
        sender = self.by_id[record["holder"]]
        receiver = self.random.choice([one for one in self.holders if one is not sender])
        back = record["returned"] or record["opened"] or self.random.random() < 0.15
        return self.ship(container, sender, receiver, self.random.choice((1, 3, 5)), back)

    def _at_a_shipment(self) -> Act | None:
        found = self._pick(ContainerState.IN_TRANSIT, ContainerState.REJECTED, ContainerState.MISSING)
        if found is None:
            return None
        container, record = found
        sender = self.by_id[record["holder"]]
        if record["state"] == ContainerState.MISSING:
            if self.random.random() < 0.5:
                return self.act(sender, "Custody", "end", container, UnitStatus.STOLEN, self.reference())
            return self.act(sender, "Custody", "confirmReturn", container)
        if record["state"] == ContainerState.REJECTED:
            function = self.random.choice(("confirmReturn", "confirmReturn", "reportMissing"))
            return self.act(sender, "Custody", function, container)
        receiver = self.by_id[record["receiver"]]
        choice = self.random.random()
        if choice < 0.55:
            return self.act(receiver, "Custody", "receiveShipment", container)
        if choice < 0.7:
            children = [one for one, other in self.state().items() if other["parent"] == container][:1]
            units = self._units_in(container, 2)
            share = self.random.choice((0, 5_000, 10_000))
            return self.receive_in_part(receiver, container, children, units, share)[1]
        if choice < 0.8:
            return self.act(receiver, "Custody", "reject", container, self.reference())
        if choice < 0.9:
            to = self.random.choice((self.carrier, self.wholesaler))
            carrier = self.custody.read("shipmentOf", container)["carrier"]
            by = sender if carrier == NOBODY else self.by_id[carrier]
            return self.act(by, "Custody", "handOver", container, to.id)
        return self.act(sender, "Custody", self.random.choice(("confirmReturn", "reportMissing")), container)

    def _about_units(self) -> Act | None:
        found = self._pick(ContainerState.HELD, outermost=False)
        at_pharmacies = [*self._held_by(self.pharmacy.id), *self._held_by(self.other_pharmacy.id)]
        if at_pharmacies and self.random.random() < 0.6:
            container = self.random.choice(at_pharmacies)
            found = container, self.state()[container]
        if found is None:
            return None
        units = self._units_in(found[0], 3)
        if not units:
            return None
        container, by = found[0], self.by_id[found[1]["holder"]]
        lot = next(one for one in self.lots if one.id == units[0][0])
        numbers = sorted(unit for of, unit, _ in units if of == lot.id)
        unit = numbers[0]
        status, suspect, _ = self.contract["LotRegistry"].read("unitOf", lot.id, unit)
        investigator = self.random.choice((by, by, self.regulator))
        if suspect:
            function = self.random.choice(("clear", "determineIllegitimate"))
            return self.act(investigator, "LotRegistry", function, lot.id, unit, self.reference())
        if status == UnitStatus.ILLEGITIMATE:
            return self.act(investigator, "LotRegistry", "recordNotice", lot.id, unit, self.reference())
        if status == UnitStatus.DISPENSED:
            return self.act(by, "LotRegistry", "undoDispense", lot.id, unit, container)
        choice = self.random.random()
        if choice < 0.3:
            return self.dispense(by, lot, unit, container)
        if choice < 0.45:
            return self.dispense_many(by, lot, [one for one in numbers if one >> DEPTH == unit >> DEPTH], container)
        if choice < 0.7:
            return self.end_units(by, lot, numbers, self.random.choice(ENDS), container)
        return self.suspect(investigator, lot, unit, container)

    def _ends_and_marks(self) -> Act | None:
        found = self._pick(ContainerState.HELD, outermost=False)
        if found is None:
            return None
        container, by = found[0], self.by_id[found[1]["holder"]]
        if found[1]["returned"]:
            return self.act(by, "Custody", "verifyReturn", container)
        choice = self.random.random()
        if choice < 0.3:
            return self.act(by, "Custody", "open", container)
        if choice < 0.5:
            return self.act(by, "Custody", "end", container, self.random.choice(ENDS), self.reference())
        return None

    def _about_lots(self) -> Act | None:
        choice, lot = self.random.random(), self.random.choice(self.lots)
        if choice < 0.3 and len(self.lots) < 9:
            return self.commission(self.new_lot(self.maker, self.random.choice((20, 400))))
        if choice < 0.5:
            return self.add_tranche(lot)
        if choice < 0.55:
            recall = self.random.choice(GRAVE)
            return self.act(self.random.choice((lot.maker, self.regulator)), "LotRegistry", "recall", lot.id, *recall)
        held = [one for one in self._held_by(self.repackager.id, True) if self.state()[one]["count"]]
        if held and len(self.lots) < 12:
            new = self.new_lot(self.repackager, 5)
            arguments = (new.reference, new.terms, new.trees[0].root, self.random.sample(held, 1))
            return self.act(self.repackager, "LotRegistry", "repackage", *arguments)
        return None

    def _about_loggers(self) -> Act | None:
        logger = self.random.choice(self.loggers)
        binding = self.contract["ColdChain"].read("bindingOf", logger.id)
        if binding["container"] == NOBODY:
            held = self._held_by(logger.operator.id)
            if not held:
                found = self._pick(ContainerState.IN_TRANSIT)
                held = [] if found is None else [found[0]]
            limits = self.random.choice((LIMITS, LIMITS, NO_LIMITS))
            if not held:
                return None
            return self.act(logger.operator, "ColdChain", "bindDevice", logger.id, self.random.choice(held), limits)
        if self.random.random() < 0.25:
            return self.act(logger.operator, "ColdChain", "unbindDevice", logger.id)
        return self.window(logger, self.random.choice((700, 700, 900)), self.random.random() < 0.9)

    def _about_orders(self) -> Act | None:
        buyer, seller = self.random.sample((self.wholesaler, self.pharmacy, self.other_pharmacy), 2)
        if not self.orders or self.random.random() < 0.3:
            return self.order(buyer, seller, self.random.choice((100, 999)) * MONEY, self.random.choice((2, 20)))[1]
        order = self.random.choice(list(self.orders)[-12:])
        status = self.contract["PurchaseEscrow"].read("orderOf", order)["status"]
        buyer, seller = self.orders[order]
        held = self._held_by(seller.id, True)
        if status == OrderStatus.OPEN and held and self.random.random() < 0.8:
            return self.ship_order(order, self.random.choice(held))
        function = self.random.choice(("refund", "concede", "payOut"))
        given = (self.token, buyer.key.address) if function == "payOut" else (order,)
        return self.act(self.random.choice((buyer, seller)), "PurchaseEscrow", function, *given)

    def _any_service(self) -> Act | None:
        devices = next(lot for lot in self.lots if lot.device)
        unit, part = self.random.sample(range(8), 2)
        by_part = (devices, part, NOBODY) if self.random.random() < 0.3 else None
        return self.service(self.maker, devices, unit, NOBODY, by_part)

    # ------------------------------------------------------------------ questions

    def units_asked(self) -> list[tuple[Lot, int]]:
        """Units spread over the lots, the same at each call."""
        chosen = Random(len(self.lots))
        found = [(lot, unit) for lot in self.lots for unit in range(2 * NUMBERS)]
        moved = [(lot, unit) for lot, unit in found if (lot.id, unit) in self.moved]
        return [*chosen.sample(found, UNITS_ASKED), *chosen.sample(moved, min(len(moved), UNITS_ASKED))]

    def answers(self, block: int) -> dict[Question, Any]:
        """What the contracts say at a block; of a shipment all but its day, which is that of what it was in too."""
        found = super().answers(block)
        for question, answer in found.items():
            if question[0] == "shipmentOf":
                del answer["day"]
        return found

    def questions(self) -> Iterator[Asked]:
        def ask(kind: str, function: str, *given: Any) -> Asked:
            return (function, *given), self.contract[kind], function, given

        containers = list(self.containers)
        for container in containers:
            for function in ("containerOf", "shipmentOf", "inHand"):
                yield ask("Custody", function, container)
        for lot, unit in self.units_asked():
            for container in (NOBODY, *self.random.sample(containers, 8), *self.likely(lot, unit)):
                yield ask("Custody", "find", lot.id, unit, container)
        for lot in self.lots:
            yield ask("LotRegistry", "lotOf", lot.id)
            for tranche in range(2):
                yield ask("LotRegistry", "rootOf", lot.id, tranche)
            for unit in range(0, 2 * NUMBERS, 1 if lot is self.lots[0] else 3):
                yield ask("LotRegistry", "unitOf", lot.id, unit)
                yield ask("LotRegistry", "investigationOf", lot.id, unit)
            yield ask("ColdChain", "limitsOf", lot.id)
            if lot.device:
                for unit in range(8):
                    yield ask("ServiceHistory", "headOf", lot.id, unit)
        for product in (PRODUCT, DEVICE_PRODUCT):
            for maker in self.holders:
                question: Question = ("isMakerOf", product, maker.id)
                yield question, self.contract["LotRegistry"], "isMakerOf", (to_padded(product), maker.id)
        for order in self.orders:
            yield ask("PurchaseEscrow", "orderOf", order)
        for member in self.holders:
            yield ask("PurchaseEscrow", "creditOf", member.id, self.token)
        for logger in (*self.loggers, self.later_logger):
            yield ask("ColdChain", "deviceOf", logger.id)
            yield ask("ColdChain", "bindingOf", logger.id)
        for function in ("lots", "coldChain", "escrow"):
            yield ask("Custody", function)

    def likely(self, lot: Lot, unit: int) -> list[str]:
        """The containers that may have a unit, or had it: those of its range, and where it was to be moved."""
        found = [
            one
            for one, record in self.state().items()
            if record["lot"] == lot.id and record["first"] <= unit < record["first"] + record["count"]
        ]
        return [*found, *self.moved.get((lot.id, unit), ())]

    def pack_of(self, lot: Lot, unit: int, container: str) -> tuple[Any, ...]:
        """What `verify` is asked about."""
        return (
            *(to_padded(lot.product), lot.maker.id, lot.reference, lot.expiry_day, unit, lot.inner(unit)),
            *(lot.proof(unit), container),
        )


WEIGHTS = (6, 14, 16, 14, 24, 12, 8, 5, 8, 6, 2)
"""Of the ways in `Stage._ways`."""

GRAVE = (
    (RecallClass.CLASS_III, RecallReason.MISLABELLING),
    (RecallClass.CLASS_I, RecallReason.CONTAMINATION),
)


def small_lot(stage: Stage) -> Lot:
    """The last lot of the opening that nothing else happens to."""
    return stage.lots[3]

"""The operations of serialization: what each prepares, and the one transaction or read whose gas counts."""

from __future__ import annotations

from careledger.chain.artifacts import artifact
from careledger.chain.contract import Contract
from careledger.chain.typed_data import typed_message
from careledger.contract_enums import Curve, MemberRole, RecallClass, RecallReason
from careledger.identity.identifiers import organization_id
from careledger.serialization import container_id, inner_hash, lot_id, unit_leaf
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from eth_abi import encode
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

MAKER, PHARMACY, CARRIER = "sundial-pharma", "corner-pharmacy", "northbound-freight"
DEPTH = 20
"""Of a lot of 1,000,000 units."""

EXPIRY_DAY = 22_500
LOT_TERMS = DEPTH << 16 | EXPIRY_DAY
DEADLINE = 1_950_000_000
TERMS = keccak(text="terms")
NOBODY = b"\0" * 12
PALLET, CASE_UNITS = 2_000, 50
PRICE = 50_000 * 10**6
WINDOW_SECONDS = 3_600
BINDING = 1_805_000_000
"""Unix seconds, after all that prepares. Windows follow it; the bytes of their signatures cost gas by their value."""
LIMITS = (200, 800, 600)
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
DEVICE = derive_private_key(int.from_bytes(keccak(text="a device for measurements"), "big") % P256_ORDER, SECP256R1())
WINDOW_TYPES = {
    "device": "bytes32",
    "container": "bytes12",
    "sequence": "uint32",
    "start": "uint40",
    "end": "uint40",
    "lowest": "int16",
    "highest": "int16",
    "mean": "int16",
    "root": "bytes32",
}


def text_hash(text):
    return keccak(text=text)


LOT_REFERENCE, SSCC, CASE_SSCC, ORDER_REFERENCE = map(text_hash, ("lot", "sscc", "case", "order"))


def lot():
    return lot_id(MAKER, LOT_REFERENCE)


def container(reference=SSCC, packer=MAKER):
    return container_id(packer, reference)


def signed_hash(message):
    """What EIP-712 has signed."""
    found = encode_typed_data(full_message=message)
    return keccak(b"\x19" + found.version + found.header + found.body)


class Tree:
    """A tranche of units, of which some are given and all others are made up level by level: a whole one takes 5 s."""

    def __init__(self, registry, chain_id, indices):
        self.levels = [{}]
        for index in indices:
            self.levels[0][index] = self.leaf(registry, chain_id, index)
        for level in range(DEPTH):
            below, above = self.levels[-1], {}
            for position in sorted(below):
                left = below.get(position & ~1) or self.filler(level, position & ~1)
                right = below.get(position | 1) or self.filler(level, position | 1)
                above[position >> 1] = keccak(left + right)
            self.levels.append(above)
        self.root = self.levels[-1][0]

    @staticmethod
    def inner(index):
        return inner_hash(f"SN{index:08}", text_hash("salt"))

    @staticmethod
    def filler(level, position):
        return text_hash(f"other units {level} {position}")

    def leaf(self, registry, chain_id, index):
        return unit_leaf(chain_id, registry, lot(), index, self.inner(index))

    def at(self, level, position):
        return self.levels[level].get(position) or self.filler(level, position)

    def proof(self, index):
        return [self.at(level, (index >> level) ^ 1) for level in range(DEPTH)]

    def multiproof(self, indices):
        proof, positions = [], list(indices)
        for level in range(DEPTH):
            above = []
            known = set(positions)
            for position in positions:
                if position ^ 1 not in known:
                    proof.append(self.at(level, position ^ 1))
                if position >> 1 not in above:
                    above.append(position >> 1)
            positions = above
        return proof


CONTIGUOUS = range(100, 150)
SCATTERED = range(0, 2_000, 40)


def prepare(scene):
    manager, registry = scene.manager.address, scene.registry.address
    scene.custody = create(scene, "Custody", manager, registry)
    scene.lots = create(scene, "LotRegistry", manager, registry, scene.custody.address)
    for contract, function, arguments in (
        (scene.custody, "setLots", (scene.lots.address,)),
        (scene.lots, "openToNewWork", ()),
    ):
        scene.schedule(contract, scene.admin, function, *arguments)
        scene.send(contract, scene.admin, function, *arguments)
    scene.escrow = create(scene, "PurchaseEscrow", registry, scene.custody.address)
    scene.cold = create(scene, "ColdChain", registry, scene.lots.address, scene.custody.address)
    for function, contract in (("setEscrow", scene.escrow), ("setColdChain", scene.cold)):
        scene.schedule(scene.custody, scene.admin, function, contract.address)
        scene.send(scene.custody, scene.admin, function, contract.address)
    scene.admit(MAKER, scene.key, roles=(MemberRole.MANUFACTURER, MemberRole.DEVICE_OPERATOR))
    scene.admit(PHARMACY, scene.other_key, roles=(MemberRole.DISPENSER,))
    scene.tree = Tree(scene.lots.address, scene.connection.chain_id, {*CONTIGUOUS, *SCATTERED, 1, 2, 100})
    commission(scene)


def create(scene, name, *arguments):
    receipt = scene.transact(scene.admin, None, artifact(name).creation_code(list(arguments)))
    return Contract(scene.connection, name, receipt.contract_address)


def commission(scene, reference=LOT_REFERENCE):
    return scene.send(scene.lots, scene.key, "commission", reference, LOT_TERMS, scene.tree.root)


def commission_lot(scene):
    return commission(scene, text_hash("another lot"))


def pack_2000(scene):
    return scene.send(scene.custody, scene.key, "packRange", SSCC, lot(), 0, PALLET, PALLET // CASE_UNITS)


def ship(scene):
    pack_2000(scene)
    receiver = organization_id(PHARMACY)
    return scene.send(scene.custody, scene.key, "ship", container(), receiver, NOBODY, DEADLINE, False, TERMS)


def receive(scene):
    ship(scene)
    return scene.send(scene.custody, scene.other_key, "receiveShipment", container())


def dispense(scene, index, within):
    proof = scene.tree.proof(index)
    return scene.send(scene.lots, scene.other_key, "dispense", lot(), index, within, scene.tree.inner(index), proof)


def receive_cases(scene):
    receive(scene)
    scene.send(scene.custody, scene.other_key, "unpackCases", container(), [CASE_SSCC], [0], 0)
    return container(CASE_SSCC, PHARMACY)


def dispense_first(scene):
    return dispense(scene, 1, receive_cases(scene))


def dispense_later(scene):
    case = receive_cases(scene)
    dispense(scene, 1, case)
    return dispense(scene, 2, case)


def dispense_50(scene, indices):
    receive(scene)
    inners, proof = [scene.tree.inner(index) for index in indices], scene.tree.multiproof(indices)
    arguments = (lot(), container(), list(indices), inners, proof)
    return scene.send(scene.lots, scene.other_key, "dispenseMany", *arguments) // len(indices)


def dispense_50_per_unit(scene):
    return dispense_50(scene, CONTIGUOUS)


def dispense_50_scattered_per_unit(scene):
    return dispense_50(scene, SCATTERED)


def open_order(scene):
    token = scene.deploy("StableToken")
    scene.transact(scene.admin, token, scene.encode("StableToken", "mint", scene.other_key.address, PRICE))
    scene.transact(scene.other_key, token, scene.encode("StableToken", "approve", scene.escrow.address, PRICE))
    arguments = (ORDER_REFERENCE, organization_id(MAKER), token, PRICE, DEADLINE)
    return scene.send(scene.escrow, scene.other_key, "openOrder", *arguments)


def ship_with_escrow(scene):
    open_order(scene)
    pack_2000(scene)
    buyer = bytes.fromhex(organization_id(PHARMACY)[2:])
    order = keccak(encode(["bytes12", "bytes32"], [buyer, ORDER_REFERENCE]))
    return scene.send(scene.custody, scene.key, "shipOrder", container(), buyer, NOBODY, DEADLINE, TERMS, order)


def receive_with_escrow(scene):
    ship_with_escrow(scene)
    return scene.send(scene.custody, scene.other_key, "receiveShipment", container())


def bind_device(scene):
    pack_2000(scene)
    numbers = DEVICE.public_key().public_numbers()
    coordinates = [number.to_bytes(32, "big") for number in (numbers.x, numbers.y)]
    scene.send(scene.cold, scene.key, "registerDevice", Curve.P256, *coordinates)
    operator = bytes.fromhex(organization_id(MAKER)[2:])
    types = ["bytes12", "uint8", "bytes32", "bytes32"]
    device = keccak(encode(types, [operator, Curve.P256, *coordinates]))
    scene.wait(BINDING - scene.now())
    scene.send(scene.cold, scene.key, "bindDevice", device, container(), LIMITS)
    return device, scene.now()


def record_window(scene, device, sequence, start, highest=700):
    scene.wait(WINDOW_SECONDS)
    window = (device, container(), sequence, start, start + WINDOW_SECONDS, 310, highest, 480, text_hash("readings"))
    message = typed_message(
        "ColdChain",
        scene.connection.chain_id,
        scene.cold.address,
        "Window",
        **{name: (kind, value) for (name, kind), value in zip(WINDOW_TYPES.items(), window, strict=True)},
    )
    digest = signed_hash(message)
    r, s = decode_dss_signature(DEVICE.sign(digest, ECDSA(Prehashed(SHA256()), deterministic_signing=True)))
    signature = r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")
    return scene.send(scene.cold, scene.other_key, "recordWindow", window, signature)


def cold_window_first(scene):
    device, start = bind_device(scene)
    return record_window(scene, device, 1, start)


def cold_window(scene):
    device, start = bind_device(scene)
    record_window(scene, device, 1, start)
    return record_window(scene, device, 2, start + WINDOW_SECONDS)


def cold_window_with_excursion(scene):
    device, start = bind_device(scene)
    return record_window(scene, device, 1, start, highest=900)


def recall(scene):
    return scene.send(scene.lots, scene.key, "recall", lot(), RecallClass.CLASS_I, RecallReason.CONTAMINATION)


OPERATIONS = [
    (name, globals()[name])
    for name in (
        "commission_lot",
        "pack_2000",
        "ship",
        "receive",
        "dispense_first",
        "dispense_later",
        "dispense_50_per_unit",
        "dispense_50_scattered_per_unit",
        "recall",
        "open_order",
        "ship_with_escrow",
        "receive_with_escrow",
        "cold_window_first",
        "cold_window",
        "cold_window_with_excursion",
    )
]

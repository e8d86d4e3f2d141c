"""Ids of lots and containers, against the formulas of the contracts and against wrong input."""

from __future__ import annotations

import pytest
from careledger.errors import InvalidInput
from careledger.serialization import container_id, lot_id, lot_reference, sscc_reference
from eth_abi.abi import encode
from eth_utils.crypto import keccak

SALT = bytes(range(32))
MAKER = "sundial-pharma"
MAKER_ID = keccak(text=MAKER)[:12]


def padded(text: str) -> bytes:
    return text.encode().ljust(32, b"\0")


def test_a_lot_s_reference_is_the_contract_s() -> None:
    tag = keccak(text="careledger.serialization.lot-reference.v1")
    words = [tag, padded("gtin:00300010000018"), padded("L-0042"), SALT]
    assert lot_reference("gtin:00300010000018", "L-0042", SALT) == keccak(encode(["bytes32"] * 4, words))


@pytest.mark.parametrize("organization", [MAKER, "0x" + MAKER_ID.hex()])
def test_ids_are_the_contracts(organization: str) -> None:
    reference = keccak(text="reference")
    for made, name in ((lot_id(organization, reference), "lot"), (container_id(organization, reference), "container")):
        tag = keccak(text=f"careledger.serialization.{name}.v1")
        assert made == "0x" + keccak(encode(["bytes32", "bytes12", "bytes32"], [tag, MAKER_ID, reference]))[:12].hex()


def test_lot_numbers_that_look_alike_are_two() -> None:
    made = {lot_reference("gtin:00300010000018", number, SALT) for number in ("0012", "12", "1e5", "100000")}
    assert len(made) == 4


def test_an_sscc_is_blinded_by_its_salt() -> None:
    sscc = "106141412345678908"
    assert sscc_reference(sscc, SALT) != sscc_reference(sscc, bytes(32))


@pytest.mark.parametrize(
    "sscc", ["106141412345678909", "10614141234567890", "10614141234567890A", "", "\uff1106141412345678908"]
)
def test_what_is_no_sscc_is_refused(sscc: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        sscc_reference(sscc, SALT)
    assert (caught.value.name, caught.value.value) == ("SSCC", sscc)


def test_a_salt_has_32_bytes() -> None:
    with pytest.raises(InvalidInput, match="31 bytes"):
        lot_reference("gtin:00300010000018", "L-0042", SALT[1:])
    with pytest.raises(InvalidInput, match="33 bytes"):
        sscc_reference("106141412345678908", SALT + b"1")

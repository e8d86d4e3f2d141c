"""What the wheel carries of the contracts."""

from __future__ import annotations

import dataclasses

import pytest
from careledger.chain.artifacts import Artifact, artifact, artifact_names
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

REGISTRY = artifact("OrganizationRegistry")
IMMUTABLE = {
    position
    for spans in REGISTRY.immutables.values()
    for start, length in spans
    for position in range(start, start + length)
}


def changed(code: bytes, position: int, change: int) -> bytes:
    return code[:position] + bytes([code[position] ^ change]) + code[position + 1 :]


def test_the_registry_has_immutables() -> None:
    assert IMMUTABLE
    assert max(IMMUTABLE) < len(REGISTRY.runtime)


@given(st.binary(min_size=len(IMMUTABLE), max_size=len(IMMUTABLE)))
def test_code_matches_whatever_its_immutables_hold(values: bytes) -> None:
    code = bytearray(REGISTRY.runtime)
    for position, value in zip(sorted(IMMUTABLE), values, strict=True):
        code[position] = value
    assert REGISTRY.matches(bytes(code))


@given(st.sampled_from(sorted(set(range(len(REGISTRY.runtime))) - IMMUTABLE)), st.integers(1, 255))
def test_code_with_one_other_byte_does_not_match(position: int, change: int) -> None:
    assert not REGISTRY.matches(changed(REGISTRY.runtime, position, change))


@pytest.mark.parametrize("name", artifact_names())
def test_no_other_contract_s_code_matches(name: str) -> None:
    made_from = artifact(name)
    if not made_from.runtime:
        assert not made_from.bytecode
        return
    matching = [
        other for other in artifact_names() if artifact(other).runtime and artifact(other).matches(made_from.runtime)
    ]
    assert matching == [name]
    assert not made_from.matches(b"")
    assert not made_from.matches(made_from.runtime[:-1])
    assert not made_from.matches(made_from.runtime + b"\0")


def test_creation_code_ends_with_the_arguments() -> None:
    address = "0x" + 40 * "1"
    code = REGISTRY.creation_code([address, 60])
    assert code.startswith(REGISTRY.bytecode)
    assert code[len(REGISTRY.bytecode) :] == bytes.fromhex(address[2:]).rjust(32, b"\0") + (60).to_bytes(32, "big")
    without = dataclasses.replace(REGISTRY, abi=[])
    assert without.creation_code([]) == REGISTRY.bytecode


def test_the_bytecode_hash_is_the_creation_code_s() -> None:
    assert REGISTRY.bytecode_hash == "0x" + keccak(REGISTRY.bytecode).hex()


def test_selectors_are_those_of_the_signatures() -> None:
    assert REGISTRY.selector("expel") == keccak(text="expel(bytes12,uint8)")[:4]
    expected = keccak(text="admit((string,address,uint32,uint40,bytes32,(bytes32,bytes32)[],uint8))")[:4]
    assert REGISTRY.selector("admit") == expected


def test_a_name_that_the_wheel_does_not_carry_is_refused() -> None:
    for name in ("Escrow", "../pyproject", ""):
        with pytest.raises(KeyError):
            artifact(name)
    with pytest.raises(KeyError, match="OrganizationRegistry has no function mint"):
        REGISTRY.function("mint")


def test_an_artifact_is_read_once() -> None:
    assert artifact("OrganizationRegistry") is REGISTRY
    assert isinstance(REGISTRY, Artifact)

"""The table of codes as a tree: against OpenZeppelin's, both ways, and against forgery."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from careledger.authorization.class_tree import NO_CODES, ClassTree, class_leaf, is_class_of
from careledger.authorization.code_systems import CPT, HCPCS, Code
from careledger.errors import InvalidInput
from hypothesis import given
from hypothesis import strategies as st

SCRIPT = Path(__file__).resolve().parents[2] / "vectors" / "authorization" / "class_tree.js"

codes = st.dictionaries(
    st.builds(Code, st.sampled_from([CPT, HCPCS, "https://example.org/é"]), st.text("AG019", min_size=1, max_size=6)),
    st.integers(1, 2**16 - 1),
    min_size=1,
    max_size=30,
)


def javascript(request: object) -> Any:
    ran = subprocess.run(["node", str(SCRIPT)], input=json.dumps(request), capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def enhex(value: bytes) -> str:
    return "0x" + value.hex()


def table(count: int) -> dict[Code, int]:
    return {Code(HCPCS, f"G{i:04}"): i % 7 + 1 for i in range(count)}


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 101])
def test_openzeppelin_makes_the_same_root_and_proofs(count: int) -> None:
    tree = ClassTree(table(count))
    entries = [[code.system, code.code, number] for code, number in table(count).items()]
    built = javascript({"build": entries})
    assert enhex(tree.root) == built["root"]
    proofs = [[enhex(node) for node in tree.proof(code)] for code in table(count)]
    assert proofs == built["proofs"]
    wrong = [[system, code, number + 1] for system, code, number in entries]
    for asked, expected in ((entries, True), (wrong, False)):
        items = [
            {"root": built["root"], "entry": entry, "proof": proof} for entry, proof in zip(asked, proofs, strict=True)
        ]
        assert javascript({"verify": items}) == [expected] * count


@given(codes)
def test_every_code_is_in_its_class_and_in_no_other(table: dict[Code, int]) -> None:
    tree = ClassTree(table)
    for code, number in table.items():
        proof = tree.proof(code)
        assert is_class_of(tree.root, code, number, proof)
        assert not is_class_of(tree.root, code, number % (2**16 - 1) + 1, proof)
        assert not is_class_of(tree.root, Code(code.system, code.code + "X"), number, proof)
        assert not is_class_of(tree.root, Code(code.system + "X", code.code), number, proof)
        assert not is_class_of(tree.root, code, number, [*proof, tree.root])


@given(codes, st.randoms())
def test_the_order_of_the_table_does_not_matter(table: dict[Code, int], chance: Any) -> None:
    items = list(table.items())
    chance.shuffle(items)
    assert ClassTree(dict(items)).root == ClassTree(table).root


def test_a_table_without_codes_has_no_root() -> None:
    assert ClassTree({}).root == NO_CODES
    with pytest.raises(InvalidInput, match="is in no class"):
        ClassTree({}).proof(Code(CPT, "1"))


def test_what_is_no_class_or_not_in_the_table_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is in no class"):
        ClassTree(table(3)).proof(Code(CPT, "G0001"))
    for number in (0, 2**16, -1):
        with pytest.raises(InvalidInput, match="class"):
            class_leaf(Code(CPT, "1"), number)

"""Which service is in which benefit class: a table of codes, and the root of its Merkle tree that a policy publishes.

The tree is OpenZeppelin's StandardMerkleTree over `(string system, string code, uint16 class)` with its leaves sorted,
so that a table has one root in whatever order it is written. The root hides nothing from who has a list of the codes;
that each code is in the class that both sides agreed on is what it binds. The proofs stay between the two sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter

from eth_abi.abi import encode
from tiny_keccak import keccak256

from careledger.anchoring.merkle import MerkleTree, leads_to
from careledger.authorization.code_systems import Code
from careledger.errors import InvalidInput

__all__ = ["NO_CODES", "ClassTree", "class_leaf", "is_class_of"]

TYPES = ("string", "string", "uint16")
CLASS_LIMIT = 2**16
NO_CODES = bytes(32)
"""The root of a table without codes."""


class ClassTree:
    """The tree of a table. `codes` are under their systems' one names, see `CodeSystems`.

    Raises InvalidInput for a class that is not 1 to 65535.
    """

    def __init__(self, codes: Mapping[Code, int]) -> None:
        leaves = sorted(((class_leaf(code, number), code) for code, number in codes.items()), key=itemgetter(0))
        self._index = {code: index for index, (_, code) in enumerate(leaves)}
        self._tree = MerkleTree.of_hashed(b"".join(leaf for leaf, _ in leaves)) if leaves else None

    @property
    def root(self) -> bytes:
        """32 bytes, `NO_CODES` if there are none."""
        return self._tree.root if self._tree else NO_CODES

    def proof(self, code: Code) -> list[bytes]:
        """That the code is in its class: what `is_class_of` takes. Raises InvalidInput for a code not in the table."""
        if self._tree is None or code not in self._index:
            raise InvalidInput("code", str(code), "is in no class of this policy")
        return self._tree.proof(self._index[code])


def class_leaf(code: Code, benefit_class: int) -> bytes:
    """The leaf of a code in a class, 32 bytes. Raises InvalidInput for a class that is not 1 to 65535."""
    if not 0 < benefit_class < CLASS_LIMIT:
        raise InvalidInput("class", str(benefit_class), f"must be 1 to {CLASS_LIMIT - 1}")
    return keccak256(keccak256(encode(TYPES, [code.system, code.code, benefit_class])))


def is_class_of(root: bytes, code: Code, benefit_class: int, proof: Sequence[bytes]) -> bool:
    """Whether a policy with this class root has the code in the class.

    Raises InvalidInput for a class out of range, and for a root or an item of the proof that is not 32 bytes.
    """
    return leads_to(root, class_leaf(code, benefit_class), proof)

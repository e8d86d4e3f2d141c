"""Made the frozen receipts, and makes those of a new version. What is there already is never written again.

.venv/bin/python tests/vectors/receipts/generate.py
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "python"))

from anchoring.receipt_stage import KIND, Stage, set_stage  # noqa: E402
from careledger.anchoring.canonical import Canonicalization  # noqa: E402
from careledger.anchoring.disclosure import FieldTree  # noqa: E402
from careledger.anchoring.messages import anchoring_message  # noqa: E402
from careledger.anchoring.receipt import Receipt  # noqa: E402
from careledger.anchoring.types import DisputeReason, RevocationReason, Terms  # noqa: E402
from careledger.chain.typed_data import compact_signature  # noqa: E402
from conftest import STARTS  # noqa: E402
from eth_utils.crypto import keccak  # noqa: E402
from identity.suite import DAY, deploy_suite, new_key, travel  # noqa: E402

LETTER = b"Discharge summary. Any resemblance to a real letter is none.\n"
FHIR = b'{"resourceType": "Patient", "id": "example", "meta": {"versionId": "1"}, "active": true}\n'

Made = tuple[str, str, bytes, Receipt, str]
"""Name, the document's file, its content, the receipt, and the answer."""


def receipts(stage: Stage) -> Iterator[Made]:
    """One of every kind, on one chain."""
    suite = stage.suite
    soon = suite.soon
    single = stage.anchor(LETTER)
    yield "single", "letter.txt", LETTER, stage.proved(single), "active"
    yield "no-state-proof", "letter.txt", LETTER, stage.anchor(LETTER), "could not check"
    subject = stage.anchor(LETTER, subject=new_key().address, kind=2)
    yield "subject", "letter.txt", LETTER, stage.proved(subject), "active"
    yield "nobody", "letter.txt", LETTER, stage.proved(stage.anchor(LETTER, organization="0x" + 24 * "0")), "active"
    fhir = stage.anchor(FHIR, canonicalization=Canonicalization.FHIR_JSON_STATIC)
    yield "fhir", "patient.json", FHIR, stage.proved(fhir), "active"
    stream = stage.anchor(LETTER, stream="0x" + keccak(text="a stream").hex())
    yield "stream", "letter.txt", LETTER, stage.proved(stream), "active"
    yield "signed", "letter.txt", LETTER, stage.proved(signed(stage)), "active"
    tree = FieldTree.of(FHIR)
    fields = stage.anchor(b"", canonicalization=Canonicalization.JSON_FIELDS, digest="0x" + tree.digest.hex())
    disclosure = tree.disclose("active", "resourceType").to_json().encode()
    yield "fields", "disclosure.json", disclosure, stage.proved(fields), "active"
    batch = stage.batch([b"%d" % number for number in range(300)])
    batch[7] = stage.proved(batch[7])
    yield "batch", "seven.txt", b"7", batch[7], "active"
    stage.send("revokeLeaves", batch[0].location.root, 1, 1 << 290 - 256, RevocationReason.WRONG_SUBJECT)
    yield "leaf-revoked", "two-hundred-ninety.txt", b"290", stage.proved(batch[290]), "revoked"
    other = stage.batch([LETTER, FHIR], expiry=soon)
    successor = stage.draft(LETTER)["leaf"]
    stage.send("amend", other[0].location.to_abi(), successor, Terms(KIND, 0).pack(), 1)
    yield "superseded", "letter.txt", LETTER, stage.proved(other[0]), "superseded"
    disputed = stage.anchor(LETTER)
    stage.send("dispute", disputed.location.to_abi(), DisputeReason.INACCURATE, bytes(32))
    yield "disputed", "letter.txt", LETTER, stage.proved(disputed), "disputed"
    revoked = stage.anchor(LETTER)
    stage.send("revoke", revoked.leaf, RevocationReason.ENTERED_IN_ERROR)
    yield "revoked", "letter.txt", LETTER, stage.proved(revoked), "revoked"
    expiring = stage.anchor(LETTER, expiry=soon)
    yield "expiring", "letter.txt", LETTER, stage.proved(expiring), "active"
    travel(suite.connection, 2 * DAY)
    yield "expired", "letter.txt", LETTER, stage.proved(expiring), "expired"


def signed(stage: Stage) -> Receipt:
    connection = stage.suite.connection
    at, deadline = connection.block_time(), stage.suite.soon
    draft = stage.draft(LETTER, signed_at=at)
    terms = Terms(KIND).pack()
    message = anchoring_message(connection.chain_id, stage.anchors.address, draft["leaf"], terms, at, deadline)
    signature = compact_signature(stage.key.sign_typed_data(message))
    sent = stage.send(
        "anchorBySignature",
        stage.key.address,
        draft["leaf"],
        terms,
        at,
        deadline,
        signature,
        signer=stage.suite.stranger,
    )
    return stage.finish(draft, sent)


def main() -> None:
    table_file = HERE / "receipts.json"
    table = json.loads(table_file.read_text()) if table_file.exists() else {}
    for chain in ("anvil", "ganache"):
        with STARTS[chain]() as connection:
            for kind, document, content, receipt, answer in receipts(set_stage(deploy_suite(connection))):
                name = f"{chain}-{kind}"
                if name in table or (chain == "ganache" and kind not in ("single", "batch", "leaf-revoked")):
                    continue
                if kind == "fields":
                    document = f"{chain}-{document}"  # its salts are new each time
                (HERE / document).write_bytes(content)
                (HERE / f"{name}.receipt.json").write_bytes(receipt.dump())
                proof = receipt.state_proof
                table[name] = {
                    "document": document,
                    "contract": receipt.contract,
                    "trusted_block_hash": receipt.block_hash if proof is None else proof.block_hash,
                    "answer": answer,
                }
    table_file.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()

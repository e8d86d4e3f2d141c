"""The intake and the desk: called by themselves they know no request, and store in the same places as the contract."""

from __future__ import annotations

import json
import os

import ape
import pytest
from careledger.chain.artifacts import artifact
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from web3.exceptions import ContractPanicError

from ..support import ROOT, refusal, send
from .payer import UNIT
from .requests import (
    ANSWER,
    LINE,
    QUESTION,
    REASON,
    Line,
    LineStatus,
    approved,
    information_requested,
    pended,
    read,
)

PARTS = "PriorAuthorization", "AuthorizationIntake", "AuthorizationDesk"
MAX_SIZE = 24_576


@pytest.fixture(scope="module")
def layouts():
    """Where each of the three keeps what, by the pinned compiler."""
    os.environ["SOLCX_BINARY_PATH"] = str(ROOT / ".solc")
    import solcx

    folder = ROOT / "contracts" / "authorization"
    output = solcx.compile_standard(
        {
            "language": "Solidity",
            "sources": {
                f"contracts/authorization/{name}.sol": {"urls": [str(folder / f"{name}.sol")]} for name in PARTS
            },
            "settings": {
                "remappings": ["@openzeppelin/contracts=node_modules/@openzeppelin/contracts"],
                "outputSelection": {"*": {"*": ["storageLayout"]}},
            },
        },
        solc_version="0.8.37",
        allow_paths=str(ROOT),
        base_path=str(ROOT),
    )
    compiled = {name: item for source in output["contracts"].values() for name, item in source.items()}
    return {name: compiled[name]["storageLayout"] for name in PARTS}


def places(layout):
    """What is where: slot, offset, name and the shape of the type, without the compiler's numbers for types."""

    def shape(kind):
        known = layout["types"][kind]
        members = [(one["label"], one["slot"], one["offset"], shape(one["type"])) for one in known.get("members", [])]
        inner = [shape(known[part]) for part in ("key", "value", "base") if part in known]
        return known["label"], known["numberOfBytes"], members, inner

    return [(one["slot"], one["offset"], one["label"], shape(one["type"])) for one in layout["storage"]]


def test_parts_keep_everything_in_the_same_place(layouts):
    first, *others = (places(layouts[name]) for name in PARTS)
    assert first
    assert {label for _, _, label, _ in first} >= {"_requests", "_lines", "_opinions", "_records", "_underWay"}
    for other in others:
        assert json.dumps(other) == json.dumps(first)


def test_no_two_variables_share_a_place(layouts):
    taken = {}
    for variable in layouts["PriorAuthorization"]["storage"]:
        size = int(layouts["PriorAuthorization"]["types"][variable["type"]]["numberOfBytes"])
        begin = int(variable["slot"]) * 32 + variable["offset"]
        for byte in range(begin, begin + size):
            assert taken.setdefault(byte, variable["label"]) == variable["label"]


def test_decisions_are_never_numbered_anew(office, layouts):
    """The last number of 16 bits is followed by a revert: a review of the first could be sent again else."""
    request = pended(office)
    base = next(int(one["slot"]) for one in layouts["PriorAuthorization"]["storage"] if one["label"] == "_lines")
    key = keccak(encode(["bytes12", "bytes32"], [office.provider.id, request]))
    slot = keccak(encode(["uint256", "bytes32"], [0, keccak(encode(["bytes32", "uint256"], [key, base]))]))
    web3 = ape.networks.provider.web3
    word = int.from_bytes(web3.eth.get_storage_at(office.authorizations.address, slot), "big")
    full = word | (2**16 - 1) << 32
    place = [office.authorizations.address, "0x" + slot.hex(), f"0x{full:064x}"]
    ape.networks.provider.make_request("anvil_setStorageAt", place)
    state = office.state(request)
    assert (state.sequence, state.status, state.milli_units) == (2**16 - 1, LineStatus.PENDED, 5 * UNIT)
    method, signed = office.authorizations.review, office.review(request)
    with pytest.raises(ContractPanicError):
        web3.eth.call({"to": office.authorizations.address, "data": method.encode_input(*signed)})


@pytest.mark.parametrize("name", PARTS)
def test_parts_fit(name):
    assert len(artifact(name).runtime) < MAX_SIZE


def test_parts_called_by_themselves_know_no_request(office):
    """A request of the contract's is none of theirs, and nothing that they are called for reaches the ledger."""
    grant, asked, waiting = approved(office), information_requested(office), pended(office)
    intake, desk, provider = office.intake, office.desk, office.provider.id
    signed = office.review(waiting, domain={"verifyingContract": desk.address})
    calls = [
        (intake.update, office.amendment(grant, (0, Line())), office.key, "ReplaceableClosed"),
        (intake.submit, office.submission(), office.key, "ReplaceableClosed"),
        (intake.cancel, [grant, 1], office.key, "PriorAuthorizationUnknown"),
        (intake.verifyCoverage, [provider, grant, office.eligibility()], office.key, "PriorAuthorizationUnknown"),
        (desk.supplyInformation, [asked, 0, ANSWER, []], office.key, "PriorAuthorizationUnknown"),
        (desk.appeal, [grant, 0, 1, False, 0, LINE], office.key, "PriorAuthorizationUnknown"),
        (desk.review, signed, office.sender, "PriorAuthorizationUnknown"),
        (desk.review, office.review(waiting), office.sender, "PriorAuthorizationInvalidSignature"),
        (desk.requestInformation, [provider, waiting, 0, QUESTION], office.insurer_key, "PriorAuthorizationUnknown"),
        (desk.extendDeadline, [provider, waiting, 0, REASON], office.insurer_key, "PriorAuthorizationUnknown"),
        (desk.markOverdue, [provider, waiting, 0], office.sender, "PriorAuthorizationUnknown"),
    ]
    for method, arguments, sender, error in calls:
        assert refusal(method, *arguments, sender=sender)[0] == error
    assert send(intake.cancel, grant, 0, sender=office.key).logs == []
    assert office.status(grant) == LineStatus.APPROVED


def test_parts_opened_by_themselves_reserve_nothing(office, payer_admin):
    """Even the insurer's admin, who could open the intake itself, makes no grants with it."""
    send(office.intake.openToNewWork, sender=payer_admin)
    domain = {"verifyingContract": office.intake.address}
    call = office.submission(eligibility=office.eligibility(**domain))
    found = refusal(office.intake.submit, *call, sender=office.key)
    assert found == ("SingleWriterNotWriter", office.intake.address, office.authorizations.address)
    call = office.submission(eligibility=office.eligibility())
    assert refusal(office.intake.submit, *call, sender=office.key)[0] == "PriorAuthorizationInvalidSignature"
    assert office.balance() == (0, 0)


def test_parts_have_no_work_and_no_settlement(office):
    for part in (office.intake, office.desk):
        assert part.workUnderWay() == 0
        assert not part.isOpenToNewWork()
        assert not part.halted()


def test_parts_take_part_in_nothing_while_unknown(office):
    """Reads of what is unknown are zero."""
    request = office.request_id()
    assert tuple(office.authorizations.requestOf(office.provider.id, request)) == (0, 0, bytes(8))
    assert set(read(office.authorizations.lineOf, office.provider.id, request, 0)) == {0, bytes(16)}
    assert office.authorizations.insurer() == office.policy.insurer()
    assert office.authorizations.settlement() == office.settlement.address

"""The metrics of docs/authorization-metrics.md a second time, from a node's raw logs.

    python recomputed_metrics.py URL START END ADDRESS...

It asks for `eth_getLogs` and block times, decodes with eth_abi what the contracts' sources declare, and counts by the
page. It shares nothing with careledger: no import, no generated file, no structure. It prints JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import urllib.request
from collections import Counter, defaultdict
from fractions import Fraction

from eth_abi import decode
from eth_utils import keccak

HOUR, DAY = 3600, 86400
DECISION = (
    "(uint16,uint8,uint8,uint16,uint16,uint40,uint40,uint48,uint64,uint64,uint64,uint16,uint16,uint40,uint16,address,"
    "bytes12,bytes32)"
)
TERMS = "(uint32,uint32,uint16,bool,uint64,uint64,uint64,bytes32,bytes32)"
RULE = (
    "(uint16,(uint8,uint16,uint16,uint16,uint16,uint16,uint64,uint40,uint40,uint64,uint64,uint32,uint16,uint16),"
    "(uint64,uint64,uint64,uint16,uint16,uint8,uint16,uint40,uint32,uint16))"
)
CLAIM_LINE = "(bytes32,uint8,uint16,uint40,uint64)"
ADJUDICATION = "(uint64,uint64,uint64,uint64,uint64,uint64,uint64,uint16)"
DECLARED = {
    # name: how many values are indexed, and the types of all
    "RequestSubmitted": (2, "bytes12 bytes32 address uint8 uint16 uint40 bool bool bytes32"),
    "LineDecided": (2, f"bytes12 bytes32 uint8 {DECISION}"),
    "LineSuperseded": (2, "bytes12 bytes32 uint8 uint8"),
    "LineCancelled": (2, "bytes12 bytes32 uint8"),
    "DeadlineExtended": (2, "bytes12 bytes32 uint8 uint40 uint16"),
    "LineOverdue": (2, "bytes12 bytes32 uint8 uint40"),
    "LineAppealed": (2, "bytes12 bytes32 uint8 bool uint40 uint40 bytes32"),
    "AppealDecided": (2, "bytes12 bytes32 uint8 uint8 uint16 address bytes12 bytes32"),
    "ClaimPended": (3, f"bytes12 bytes32 bytes32 {CLAIM_LINE} uint8"),
    "ClaimAdjudicated": (3, f"bytes12 bytes32 bytes32 {CLAIM_LINE} uint8 uint8 {ADJUDICATION} bytes12"),
    "ClaimDuplicate": (3, "bytes12 bytes32 bytes32 uint64"),
    "ClaimReversed": (2, "bytes12 bytes32 uint64 uint16 address bytes12"),
    "ProviderCredited": (2, "bytes32 bytes12 uint64 uint64"),
    "VersionDrafted": (1, f"uint16 {TERMS}"),
    "RuleAdded": (1, f"uint16 {RULE}"),
    "VersionSealed": (1, "uint16 bytes32 uint16"),
    "ProviderEnrolled": (3, "bytes12 uint32 uint16 uint40 uint32 address address"),
    "EnrolmentEnded": (2, "bytes12 uint32 uint40 bytes12"),
}
TOPICS = {
    "0x" + keccak(text=f"{name}({types.replace(' ', ',')})").hex(): (name, indexed, types.split(" "))
    for name, (indexed, types) in DECLARED.items()
}
NOBODY = bytes(12)
IN_FULL, IN_PART, DENIED, PENDED, MODIFIED, NOT_REQUIRED = range(1, 7)
OVERDUE = 20
UPHELD, OVERTURNED = 2, 3
CLAIM_DENIED = 4
CLAIM_PAID = {2, 3, 5, 6}


def ask(url, calls):
    body = [{"jsonrpc": "2.0", "id": i, "method": m, "params": p} for i, (m, p) in enumerate(calls)]
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        found = {one["id"]: one["result"] for one in json.load(answer)}
    return [found[i] for i in range(len(calls))]


def read(url, addresses):
    """Every declared event: time, contract, name, values."""
    query = {"address": addresses, "fromBlock": "0x0", "toBlock": "latest"}
    (logs,) = ask(url, [("eth_getLogs", [query])])
    logs.sort(key=lambda log: (int(log["blockNumber"], 16), int(log["logIndex"], 16)))
    numbers = sorted({log["blockNumber"] for log in logs})
    times = {}
    for i in range(0, len(numbers), 100):
        some = numbers[i : i + 100]
        for number, block in zip(some, ask(url, [("eth_getBlockByNumber", [n, False]) for n in some]), strict=True):
            times[number] = int(block["timestamp"], 16)
    for log in logs:
        if log["topics"][0] not in TOPICS:
            continue
        name, indexed, types = TOPICS[log["topics"][0]]
        data = b"".join(bytes.fromhex(topic[2:]) for topic in log["topics"][1:])
        values = list(decode(types[:indexed], data)) + list(decode(types[indexed:], bytes.fromhex(log["data"][2:])))
        yield times[log["blockNumber"]], log["address"], name, values


def recompute(url, start, end, addresses):
    def inside(time):
        return time is not None and start <= time < end

    requests, lines, claims, credited = {}, {}, {}, {}
    versions, enrolled, duplicates = {}, defaultdict(list), 0
    for time, contract, name, v in read(url, addresses):
        if time >= end:
            break
        if name == "RequestSubmitted":
            requests[contract, v[0], v[1]] = {"received": v[5], "expedited": v[6], "shadow": v[7]}
        elif name == "LineDecided":
            decision = v[3]
            if decision[0] == 1:
                request = requests[contract, v[0], v[1]]
                due = decision[13] or request["received"] + (72 * HOUR if request["expedited"] else 7 * DAY)
                lines[contract, v[0], v[1], v[2]] = {**request, "in": time, "due": due, "class": decision[3]}
            line = lines[contract, v[0], v[1], v[2]]
            if decision[1] != PENDED and "action" not in line:
                keys = ("action", "basis", "reason", "reviewer", "at")
                line.update(zip(keys, (decision[1], decision[2], decision[14], decision[16], time), strict=True))
        elif name in ("LineSuperseded", "LineCancelled"):
            lines[contract, v[0], v[1], v[2]]["ended"] = time
        elif name == "DeadlineExtended":
            lines[contract, v[0], v[1], v[2]].update(extended=True, due=v[3])
        elif name == "LineOverdue":
            line = lines[contract, v[0], v[1], v[2]]
            if "action" not in line:
                line["marked"] = time
        elif name == "LineAppealed":
            lines[contract, v[0], v[1], v[2]]["appealed"] = time
        elif name == "AppealDecided":
            lines[contract, v[0], v[1], v[2]].update(outcome=v[3], settled=time)
        elif name == "ClaimPended":
            claims[v[2]] = {"in": time}
        elif name == "ClaimAdjudicated":
            claim = claims.setdefault(v[2], {"in": time})
            if "status" not in claim:
                adjudication = v[6]
                claim.update(status=v[4], at=time, carc=adjudication[7], charge=adjudication[0])
                claim.update(paid=adjudication[1], reviewer=v[7])
            elif v[4] in CLAIM_PAID:
                claim["later"] = time
        elif name == "ClaimDuplicate":
            duplicates += inside(time)
        elif name == "ClaimReversed":
            claims[v[1]]["reversed"] = time
        elif name == "ProviderCredited":
            credited[v[0]] = time
        elif name == "VersionDrafted":
            versions[contract, v[0]] = {"shadow": v[1][3], "rules": [], "sealed": False}
        elif name == "RuleAdded":
            versions[contract, v[0]]["rules"].append(v[1])
        elif name == "VersionSealed":
            versions[contract, v[0]]["sealed"] = True
        elif name == "ProviderEnrolled":
            enrolled[contract, v[0], v[1]].append([v[3], v[2]])
        elif name == "EnrolmentEnded":
            place = contract, v[0], v[1]
            enrolled[place] = [one for one in enrolled[place] if one[0] < v[2]] + [[v[2], None]]

    binding = [line for line in lines.values() if not line["shadow"]]
    asked = [line for line in binding if line.get("action") != NOT_REQUIRED]
    by_urgency = [urgency([line for line in asked if line["expedited"] is kind], inside, end) for kind in (False, True)]
    claimed = settled(claims, credited, duplicates, inside)
    wrong = sum(one["appeals_overturned"] for one in by_urgency) + claimed["reversed"] + claimed["paid_after_denial"]
    return {
        "period": {"start": start, "end": end},
        "shadow": False,
        "excluded": [],
        "services": services(versions, enrolled, start, end),
        "not_required": sum(line.get("action") == NOT_REQUIRED and inside(line["in"]) for line in binding),
        "standard": by_urgency[0],
        "expedited": by_urgency[1],
        "claims": claimed,
        "corrected": of(wrong, sum(one["determined"] for one in by_urgency) + claimed["decided"]),
    }


def of(numerator, denominator):
    return {"numerator": numerator, "denominator": denominator}


def spread(seconds):
    seconds = list(seconds)
    middle = statistics.median([Fraction(one) for one in seconds]) if seconds else 0
    return {"count": len(seconds), "total": sum(seconds), "median_twice": int(2 * middle)}


def urgency(lines, inside, end):
    done = [line for line in lines if inside(line.get("at"))]
    open_ = [line for line in lines if "action" not in line and "ended" not in line]
    outcomes = Counter(line["outcome"] for line in lines if inside(line.get("settled")))
    denials = Counter((line["basis"], line["reason"]) for line in done if line["action"] == DENIED)

    def share(test):
        return of(sum(1 for line in done if test(line)), len(done))

    return {
        "received": sum(inside(line["in"]) for line in lines),
        "determined": len(done),
        "approved": share(lambda line: line["action"] == IN_FULL),
        "approved_in_part": share(lambda line: line["action"] in (IN_PART, MODIFIED)),
        "denied": share(lambda line: line["action"] == DENIED),
        "approved_after_appeal": of(outcomes[OVERTURNED], outcomes[OVERTURNED] + outcomes[UPHELD]),
        "extended_and_approved": share(lambda line: line.get("extended") and line["action"] != DENIED),
        "time_to_determination": spread(line["at"] - line["received"] for line in done),
        "automatic": share(lambda line: line["reviewer"] == NOBODY and line["basis"] != OVERDUE),
        "by_default": share(lambda line: line["basis"] == OVERDUE),
        "late": share(lambda line: line["at"] > line["due"]),
        "marked_overdue": sum(inside(line.get("marked")) for line in lines),
        "pending": len(open_),
        "overdue": sum(line["due"] < end - 1 for line in open_),
        "withdrawn": sum("action" not in line and inside(line.get("ended")) for line in lines),
        "appeals": sum(inside(line.get("appealed")) for line in lines),
        "appeals_upheld": outcomes[UPHELD],
        "appeals_overturned": outcomes[OVERTURNED],
        "denials": [
            {"basis": basis, "reason": reason, "count": count} for (basis, reason), count in sorted(denials.items())
        ],
    }


def settled(claims, credited, duplicates, inside):
    done = [claim for claim in claims.values() if inside(claim.get("at"))]
    denials = Counter(claim["carc"] for claim in done if claim["status"] == CLAIM_DENIED)

    def share(test):
        return of(sum(1 for claim in done if test(claim)), len(done))

    return {
        "submitted": sum(inside(claim["in"]) for claim in claims.values()),
        "duplicates": duplicates,
        "decided": len(done),
        "paid": share(lambda claim: claim["status"] in CLAIM_PAID),
        "denied": share(lambda claim: claim["status"] == CLAIM_DENIED),
        "automatic": share(lambda claim: claim["reviewer"] == NOBODY),
        "reversed": sum(inside(claim.get("reversed")) for claim in claims.values()),
        "paid_after_denial": sum(
            inside(claim.get("later")) and claim["status"] == CLAIM_DENIED for claim in claims.values()
        ),
        "time_to_decision": spread(claim["at"] - claim["in"] for claim in done),
        "time_to_credit": spread(time - claims[key]["in"] for key, time in credited.items() if inside(time)),
        "charged": sum(claim["charge"] for claim in done),
        "paid_amount": sum(claim["paid"] for claim in done),
        "denials": [{"carc": carc, "count": count} for carc, count in sorted(denials.items())],
    }


def services(versions, enrolled, start, end):
    found = defaultdict(set)
    for (contract, _, _), steps in enrolled.items():
        for i, (begins, version) in enumerate(steps):
            ends = steps[i + 1][0] if i + 1 < len(steps) else None
            if version is None or begins >= end or (ends is not None and (ends <= start or ends <= begins)):
                continue
            terms = versions[contract, version]
            if terms["shadow"] or not terms["sealed"]:
                continue
            for number, rule, _ in terms["rules"]:
                if rule[1] & 1 and rule[4] * DAY < end and (rule[5] + 1) * DAY > start:
                    found[number].add(version)
    return [{"class": number, "versions": sorted(numbers)} for number, numbers in sorted(found.items())]


if __name__ == "__main__":
    print(json.dumps(recompute(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]), indent=2))

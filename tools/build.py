"""Compiles the contracts with the pinned compiler and writes what the wheel carries of them.

    python tools/build.py            write python/careledger/abi/*.json and python/careledger/contract_*.py
    python tools/build.py --check    write nothing; fail if what is committed is stale

The compiler's input is the same, to the letter, as Ape's, so that both give one bytecode.
"""

from __future__ import annotations

import hashlib
import json
import keyword
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
os.environ["SOLCX_BINARY_PATH"] = str(ROOT / ".solc")

import solcx  # noqa: E402  (reads the variable above when imported)
from eth_utils.abi import (  # noqa: E402
    collapse_if_tuple,
    event_signature_to_log_topic,
    function_signature_to_4byte_selector,
)

ABI_DIR = ROOT / "python" / "careledger" / "abi"
ERRORS_FILE = ROOT / "python" / "careledger" / "contract_errors.py"
ENUMS_FILE = ROOT / "python" / "careledger" / "contract_enums.py"
EVENTS_FILE = ROOT / "python" / "careledger" / "contract_events.py"
SOLC_VERSION = "0.8.37"
LIBRARY = "node_modules/@openzeppelin/contracts"
ACCESS_MANAGER = f"{LIBRARY}/access/manager/AccessManager.sol"

# The enums that callers see, by the source that declares them.
ENUMS = {
    "contracts/anchoring/IDocumentAnchor.sol": [
        "DocumentStatus",
        "RevocationReason",
        "AmendmentReason",
        "DisputeReason",
    ],
    "contracts/authorization/BenefitRule.sol": ["Coverage", "Pricing"],
    "contracts/authorization/ClaimRecord.sol": ["ClaimStatus", "Finding"],
    "contracts/authorization/IAuthorizationRecords.sol": ["LineStatus", "AppealStatus", "Action", "Basis"],
    "contracts/authorization/ICoveragePolicy.sol": ["VersionStatus"],
    "contracts/identity/IOrganizationRegistry.sol": ["Standing", "KeyStatus", "Reason"],
    "contracts/identity/Roles.sol": ["MemberRole"],
    "contracts/serialization/IColdChain.sol": ["Curve"],
    "contracts/serialization/ICustody.sol": ["ContainerState"],
    "contracts/serialization/ILotRegistry.sol": ["RecallClass", "RecallReason", "PackFinding"],
    "contracts/serialization/LotTerms.sol": ["LotKind"],
    "contracts/serialization/IServiceHistory.sol": ["ServiceKind"],
    "contracts/serialization/IPurchaseEscrow.sol": ["OrderStatus"],
    "contracts/serialization/UnitCells.sol": ["UnitStatus"],
}

# What the wheel carries: contracts that careledger deploys, and interfaces that it calls.
PUBLISHED = [
    "AccessManager",
    "AuthorizationDesk",
    "AuthorizationIntake",
    "ClaimSettlement",
    "ColdChain",
    "CoveragePolicy",
    "Custody",
    "DocumentAnchor",
    "Haltable",
    "InsurerVault",
    "LotRegistry",
    "OrganizationRegistry",
    "PriorAuthorization",
    "PurchaseEscrow",
    "RehearsalLedger",
    "RehearsalWork",
    "Replaceable",
    "ReviewPanel",
    "ServiceHistory",
    "SingleWriter",
    "UnitLedger",
]

# Carried too, for the demo: a token that anybody makes. Its errors and events are nobody's to catch.
CARRIED = ["StableToken"]

# OpenZeppelin documents these for Solidity programmers; this is what they mean to who made the call.
LIBRARY_NOTICES = {
    "AccessManagedUnauthorized": "Thrown when the caller holds no role that may call this.",
    "AccessManagerAlreadyScheduled": "Thrown when the same call is scheduled already.",
    "AccessManagerExpired": "Thrown when a scheduled call was not made within a week of its time; schedule it again.",
    "AccessManagerNotReady": "Thrown when a scheduled call is made before its time.",
    "AccessManagerNotScheduled": "Thrown when the caller has to schedule this call first: see `governance schedule`.",
    "AccessManagerUnauthorizedAccount": "Thrown when the account does not hold the role that the manager asks for.",
    "AccessManagerUnauthorizedCall": "Thrown when the caller may not schedule or execute this call, or not so soon.",
    "AccessManagerUnauthorizedCancel": "Thrown when the caller is neither who scheduled it, nor its guardian or admin.",
}

PYTHON_TYPES = {"address": "str", "bool": "bool", "string": "str"}
IMPORT = re.compile(r"""^\s*import\s[^;]*?["']([^"']+)["'];""", re.MULTILINE)


def sources() -> dict[str, dict[str, str]]:
    """The project's contracts and all that they import, keyed as Ape keys them: paths from the project's root."""
    found: dict[str, dict[str, str]] = {}
    queue = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "contracts").rglob("*.sol"))]
    queue.append(ACCESS_MANAGER)
    while queue:
        name = queue.pop()
        if name in found:
            continue
        text = (ROOT / name).read_text()
        found[name] = {"content": text}
        for imported in IMPORT.findall(text):
            if imported.startswith("."):
                queue.append((ROOT / name).parent.joinpath(imported).resolve().relative_to(ROOT).as_posix())
            else:
                queue.append(imported.replace("@openzeppelin/contracts", LIBRARY, 1))
    return dict(sorted(found.items()))


def compiled(found: dict[str, dict[str, str]], settings: dict[str, Any]) -> dict[str, Any]:
    """The compiler's output for sources. Raises SystemExit with its errors, as it words them: solcx would show all that
    went in and came out."""
    standard_json = {"language": "Solidity", "sources": found, "settings": settings}
    try:
        output: dict[str, Any] = solcx.compile_standard(standard_json, solc_version=SOLC_VERSION)
    except solcx.exceptions.SolcError as error:
        errors = [one["formattedMessage"] for one in error.error_dict or [] if one["severity"] == "error"]
        raise SystemExit("\n".join(errors) or f"build: {error.message}: {error.stderr_data or ''}") from None
    return output


def compile_all() -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Compiles; returns the outputs by contract name, and the syntax trees of the enums that callers see. Instead of
    the numbers of its immutables, a contract has their names."""
    output = compiled(
        sources(),
        {
            "optimizer": {"enabled": True, "runs": 10000},
            "evmVersion": "shanghai",
            "remappings": [f"@openzeppelin/contracts={LIBRARY}"],
            "outputSelection": {
                "*": {
                    "": ["ast"],
                    "*": [
                        "abi",
                        "userdoc",
                        "evm.bytecode.object",
                        "evm.deployedBytecode.object",
                        "evm.deployedBytecode.immutableReferences",
                        "evm.methodIdentifiers",
                    ],
                },
            },
        },
    )
    contracts = {name: item for source in output["contracts"].values() for name, item in source.items()}
    names = {
        str(node["id"]): node["name"]
        for source in output["sources"].values()
        for contract in source["ast"]["nodes"]
        for node in contract.get("nodes", [])
        if node.get("mutability") == "immutable"
    }
    for contract in contracts.values():
        deployed = contract["evm"]["deployedBytecode"]
        named = [(names[number], spans) for number, spans in deployed.get("immutableReferences", {}).items()]
        deployed["immutableReferences"] = dict(sorted(named))
        if len(named) != len(deployed["immutableReferences"]):
            raise SystemExit(f"build: two immutables of one name: {sorted(name for name, _ in named)}")
    enums = [
        node
        for source, names in ENUMS.items()
        for node in enum_nodes(output["sources"][source]["ast"])
        if node["name"] in names
    ]
    return contracts, enums


def enum_nodes(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """The enum definitions of a source, at file level and inside its contracts."""
    found = []
    for node in tree["nodes"]:
        if node["nodeType"] == "EnumDefinition":
            found.append(node)
        elif node["nodeType"] == "ContractDefinition":
            found += enum_nodes(node)
    return found


def artifact(name: str, contract: dict[str, Any]) -> dict[str, Any]:
    """What the wheel carries of one contract."""
    deployed = contract["evm"]["deployedBytecode"]
    return {
        "contractName": name,
        "compiler": f"solc {SOLC_VERSION}, optimizer 10000 runs, evm shanghai",
        "abi": contract["abi"],
        "bytecode": "0x" + contract["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + deployed["object"],
        "immutables": {
            name: sorted([span["start"], span["length"]] for span in spans)
            for name, spans in deployed["immutableReferences"].items()
        },
    }


def declared(contracts: dict[str, dict[str, Any]], kind: str) -> dict[str, tuple[str, list[dict[str, Any]], str]]:
    """The published contracts' errors or events: signature -> name, inputs, NatSpec notice."""
    found: dict[str, tuple[str, list[dict[str, Any]], str]] = {}
    for contract in (contracts[name] for name in PUBLISHED):
        notices = contract.get("userdoc", {}).get(f"{kind}s", {})
        for entry in contract["abi"]:
            if entry["type"] != kind:
                continue
            signature = f"{entry['name']}({','.join(map(collapse_if_tuple, entry['inputs']))})"
            notice = notices.get(signature, {})
            if isinstance(notice, list):
                notice = next((text for text in notice if "notice" in text), {})
            found[signature] = (
                entry["name"],
                flattened(entry["inputs"]),
                (LIBRARY_NOTICES.get(entry["name"]) or notice.get("notice", "")).strip(),
            )
    names = [name for name, _, _ in found.values()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SystemExit(f"build: one {kind} name with two signatures: {', '.join(twice)}")
    return dict(sorted(found.items()))


def flattened(inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An error's or event's values, with the fields of a struct in its place: they are encoded alike.

    Where two have one name, that of the later one's struct goes before it.
    """
    found: list[dict[str, Any]] = []
    for field in inputs:
        parts = field.get("components")
        if parts is None:
            found.append(field)
            continue
        if field["type"] != "tuple" or any(part["type"].endswith(("]", "string", "bytes")) for part in parts):
            raise SystemExit(
                f"build: {field['name']} is of no fixed size; an event or error takes only structs that are"
            )
        known = {other["name"] for other in found}
        for part in flattened(parts):
            name = part["name"]
            if name in known:
                name = field["name"] + name[0].upper() + name[1:]
            found.append({**part, "name": name, "indexed": field.get("indexed", False)})
    return found


def module(doc: str, imports: list[str], names: list[str], body: list[str], path: Path) -> str:
    """A generated module's text, formatted."""
    exported = [f'    "{name}",' for name in sorted(names)]
    source = "\n".join(
        [doc, "", "from __future__ import annotations", "", *imports, "", "__all__ = [", *exported, "]", *body, ""]
    )
    return subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(path), "-"],
        input=source,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def fields(inputs: list[dict[str, Any]]) -> list[str]:
    """The types of an error's or event's values, then its dataclass fields in Python's spelling."""
    enums = ", ".join(f"{i}: {enum_name(field)}" for i, field in enumerate(inputs) if enum_name(field))
    return [
        f"    TYPES: ClassVar[tuple[str, ...]] = {tuple(field['type'] for field in inputs)!r}",
        *([f"    ENUMS: ClassVar[dict[int, type[IntEnum]]] = {{{enums}}}"] if enums else []),
        *(f"    {snake_case(field['name'])}: {enum_name(field) or python_type(field['type'])}" for field in inputs),
    ]


def enum_name(field: dict[str, Any]) -> str:
    """The enum of a value, if it is one that callers see."""
    name = str(field.get("internalType", "")).removeprefix("enum ").rpartition(".")[2]
    return name if name in {known for names in ENUMS.values() for known in names} else ""


def enums_used(items: dict[str, tuple[str, list[dict[str, Any]], str]]) -> list[str]:
    """The enums among the values of errors or events."""
    return sorted({name for _, inputs, _ in items.values() for field in inputs if (name := enum_name(field))})


def enum_module(nodes: list[dict[str, Any]]) -> str:
    """One IntEnum for each enum that callers see."""
    body: list[str] = []
    for node in sorted(nodes, key=lambda item: str(item["name"])):
        notice = node.get("documentation", {}).get("text", node["name"])
        text = re.sub(r"\s+", " ", notice.replace("@notice", "")).strip()
        indent = "    "
        body += ["", "", f"class {node['name']}(IntEnum):"]
        body += [*textwrap.wrap(f'"""{text}"""', 112, initial_indent=indent, subsequent_indent=indent), ""]
        body += [f"    {snake_case(member['name']).upper()} = {i}" for i, member in enumerate(node["members"])]
    return module(
        '"""The enums of the contracts, by their Solidity names. Generated by `make build`: do not edit."""',
        ["from enum import IntEnum"],
        [str(node["name"]) for node in nodes],
        body,
        ENUMS_FILE,
    )


def snake_case(name: str) -> str:
    spelled = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), name)
    return f"{spelled}_" if keyword.iskeyword(spelled) else spelled


def error_module(contracts: dict[str, dict[str, Any]]) -> str:
    """One exception for each custom error of the published contracts."""
    errors = declared(contracts, "error")
    body: list[str] = []
    selectors: dict[str, str] = {}
    for signature, (name, inputs, notice) in errors.items():
        selector = "0x" + function_signature_to_4byte_selector(signature).hex()
        selectors[selector] = name
        summary = re.sub(r"^Thrown when ", "", notice)
        body += ["", "", "@dataclass(eq=False)", f"class {name}(ContractError):"]
        body += [f'    """{notice or f"`{signature}`"}"""', ""]
        body += [f'    SELECTOR: ClassVar[str] = "{selector}"', f"    SUMMARY: ClassVar[str] = {json.dumps(summary)}"]
        body += fields(inputs)
    body += ["", "", "BY_SELECTOR: dict[str, type[ContractError]] = {"]
    body += [f'    "{selector}": {name},' for selector, name in sorted(selectors.items())]
    body += ["}"]
    return module(
        '"""The custom errors of the contracts as exceptions. Generated by `make build`: do not edit.\n\n'
        'Addresses are checksummed text, `bytesN` 0x-prefixed text, integers `int`, enums from `contract_enums`.\n"""',
        [
            "from dataclasses import dataclass",
            "from enum import IntEnum",
            "from typing import ClassVar",
            "",
            f"from careledger.contract_enums import {', '.join(enums_used(errors))}",
            "from careledger.errors import ContractError",
        ],
        [*(name for name, _, _ in errors.values()), "BY_SELECTOR"],
        body,
        ERRORS_FILE,
    )


def event_module(contracts: dict[str, dict[str, Any]]) -> str:
    """One frozen dataclass for each event of the published contracts."""
    events = declared(contracts, "event")
    body = ["", "", "class ContractEvent:", '    """The base of all events."""', "", "    TOPIC: ClassVar[str]"]
    body += ["    TYPES: ClassVar[tuple[str, ...]]", "    ENUMS: ClassVar[dict[int, type[IntEnum]]] = {}"]
    body += ["    INDEXED: ClassVar[tuple[bool, ...]]"]
    topics: dict[str, str] = {}
    for signature, (name, inputs, notice) in events.items():
        topic = "0x" + event_signature_to_log_topic(signature).hex()
        topics[topic] = name
        body += ["", "", "@dataclass(frozen=True)", f"class {name}(ContractEvent):"]
        body += [f'    """{notice or f"`{signature}`"}"""', ""]
        body += [f'    TOPIC: ClassVar[str] = "{topic}"']
        body += [f"    INDEXED: ClassVar[tuple[bool, ...]] = {tuple(field['indexed'] for field in inputs)!r}"]
        body += fields(inputs)
    body += ["", "", "BY_TOPIC: dict[str, type[ContractEvent]] = {"]
    body += [f'    "{topic}": {name},' for topic, name in sorted(topics.items())]
    body += ["}"]
    return module(
        '"""The events of the contracts. Generated by `make build`: do not edit.\n\n'
        'Addresses are checksummed text, `bytesN` 0x-prefixed text, integers `int`, enums from `contract_enums`.\n"""',
        [
            "from dataclasses import dataclass",
            "from enum import IntEnum",
            "from typing import ClassVar",
            "",
            f"from careledger.contract_enums import {', '.join(enums_used(events))}",
        ],
        [*(name for name, _, _ in events.values()), "BY_TOPIC", "ContractEvent"],
        body,
        EVENTS_FILE,
    )


def python_type(solidity: str) -> str:
    """The Python type of a decoded value."""
    if array := re.match(r"^(.*)\[\d*\]$", solidity):
        return f"tuple[{python_type(array[1])}, ...]"
    if solidity.startswith(("uint", "int")):
        return "int"
    return PYTHON_TYPES.get(solidity, "str")


def main() -> int:
    contracts, enums = compile_all()
    wanted = {
        ABI_DIR / f"{name}.json": json.dumps(artifact(name, contracts[name]), indent=1) + "\n"
        for name in (*PUBLISHED, *CARRIED)
    }
    wanted[ENUMS_FILE] = enum_module(enums)
    wanted[ERRORS_FILE] = error_module(contracts)
    wanted[EVENTS_FILE] = event_module(contracts)
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    stale += [path for path in ABI_DIR.glob("*.json") if path not in wanted]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"stale: {path.relative_to(ROOT)}; run `make build` and commit", file=sys.stderr)
        return 1 if stale else 0
    ABI_DIR.mkdir(parents=True, exist_ok=True)
    for path in stale:
        if path in wanted:
            path.write_text(wanted[path])
        else:
            path.unlink()
    digest = hashlib.sha256("".join(wanted[path] for path in sorted(wanted)).encode()).hexdigest()
    print(f"build: {len(contracts)} contracts compiled, {len(stale)} files written, digest {digest[:16]}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The trees and the tests correspond: every leaf names a test that is there, every function that changes something has
a tree."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
from careledger.chain.artifacts import artifact

HERE = Path(__file__).parent
TREES = sorted(HERE.rglob("*.tree"))
LINE = re.compile(r"^(?P<indent>(?:│   |    )*)(?:├── |└── )(?P<text>.+)$")
LEAF = re.compile(r"^it .+: (?P<test>test_\w+)$")
CONTRACTS = {
    "identity": ("OrganizationRegistry", "Haltable", "Replaceable", "SingleWriter"),
    "anchoring": ("DocumentAnchor",),
    "authorization": (
        "CoveragePolicy",
        "UnitLedger",
        "ReviewPanel",
        "PriorAuthorization",
        "ClaimSettlement",
        "InsurerVault",
    ),
    "serialization": ("LotRegistry", "Custody", "PurchaseEscrow", "ColdChain", "ServiceHistory"),
}
"""Folder of tests -> the contracts that they are about."""

OPENZEPPELINS = (
    "AccessManaged",
    "AddressEmptyCode",
    "AuthorityUpdated",
    "Checkpoint",
    "EIP712",
    "FailedCall",
    "InvalidShortString",
    "ReentrancyGuard",
    "SafeERC20",
    "StringTooLong",
)
"""How the errors and events that are not ours begin."""

FILES_OUTSIDE_THE_TREES = {"test_access.py", "test_custody_reads.py", "test_reads.py", "test_parts.py"}
"""Files whose tests are not all about one function that changes something."""

OUTSIDE_THE_TREES = {
    "test_grants.py::test_grant_is_the_line_in_one_word",
    "test_keys.py::test_domain_is_readable_on_chain",
    "test_replaceable.py::test_begin_reverts_if_the_task_is_taken",
    "test_replaceable.py::test_end_of_a_task_reverts_for_another_organization",
    "test_replaceable.py::test_task_is_counted_once_for_ever",
}
"""Tests of reads and of the rehearsal's own functions, which have no tree."""


def lines_of(tree: Path) -> list[tuple[int, str]]:
    """A tree's lines below its title, with their depth."""
    found = []
    for line in tree.read_text().splitlines()[1:]:
        match = LINE.match(line)
        assert match, f"{tree.name}: {line!r} is no line of a tree"
        found.append((len(match["indent"]) // 4, match["text"]))
    return found


def function_of(tree: Path) -> str:
    """The function that a tree is about. Of two contracts' functions with one name, a tree's name says which."""
    return tree.stem.rpartition(".")[2]


def functions_in(folder: Path) -> dict[str, str]:
    """The names of the test functions in a folder -> their file."""
    return {
        node.name: path.name
        for path in folder.glob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def leaves_of(tree: Path) -> list[str]:
    """The tests that a tree's leaves name."""
    return [match["test"] for _, text in lines_of(tree) if (match := LEAF.match(text))]


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.stem)
def test_every_leaf_names_a_test(tree):
    present = functions_in(tree.parent)
    assert [name for name in leaves_of(tree) if name not in present] == []


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.stem)
def test_every_branch_ends_in_a_leaf(tree):
    lines = lines_of(tree)
    for (depth, text), (next_depth, _) in zip(lines, [*lines[1:], (0, "")], strict=True):
        if text.startswith("it "):
            assert LEAF.match(text), f"{text!r} names no test"
            assert next_depth <= depth, f"{text!r} has branches"
        else:
            assert text.startswith(("given ", "when ")), f"{text!r} is neither given, when nor it"
            assert next_depth == depth + 1, f"{text!r} ends without a leaf"


def test_every_test_of_a_change_is_a_leaf():
    tests = set()
    for folder in CONTRACTS:
        named = {name for tree in TREES if tree.parent.name == folder for name in leaves_of(tree)}
        tests |= {
            f"{file}::{name}"
            for name, file in functions_in(HERE / folder).items()
            if file not in FILES_OUTSIDE_THE_TREES and name not in named
        }
    assert tests == OUTSIDE_THE_TREES


def test_every_tree_is_in_a_folder_of_contracts():
    assert {tree.parent for tree in TREES} == {HERE / folder for folder in CONTRACTS}


@pytest.mark.parametrize("folder", CONTRACTS)
def test_no_two_tests_of_a_folder_share_a_name(folder):
    """Else a leaf would name both, or a module one that pytest never runs."""
    names = [
        node.name
        for path in (HERE / folder).glob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert [name for name, times in Counter(names).items() if times > 1] == []


@pytest.mark.parametrize("folder", CONTRACTS)
def test_every_function_that_changes_something_has_a_tree(folder):
    changing = {
        entry["name"]
        for contract in CONTRACTS[folder]
        for entry in artifact(contract).abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    assert changing - {"setAuthority"} == {function_of(tree) for tree in TREES if tree.parent.name == folder}


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.stem)
def test_tree_is_titled_by_its_function(tree):
    assert tree.read_text().splitlines()[0] == tree.stem


@pytest.mark.parametrize("folder", CONTRACTS)
@pytest.mark.parametrize("kind", ["error", "event"])
def test_every_error_and_event_of_ours_is_asserted(folder, kind):
    declared = {
        entry["name"] for contract in CONTRACTS[folder] for entry in artifact(contract).abi if entry["type"] == kind
    }
    ours = {name for name in declared if not name.startswith(OPENZEPPELINS)}
    tests = "".join(path.read_text() for path in (HERE / folder).glob("*.py"))
    assert ours
    assert {name for name in ours if not re.search(rf'"{name}["(]', tests)} == set()

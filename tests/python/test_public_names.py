"""The public surface: what `careledger` exports, and the tree of errors."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from importlib import resources

import careledger
import pytest
from careledger import contract_errors, errors
from careledger.errors import CareLedgerError, ContractError

MODULES = [
    module.name
    for module in pkgutil.walk_packages(careledger.__path__, "careledger.")
    if not module.name.endswith("__main__")
]
TREE_LINE = re.compile(r"^\s{4}(?P<bars>[│ ]*)(?:[├└]── )?(?P<name>[A-Z]\w+)")


def tree() -> dict[str, str | None]:
    """Class name -> parent's name, as the docstring of `careledger.errors` draws it."""
    found: dict[str, str | None] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = TREE_LINE.match(line)
        if match and ("──" in line or not path):
            depth = 0 if "──" not in line else (line.index("──") - 5) // 4 + 1
            path[depth:] = [match["name"]]
            found[match["name"]] = path[depth - 1] if depth else None
    return found


def test_the_public_names_are_these() -> None:
    assert careledger.__all__ == [
        "Admission",
        "CareLedger",
        "CareLedgerError",
        "Identifier",
        "MemberRole",
        "Reason",
        "Standing",
        "__version__",
    ]


@pytest.mark.parametrize("module", ["careledger", *MODULES])
def test_every_exported_name_is_there(module: str) -> None:
    loaded = importlib.import_module(module)
    names = getattr(loaded, "__all__", [])
    assert len(names) == len(set(names))
    for name in names:
        assert hasattr(loaded, name), f"{module}.{name}"


def test_the_package_is_typed() -> None:
    assert resources.files("careledger").joinpath("py.typed").is_file()


def test_every_error_stands_in_the_tree_under_its_parent() -> None:
    drawn = tree()
    defined = {
        name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, CareLedgerError)
    }
    assert drawn.keys() == defined.keys() == set(errors.__all__)
    for name, kind in defined.items():
        assert drawn[name] == (None if kind is CareLedgerError else kind.__bases__[0].__name__)


@pytest.mark.parametrize(
    "name",
    sorted(
        set(errors.__all__)
        - {"AnchoringError", "AuthorizationError", "CareLedgerError", "ChainError", "ContractError"}
        - {"DeploymentError", "IndexerError", "OutboxError", "ReceiptError", "SealedBundleError", "SerializationError"}
    ),
)
def test_an_error_has_fields_and_says_them(name: str) -> None:
    kind = getattr(errors, name)
    fields = dataclasses.fields(kind)
    assert fields
    values = {field.name: 7 if "int" in str(field.type) else f"<{field.name}>" for field in fields}
    error = kind(**values)
    assert error.fields() == values
    said = [value for value in values.values() if str(value) in str(error)]
    assert said or f"{next(iter(values.values())):02x}" in str(error)
    assert kind.__doc__


def test_every_contract_error_is_a_contract_error_with_its_own_selector() -> None:
    kinds = set(contract_errors.BY_SELECTOR.values())
    assert all(issubclass(kind, ContractError) for kind in kinds)
    assert len(kinds) == len(contract_errors.BY_SELECTOR)
    exported = {name for name in contract_errors.__all__ if name != "BY_SELECTOR"}
    assert {kind.__name__ for kind in kinds} <= exported

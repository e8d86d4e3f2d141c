"""What `make build` says of sources that do not compile."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BROKEN = "// SPDX-License-Identifier: MIT\npragma solidity ^0.8.0;\ncontract Broken { uint256 x = y; }\n"


def test_an_error_of_the_compiler_is_shown_alone() -> None:
    sys.path.insert(0, str(ROOT))
    from tools import build  # says where the compiler is

    fine = {"Fine.sol": {"content": BROKEN.replace("Broken", "Fine").replace("= y", "")}}
    broken = {"Broken.sol": {"content": BROKEN}}
    settings = {"outputSelection": {"*": {"*": ["abi"]}}}
    assert "Fine" in build.compiled(fine, settings)["contracts"]["Fine.sol"]
    with pytest.raises(SystemExit) as ended:
        build.compiled({**fine, **broken}, settings)
    said = str(ended.value.code)
    assert said.startswith("DeclarationError: Undeclared identifier.")
    assert "Broken.sol:3" in said
    assert len(said) < 300

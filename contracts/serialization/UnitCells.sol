// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @notice What became of a unit, apart from where it is. `InSupply` is every unit of which nothing else was said.
enum UnitStatus {
    InSupply,
    Dispensed,
    Destroyed,
    Decommissioned,
    Stolen,
    Exported,
    Illegitimate,
    Repackaged
}

/// @notice Sixteen units of a lot in one slot, 16 bits each. From the lowest: 3 bits of status, 1 bit for suspect, 12
/// bits for the day of that status, counted from the lot's commissioning.
type UnitCells is uint256;

using UnitCellsLibrary for UnitCells global;

/// @title UnitCellsLibrary
/// @notice Reads and changes units' cells.
library UnitCellsLibrary {
    uint256 private constant CELL_BITS = 16;
    uint256 private constant CELL = (1 << CELL_BITS) - 1;
    uint256 private constant STATUS = 7;
    uint256 private constant SUSPECT = 1 << 3;
    uint256 private constant DAY_SHIFT = 4;

    /// @dev The last day that a cell can count.
    uint256 internal constant LAST_DAY = (1 << 12) - 1;

    function cellOf(UnitCells self, uint256 index) internal pure returns (uint256) {
        return (UnitCells.unwrap(self) >> ((index & 15) * CELL_BITS)) & CELL;
    }

    function withCell(UnitCells self, uint256 index, UnitStatus status, uint256 day) internal pure returns (UnitCells) {
        return _with(self, index, uint256(status) | (day << DAY_SHIFT));
    }

    function withSuspect(UnitCells self, uint256 index, bool suspect) internal pure returns (UnitCells) {
        uint256 cell = cellOf(self, index);
        return _with(self, index, suspect ? cell | SUSPECT : cell & ~SUSPECT);
    }

    function statusOf(uint256 cell) internal pure returns (UnitStatus) {
        return UnitStatus(cell & STATUS);
    }

    function isSuspect(uint256 cell) internal pure returns (bool) {
        return cell & SUSPECT != 0;
    }

    function dayOf(uint256 cell) internal pure returns (uint256) {
        return cell >> DAY_SHIFT;
    }

    function _with(UnitCells self, uint256 index, uint256 cell) private pure returns (UnitCells) {
        uint256 shift = (index & 15) * CELL_BITS;
        return UnitCells.wrap((UnitCells.unwrap(self) & ~(CELL << shift)) | (cell << shift));
    }
}

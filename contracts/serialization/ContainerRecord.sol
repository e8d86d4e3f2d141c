// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "../identity/OrganizationId.sol";
import {ContainerId} from "./ContainerId.sol";
import {ICustody} from "./ICustody.sol";
import {LotId} from "./LotId.sol";
import {UnitStatus} from "./UnitCells.sol";

/// @notice A container in one storage slot. From the lowest bit:
///
/// | bits | field | bits | field |
/// |---|---|---|---|
/// | 96 | place: a container or an organization; in transit, the receiver | 1 | casesOut: some were taken out |
/// | 96 | lot; zero if mixed | 1 | unitsOut: some were taken out |
/// | 20 | first | 1 | opened |
/// | 20 | count less one | 1 | escrowed: paid on receipt |
/// | 8 | cases | 1 | returned |
/// | 3 | state | 1 | excursion |
/// | 1 | nested: its place is a container | 3 | ended |
type ContainerRecord is uint256;

/// @notice Where a unit is that was taken out of its range: 96 bits of a container or an organization, and from bit 96
/// on, 1 for a container and 2 for an organization, and 4 if its cold chain was broken.
type UnitPlace is uint256;

using ContainerRecords for ContainerRecord global;

/// @title ContainerRecords
/// @notice Makes, changes and reads container records.
library ContainerRecords {
    uint256 private constant PLACE = type(uint96).max;
    uint256 private constant LOT = 96;
    uint256 private constant FIRST = 192;
    uint256 private constant COUNT = 212;
    uint256 private constant CASES = 232;
    uint256 private constant STATE = 240;
    uint256 private constant STATES = 7;
    uint256 private constant ENDED = 250;

    uint256 internal constant NESTED = 1 << 243;
    uint256 internal constant CASES_OUT = 1 << 244;
    uint256 internal constant UNITS_OUT = 1 << 245;
    uint256 internal constant OPENED = 1 << 246;
    uint256 internal constant ESCROWED = 1 << 247;
    uint256 internal constant RETURNED = 1 << 248;
    uint256 internal constant EXCURSION = 1 << 249;

    /// @dev Of a homogeneous one that is not whole any more.
    uint256 internal constant TAKEN_OUT = CASES_OUT | UNITS_OUT;

    /// @dev What holds of all that is inside, too.
    uint256 internal constant PASSED_ON = RETURNED | EXCURSION;

    /// @dev A mixed container.
    function held(OrganizationId holder) internal pure returns (ContainerRecord) {
        return
            ContainerRecord.wrap(
                uint96(OrganizationId.unwrap(holder)) | (uint256(ICustody.ContainerState.Held) << STATE)
            );
    }

    /// @dev A homogeneous one.
    function heldRange(OrganizationId holder, LotId lot_, uint256 first_, uint256 count_, uint256 cases_)
        internal
        pure
        returns (ContainerRecord)
    {
        return ContainerRecord.wrap(
            ContainerRecord.unwrap(held(holder)) | (uint256(uint96(LotId.unwrap(lot_))) << LOT) | (first_ << FIRST)
                | ((count_ - 1) << COUNT) | (cases_ << CASES)
        );
    }

    // ------------------------------------------------------------------ reads

    function state(ContainerRecord self) internal pure returns (ICustody.ContainerState) {
        return ICustody.ContainerState((ContainerRecord.unwrap(self) >> STATE) & STATES);
    }

    function organization(ContainerRecord self) internal pure returns (OrganizationId) {
        return OrganizationId.wrap(bytes12(uint96(ContainerRecord.unwrap(self))));
    }

    function parent(ContainerRecord self) internal pure returns (ContainerId) {
        return ContainerId.wrap(bytes12(uint96(ContainerRecord.unwrap(self))));
    }

    function lot(ContainerRecord self) internal pure returns (LotId) {
        return LotId.wrap(bytes12(uint96(ContainerRecord.unwrap(self) >> LOT)));
    }

    function isMixed(ContainerRecord self) internal pure returns (bool) {
        return uint96(ContainerRecord.unwrap(self) >> LOT) == 0;
    }

    function first(ContainerRecord self) internal pure returns (uint256) {
        return (ContainerRecord.unwrap(self) >> FIRST) & ((1 << 20) - 1);
    }

    /// @dev Of a homogeneous one.
    function count(ContainerRecord self) internal pure returns (uint256) {
        return ((ContainerRecord.unwrap(self) >> COUNT) & ((1 << 20) - 1)) + 1;
    }

    function cases(ContainerRecord self) internal pure returns (uint256) {
        return uint8(ContainerRecord.unwrap(self) >> CASES);
    }

    function ended(ContainerRecord self) internal pure returns (UnitStatus) {
        return UnitStatus(ContainerRecord.unwrap(self) >> ENDED & 7);
    }

    function isMarked(ContainerRecord self, uint256 mark) internal pure returns (bool) {
        return ContainerRecord.unwrap(self) & mark != 0;
    }

    // ------------------------------------------------------------------ changes

    function withState(ContainerRecord self, ICustody.ContainerState state_) internal pure returns (ContainerRecord) {
        return ContainerRecord.wrap((ContainerRecord.unwrap(self) & ~(STATES << STATE)) | (uint256(state_) << STATE));
    }

    /// @dev With an organization.
    function heldAt(ContainerRecord self, OrganizationId organization_) internal pure returns (ContainerRecord) {
        return ContainerRecord.wrap(
            (ContainerRecord.unwrap(self) & ~(PLACE | NESTED)) | uint96(OrganizationId.unwrap(organization_))
        );
    }

    /// @dev On its way from one organization to another.
    function shippedTo(ContainerRecord self, OrganizationId receiver, uint256 marks)
        internal
        pure
        returns (ContainerRecord)
    {
        uint256 rest = ContainerRecord.unwrap(self) & ~(PLACE | (STATES << STATE));
        return ContainerRecord.wrap(
            rest | uint96(OrganizationId.unwrap(receiver)) | (uint256(ICustody.ContainerState.InTransit) << STATE)
                | marks
        );
    }

    /// @dev In a container.
    function inside(ContainerRecord self, ContainerId parent_) internal pure returns (ContainerRecord) {
        uint256 rest = ContainerRecord.unwrap(self) & ~PLACE;
        return ContainerRecord.wrap(rest | uint96(ContainerId.unwrap(parent_)) | NESTED);
    }

    /// @dev With what `other` passes on.
    function withPassed(ContainerRecord self, ContainerRecord other) internal pure returns (ContainerRecord) {
        return ContainerRecord.wrap(ContainerRecord.unwrap(self) | (ContainerRecord.unwrap(other) & PASSED_ON));
    }

    function withMark(ContainerRecord self, uint256 mark) internal pure returns (ContainerRecord) {
        return ContainerRecord.wrap(ContainerRecord.unwrap(self) | mark);
    }

    function withoutMark(ContainerRecord self, uint256 mark) internal pure returns (ContainerRecord) {
        return ContainerRecord.wrap(ContainerRecord.unwrap(self) & ~mark);
    }

    function withEnd(ContainerRecord self, UnitStatus status) internal pure returns (ContainerRecord) {
        return withState(
            ContainerRecord.wrap(ContainerRecord.unwrap(self) | (uint256(status) << ENDED)),
            ICustody.ContainerState.Ended
        );
    }
}

/// @title UnitPlaces
/// @notice Makes and reads units' places.
library UnitPlaces {
    uint256 private constant IN_CONTAINER = 1 << 96;
    uint256 private constant AT_ORGANIZATION = 1 << 97;
    uint256 private constant EXCURSION = 1 << 98;

    function inContainer(ContainerId container) internal pure returns (UnitPlace) {
        return UnitPlace.wrap(uint96(ContainerId.unwrap(container)) | IN_CONTAINER);
    }

    function atOrganization(OrganizationId organization, bool excursion) internal pure returns (UnitPlace) {
        return
            UnitPlace.wrap(uint96(OrganizationId.unwrap(organization)) | AT_ORGANIZATION | (excursion ? EXCURSION : 0));
    }

    function hadExcursion(UnitPlace self) internal pure returns (bool) {
        return UnitPlace.unwrap(self) & EXCURSION != 0;
    }

    function isSet(UnitPlace self) internal pure returns (bool) {
        return UnitPlace.unwrap(self) != 0;
    }

    /// @return Whether a unit is in the container named, or in none if zero is.
    function isIn(UnitPlace self, ContainerId container) internal pure returns (bool) {
        if (container.isNoContainer()) return UnitPlace.unwrap(self) & AT_ORGANIZATION != 0;
        return UnitPlace.unwrap(self) == UnitPlace.unwrap(inContainer(container));
    }

    function organizationOf(UnitPlace self) internal pure returns (OrganizationId) {
        return OrganizationId.wrap(bytes12(uint96(UnitPlace.unwrap(self))));
    }
}

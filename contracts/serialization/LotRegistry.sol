// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {Haltable} from "../identity/Haltable.sol";
import {IOrganizationRegistry} from "../identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {Replaceable} from "../identity/Replaceable.sol";
import {MemberRole, MemberRoles} from "../identity/Roles.sol";
import {ContainerId} from "./ContainerId.sol";
import {ICustody} from "./ICustody.sol";
import {ILotRegistry} from "./ILotRegistry.sol";
import {LotId, lotIdOf} from "./LotId.sol";
import {LotRecord, LotRecords} from "./LotRecord.sol";
import {LotTerms} from "./LotTerms.sol";
import {UnitCells, UnitCellsLibrary, UnitStatus} from "./UnitCells.sol";
import {UnitTree} from "./UnitTree.sol";

/// @title LotRegistry
/// @notice See {ILotRegistry}.
contract LotRegistry is ILotRegistry, Haltable, Replaceable {
    bytes32 private constant REFERENCE_TAG = keccak256("careledger.serialization.lot-reference.v1");

    uint256 private constant MAX_DEPTH = 20;
    uint256 private constant UNDO_DAYS = 10;
    uint40 private constant NOTICE_SECONDS = 24 hours;

    IOrganizationRegistry private immutable _registry;
    ICustody private immutable _custody;

    mapping(bytes32 product => mapping(OrganizationId maker => bool assigned)) private _makers;
    mapping(LotId lot => LotRecord record) private _lots;
    mapping(LotId lot => mapping(uint256 tranche => bytes32 root)) private _roots;
    mapping(LotId lot => mapping(uint256 word => UnitCells cells)) private _cells; // of unit n in word n / 16
    mapping(LotId lot => mapping(uint256 index => Investigation found)) private _investigations;

    /// @param authority The suite's `AccessManager`.
    constructor(address authority, IOrganizationRegistry registry_, ICustody custody_) AccessManaged(authority) {
        _registry = registry_;
        _custody = custody_;
    }

    // ------------------------------------------------------------------ the registrar

    /// @inheritdoc ILotRegistry
    function assignProduct(bytes32 product, OrganizationId maker, bool assigned) external restricted {
        if (product == 0 || maker.isZero()) revert LotRegistryInvalidProduct(product, maker);
        _makers[product][maker] = assigned;
        emit ProductAssigned(product, maker, assigned);
    }

    // ------------------------------------------------------------------ makers

    /// @inheritdoc ILotRegistry
    function commission(bytes32 lotReference, LotTerms terms, bytes32 root) external returns (LotId) {
        return _commission(
            _registry.requireActive(msg.sender, MemberRoles.bit(MemberRole.Manufacturer)), lotReference, terms, root
        );
    }

    /// @inheritdoc ILotRegistry
    function addTranche(LotId lot, uint8 number, bytes32 root) external whenRunning {
        LotRecord held = _lots[lot];
        _requireMaker(lot, held, _registry.requireActive(msg.sender, MemberRoles.bit(MemberRole.Manufacturer)));
        if (root == 0) revert LotRegistryInvalidTranche(lot, number, held.tranches());
        if (_roots[lot][number] == root) return;
        uint8 tranches = held.tranches();
        bool fits = (uint256(number) + 1) << held.depth() <= 1 << MAX_DEPTH && number < type(uint8).max;
        if (number != tranches || !fits) revert LotRegistryInvalidTranche(lot, number, tranches);
        if (held.isRecalled()) {
            revert LotRegistryRecalled(lot, held.recallClass(), held.recallReason());
        }
        _lots[lot] = held.withTranche();
        _roots[lot][number] = root;
        emit TrancheAdded(lot, number, root, msg.sender);
    }

    /// @inheritdoc ILotRegistry
    function repackage(bytes32 lotReference, LotTerms terms, bytes32 root, ContainerId[] calldata inputs)
        external
        returns (LotId lot)
    {
        OrganizationId repackager = _registry.requireActive(msg.sender, MemberRoles.bit(MemberRole.Repackager));
        lot = lotIdOf(repackager, lotReference);
        if (inputs.length == 0) revert LotRegistryInvalidUnits(lot, 0, 0);
        bool again = !_lots[lot].isUnknown();
        _commission(repackager, lotReference, terms, root);
        if (!again) emit LotRepackaged(lot, inputs);
        for (uint256 i = 0; i < inputs.length; ++i) {
            if (again) _requireRepackaged(lot, inputs[i]);
            else _useUp(inputs[i], repackager, terms);
        }
    }

    /// @inheritdoc ILotRegistry
    function open(LotId lot, bytes32 product, bytes32 lotNumber, bytes32 salt) external {
        OrganizationId maker = _registry.requireKey(msg.sender);
        _requireMaker(lot, _lots[lot], maker);
        if (lotIdOf(maker, lotReferenceOf(product, lotNumber, salt)) != lot) {
            revert LotRegistryNotTheOpening(lot, product, lotNumber);
        }
        emit LotOpened(lot, product, lotNumber, salt);
    }

    // ------------------------------------------------------------------ makers and regulators

    /// @inheritdoc ILotRegistry
    function recall(LotId lot, RecallClass recallClass, RecallReason reason) external {
        OrganizationId by = _registry.requireKey(msg.sender);
        LotRecord held = _lots[lot];
        RecallClass current = held.recallClass();
        if (held.isUnknown()) revert LotRegistryUnknownLot(lot);
        if (by != held.maker()) _registry.requireActiveOrganization(by, MemberRoles.bit(MemberRole.Regulator));
        if (recallClass <= current || reason == RecallReason.Unspecified) {
            // slither-disable-next-line incorrect-equality (classes, not times)
            if (recallClass == current && reason == held.recallReason() && reason != RecallReason.Unspecified) return;
            revert LotRegistryInvalidRecall(lot, recallClass, reason, current);
        }
        _lots[lot] = held.withRecall(recallClass, reason);
        emit LotRecalled(lot, by, msg.sender, recallClass, reason);
    }

    // ------------------------------------------------------------------ dispensers

    /// @inheritdoc ILotRegistry
    function dispense(LotId lot, uint256 index, ContainerId container, bytes32 innerHash, bytes32[] calldata proof)
        external
        whenRunning
    {
        OrganizationId dispenser = _registry.requireActive(msg.sender, MemberRoles.bit(MemberRole.Dispenser));
        LotRecord held = _requireDispensable(lot);
        _requireProof(lot, held.depth(), index, innerHash, proof);
        _custody.requireUnitHeld(lot, index, container, dispenser);
        UnitCells cells = _cells[lot][index >> 4];
        _requireInSupply(lot, index, cells, UnitStatus.Dispensed);
        _cells[lot][index >> 4] = cells.withCell(index, UnitStatus.Dispensed, _dayOf(held));
        emit UnitDispensed(lot, index, dispenser, msg.sender);
    }

    /// @inheritdoc ILotRegistry
    function dispenseMany(
        LotId lot,
        ContainerId container,
        uint256[] calldata indices,
        bytes32[] calldata inners,
        bytes32[] calldata proof
    ) external whenRunning {
        OrganizationId dispenser = _registry.requireActive(msg.sender, MemberRoles.bit(MemberRole.Dispenser));
        LotRecord held = _requireDispensable(lot);
        _requireProofs(lot, held.depth(), indices, inners, proof);
        _custody.requireHeld(lot, indices, container, dispenser);
        _setAll(lot, held, indices, UnitStatus.Dispensed);
        emit UnitsDispensed(lot, indices, dispenser, msg.sender);
    }

    /// @inheritdoc ILotRegistry
    function undoDispense(LotId lot, uint256 index, ContainerId container) external whenRunning {
        OrganizationId dispenser = _registry.requireActive(msg.sender, MemberRoles.bit(MemberRole.Dispenser));
        LotRecord held = _lots[lot];
        UnitCells cells = _cells[lot][index >> 4];
        uint256 cell = cells.cellOf(index);
        if (UnitCellsLibrary.statusOf(cell) != UnitStatus.Dispensed) {
            _revertForbidden(lot, index, cell, UnitStatus.InSupply);
        }
        _custody.requireUnitHeld(lot, index, container, dispenser);
        uint256 day = held.commissionedDay() + UnitCellsLibrary.dayOf(cell);
        // Who holds it by a shipment since then is not who dispensed it.
        if (_today() > day + UNDO_DAYS || _custody.lastShippedDay(container) > day) {
            revert LotRegistryNotUndoable(lot, index, day);
        }
        _cells[lot][index >> 4] = cells.withCell(index, UnitStatus.InSupply, 0);
        emit DispensingUndone(lot, index, dispenser, msg.sender);
    }

    // ------------------------------------------------------------------ holders, makers, regulators

    /// @inheritdoc ILotRegistry
    function endUnits(LotId lot, ContainerId container, uint256[] calldata indices, UnitStatus status, bytes32 reason)
        external
    {
        bool ends = status == UnitStatus.Destroyed || status == UnitStatus.Decommissioned;
        bool leaves = status == UnitStatus.Stolen || status == UnitStatus.Exported;
        LotRecord held = _lots[lot];
        OrganizationId by = _registry.requireKey(msg.sender);
        if (indices.length == 0) revert LotRegistryInvalidUnits(lot, 0, 0);
        if (!ends && !leaves) _revertForbidden(lot, indices[0], 0, status);
        uint256 last = indices[indices.length - 1];
        if (last >= held.commissionedEnd()) revert LotRegistryInvalidProof(lot, last);
        if (by != held.maker() || leaves) _requireMayAct(lot, indices, container, by, held, leaves);
        _setAll(lot, held, indices, status);
        emit UnitsEnded(lot, indices, status, by, msg.sender, reason);
    }

    /// @inheritdoc ILotRegistry
    function suspect(LotId lot, uint256 index, ContainerId container, bytes32 reason) external {
        LotRecord held = _lots[lot];
        OrganizationId by = _registry.requireKey(msg.sender);
        if (index >= held.commissionedEnd()) revert LotRegistryInvalidProof(lot, index);
        if (by != held.maker()) {
            uint256[] memory indices = new uint256[](1);
            indices[0] = index;
            _requireMayAct(lot, indices, container, by, held, true);
        }
        UnitCells cells = _cells[lot][index >> 4];
        uint256 cell = cells.cellOf(index);
        if (UnitCellsLibrary.statusOf(cell) != UnitStatus.InSupply || UnitCellsLibrary.isSuspect(cell)) {
            _revertForbidden(lot, index, cell, UnitStatus.InSupply);
        }
        _cells[lot][index >> 4] = cells.withSuspect(index, true);
        _investigations[lot][index] = Investigation(by, uint40(block.timestamp), 0, 0);
        emit UnitSuspected(lot, index, by, msg.sender, reason);
    }

    /// @inheritdoc ILotRegistry
    function clear(LotId lot, uint256 index, bytes32 reason) external {
        (OrganizationId by, UnitCells cells) = _requireInvestigator(lot, index, UnitStatus.InSupply);
        _cells[lot][index >> 4] = cells.withSuspect(index, false);
        emit UnitCleared(lot, index, by, msg.sender, reason);
    }

    /// @inheritdoc ILotRegistry
    function determineIllegitimate(LotId lot, uint256 index, bytes32 reason) external {
        (OrganizationId by, UnitCells cells) = _requireInvestigator(lot, index, UnitStatus.Illegitimate);
        _cells[lot][index >> 4] = cells.withCell(index, UnitStatus.Illegitimate, _dayOf(_lots[lot]));
        _investigations[lot][index].determinedAt = uint40(block.timestamp);
        emit UnitIllegitimate(lot, index, by, msg.sender, reason, uint40(block.timestamp) + NOTICE_SECONDS);
    }

    /// @inheritdoc ILotRegistry
    function recordNotice(LotId lot, uint256 index, bytes32 notice) external {
        OrganizationId by = _registry.requireKey(msg.sender);
        Investigation storage found = _investigations[lot][index];
        if (found.determinedAt == 0 || found.notifiedAt != 0) revert LotRegistryNoNoticeDue(lot, index);
        if (by != found.by) _registry.requireActiveOrganization(by, MemberRoles.bit(MemberRole.Regulator));
        found.notifiedAt = uint40(block.timestamp);
        emit IllegitimateNotified(lot, index, by, notice);
    }

    // ------------------------------------------------------------------ the custody

    /// @inheritdoc ILotRegistry
    function takeRange(LotId lot, uint256 first, uint256 count, OrganizationId caller) external whenRunning {
        if (msg.sender != address(_custody)) revert LotRegistryNotTheCustody(msg.sender);
        LotRecord held = _lots[lot];
        _requireMaker(lot, held, caller);
        (uint256 packed, uint256 commissioned) = (held.packed(), held.commissionedEnd());
        if (first < packed || first + count > commissioned) {
            revert LotRegistryInvalidRange(lot, first, count, packed, commissioned);
        }
        if (held.isRecalled()) {
            revert LotRegistryRecalled(lot, held.recallClass(), held.recallReason());
        }
        _lots[lot] = held.withPacked(first + count);
    }

    // ------------------------------------------------------------------ reads

    /// @inheritdoc ILotRegistry
    function verify(Pack calldata pack) external view returns (Answer memory answer) {
        if (!_makers[pack.product][pack.maker]) return _found(answer, PackFinding.NoMatchProduct);
        LotId lot = lotIdOf(pack.maker, pack.lotReference);
        LotRecord held = _lots[lot];
        if (held.isUnknown()) return _found(answer, PackFinding.NoMatchLot);
        if (!_isUnit(lot, held.depth(), pack.index, pack.inner, pack.proof)) {
            return _found(answer, PackFinding.NoMatchSerial);
        }
        if (pack.expiryDay != held.expiryDay()) return _found(answer, PackFinding.NoMatchExpiry);
        answer.lot = lot;
        (answer.recallClass, answer.recallReason) = (held.recallClass(), held.recallReason());
        uint256 cell = _cells[lot][pack.index >> 4].cellOf(pack.index);
        (answer.status, answer.suspect) = (UnitCellsLibrary.statusOf(cell), UnitCellsLibrary.isSuspect(cell));
        if (answer.status != UnitStatus.InSupply) {
            answer.statusDay = uint16(held.commissionedDay() + UnitCellsLibrary.dayOf(cell));
        }
        // slither-disable-next-line uninitialized-local (zeros are those of a unit in no container)
        ICustody.Container memory container;
        if (_isUnpacked(held, pack.index, pack.container)) {
            answer.holder = pack.maker;
        } else {
            (answer.holder, container) = _custody.find(lot, pack.index, pack.container);
        }
        if (answer.status == UnitStatus.InSupply) answer.status = container.ended;
        answer.excursion = container.excursion;
        return _found(answer, _findingOf(answer, held, container));
    }

    /// @inheritdoc ILotRegistry
    function lotOf(LotId lot) external view returns (Lot memory) {
        LotRecord held = _lots[lot];
        return Lot({
            maker: held.maker(),
            commissionedDay: uint16(held.commissionedDay()),
            expiryDay: held.expiryDay(),
            packed: uint32(held.packed()),
            depth: held.depth(),
            tranches: held.tranches(),
            kind: held.kind(),
            recallClass: held.recallClass(),
            recallReason: held.recallReason()
        });
    }

    /// @inheritdoc ILotRegistry
    function rootOf(LotId lot, uint8 number) external view returns (bytes32) {
        return _roots[lot][number];
    }

    /// @inheritdoc ILotRegistry
    function unitOf(LotId lot, uint256 index) external view returns (UnitStatus status, bool isSuspect, uint16 day) {
        uint256 cell = _cells[lot][index >> 4].cellOf(index);
        (status, isSuspect) = (UnitCellsLibrary.statusOf(cell), UnitCellsLibrary.isSuspect(cell));
        if (status != UnitStatus.InSupply) day = uint16(_lots[lot].commissionedDay() + UnitCellsLibrary.dayOf(cell));
    }

    /// @inheritdoc ILotRegistry
    function investigationOf(LotId lot, uint256 index) external view returns (Investigation memory) {
        return _investigations[lot][index];
    }

    /// @inheritdoc ILotRegistry
    function isMakerOf(bytes32 product, OrganizationId maker) external view returns (bool) {
        return _makers[product][maker];
    }

    /// @notice None to hand on: lots live and end in the version that they began in.
    function workUnderWay() external pure override returns (uint256) {
        return 0;
    }

    /// @inheritdoc ILotRegistry
    function lotReferenceOf(bytes32 product, bytes32 lotNumber, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(REFERENCE_TAG, product, lotNumber, salt));
    }

    // ------------------------------------------------------------------ changes

    function _commission(OrganizationId maker, bytes32 lotReference, LotTerms terms, bytes32 root)
        private
        whenRunning
        whenOpen
        returns (LotId lot)
    {
        lot = lotIdOf(maker, lotReference);
        LotRecord held = _lots[lot];
        if (!held.isUnknown()) {
            if (_roots[lot][0] == root && held.hasTerms(terms)) return lot;
            revert LotRegistryLotExists(lot);
        }
        if (root == 0 || !terms.areValid(_today())) revert LotRegistryInvalidTerms(terms, root);
        _lots[lot] = LotRecords.commissioned(maker, _today(), terms);
        _roots[lot][0] = root;
        emit LotCommissioned(lot, maker, msg.sender, terms, root);
    }

    /// @dev Uses up an input of a new lot, which does not outlast it.
    function _useUp(ContainerId input, OrganizationId repackager, LotTerms terms) private {
        LotId lot = _custody.consume(input, repackager);
        LotRecord held = _requireDispensable(lot);
        bool outlasts = held.expiryDay() != 0 && (terms.expiryDay() == 0 || terms.expiryDay() > held.expiryDay());
        if (outlasts) revert LotRegistryExpired(lot, held.expiryDay());
    }

    /// @dev Sets units' cells, each slot once.
    function _setAll(LotId lot, LotRecord held, uint256[] calldata indices, UnitStatus status) private {
        uint256 day = _dayOf(held);
        uint256 word = indices[0] >> 4;
        UnitCells cells = _cells[lot][word];
        for (uint256 i = 0; i < indices.length; ++i) {
            uint256 index = indices[i];
            if (i != 0 && index <= indices[i - 1]) revert LotRegistryInvalidUnits(lot, indices.length, i);
            if (index >> 4 != word) {
                _cells[lot][word] = cells;
                word = index >> 4;
                cells = _cells[lot][word];
            }
            _requireInSupply(lot, index, cells, status);
            cells = cells.withCell(index, status, day);
        }
        _cells[lot][word] = cells;
    }

    // ------------------------------------------------------------------ checks

    function _requireRepackaged(LotId lot, ContainerId input) private view {
        if (_custody.containerOf(input).ended != UnitStatus.Repackaged) revert LotRegistryLotExists(lot);
    }

    function _requireDispensable(LotId lot) private view returns (LotRecord held) {
        held = _lots[lot];
        if (held.isUnknown()) revert LotRegistryUnknownLot(lot);
        if (held.isRecalled()) {
            revert LotRegistryRecalled(lot, held.recallClass(), held.recallReason());
        }
        if (_isExpired(held)) revert LotRegistryExpired(lot, held.expiryDay());
    }

    function _requireProof(LotId lot, uint256 depth, uint256 index, bytes32 inner, bytes32[] calldata proof)
        private
        view
    {
        if (!_isUnit(lot, depth, index, inner, proof)) revert LotRegistryInvalidProof(lot, index);
    }

    function _requireProofs(
        LotId lot,
        uint256 depth,
        uint256[] calldata indices,
        bytes32[] calldata inners,
        bytes32[] calldata proof
    ) private view {
        uint256 count = indices.length;
        if (count == 0 || count != inners.length) revert LotRegistryInvalidUnits(lot, count, inners.length);
        uint256 tranche = indices[0] >> depth;
        bytes32[] memory leaves = new bytes32[](count);
        uint256[] memory positions = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 index = indices[i];
            if (index >> depth != tranche) revert LotRegistryInvalidProof(lot, index);
            leaves[i] = UnitTree.leafOf(lot, index, inners[i]);
            positions[i] = index & ((1 << depth) - 1);
        }
        bytes32 root = _roots[lot][tranche];
        if (root == 0 || UnitTree.rootOfMany(leaves, positions, depth, proof) != root) {
            revert LotRegistryInvalidProof(lot, indices[0]);
        }
    }

    /// @dev Reverts unless the caller has the units in hand, or is a regulator where that counts.
    function _requireMayAct(
        LotId lot,
        uint256[] memory indices,
        ContainerId container,
        OrganizationId by,
        LotRecord held,
        bool regulatorMay
    ) private view {
        for (uint256 i = 0; i < indices.length; ++i) {
            uint256 index = indices[i];
            if (_holderOf(lot, held, index, container) == by) continue;
            if (!regulatorMay) revert LotRegistryMayNotAct(lot, index, by);
            _registry.requireActiveOrganization(by, MemberRoles.bit(MemberRole.Regulator));
            return;
        }
    }

    /// @dev Who has a unit; zero if it is not in the container named, or on its way. Reverts if it ended with its
    /// container.
    function _holderOf(LotId lot, LotRecord held, uint256 index, ContainerId container)
        private
        view
        returns (OrganizationId)
    {
        if (_isUnpacked(held, index, container)) return held.maker();
        (OrganizationId holder, ICustody.Container memory found) = _custody.find(lot, index, container);
        if (found.ended != UnitStatus.InSupply) _revertForbidden(lot, index, uint256(found.ended), found.ended);
        return found.state == ICustody.ContainerState.Held ? holder : OrganizationId.wrap(0);
    }

    function _requireInvestigator(LotId lot, uint256 index, UnitStatus requested)
        private
        view
        returns (OrganizationId by, UnitCells cells)
    {
        by = _registry.requireKey(msg.sender);
        cells = _cells[lot][index >> 4];
        uint256 cell = cells.cellOf(index);
        if (!UnitCellsLibrary.isSuspect(cell)) _revertForbidden(lot, index, cell, requested);
        if (by != _investigations[lot][index].by) {
            _registry.requireActiveOrganization(by, MemberRoles.bit(MemberRole.Regulator));
        }
    }

    function _isUnit(LotId lot, uint256 depth, uint256 index, bytes32 inner, bytes32[] calldata proof)
        private
        view
        returns (bool)
    {
        bytes32 root = _roots[lot][index >> depth];
        if (root == 0 || proof.length != depth) return false;
        return UnitTree.rootOf(UnitTree.leafOf(lot, index, inner), index, proof) == root;
    }

    function _isExpired(LotRecord held) private view returns (bool) {
        return held.expiryDay() != 0 && _today() > held.expiryDay();
    }

    function _today() private view returns (uint256) {
        return block.timestamp / 1 days;
    }

    /// @dev Today, as a cell counts.
    function _dayOf(LotRecord held) private view returns (uint256 day) {
        day = _today() - held.commissionedDay();
        if (day > UnitCellsLibrary.LAST_DAY) day = UnitCellsLibrary.LAST_DAY;
    }

    /// @dev The lot's recall and expiry come first, then what became of the unit, then where it is.
    function _findingOf(Answer memory answer, LotRecord held, ICustody.Container memory container)
        private
        view
        returns (PackFinding)
    {
        if (held.isRecalled()) return PackFinding.Recalled;
        if (_isExpired(held)) return PackFinding.Expired;
        if (answer.suspect) return PackFinding.Suspect;
        if (answer.status != UnitStatus.InSupply) {
            return PackFinding(uint8(PackFinding.Dispensed) + uint8(answer.status) - uint8(UnitStatus.Dispensed));
        }
        if (container.state == ICustody.ContainerState.Missing) return PackFinding.Missing;
        if (answer.holder.isZero()) return PackFinding.NotInContainer;
        return container.returned ? PackFinding.NotForRedistribution : PackFinding.Verified;
    }

    // ------------------------------------------------------------------ pure

    function _requireMaker(LotId lot, LotRecord held, OrganizationId caller) private pure {
        if (held.isUnknown()) revert LotRegistryUnknownLot(lot);
        if (held.maker() != caller) revert LotRegistryNotTheMaker(lot, held.maker(), caller);
    }

    function _requireInSupply(LotId lot, uint256 index, UnitCells cells, UnitStatus requested) private pure {
        uint256 cell = cells.cellOf(index);
        if (cell & 15 == 0) return;
        bool destroyed = requested == UnitStatus.Destroyed && cell & 15 == uint256(UnitStatus.Decommissioned);
        if (!destroyed) _revertForbidden(lot, index, cell, requested);
    }

    /// @dev Whether a unit is the maker's still, in no container.
    function _isUnpacked(LotRecord held, uint256 index, ContainerId container) private pure returns (bool) {
        return container.isNoContainer() && index >= held.packed();
    }

    function _found(Answer memory answer, PackFinding finding) private pure returns (Answer memory) {
        answer.finding = finding;
        return answer;
    }

    function _revertForbidden(LotId lot, uint256 index, uint256 cell, UnitStatus requested) private pure {
        revert LotRegistryForbiddenTransition(
            lot, index, UnitCellsLibrary.statusOf(cell), UnitCellsLibrary.isSuspect(cell), requested
        );
    }
}

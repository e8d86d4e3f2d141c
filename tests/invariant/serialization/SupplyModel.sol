// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {MemberRole} from "../../../contracts/identity/Roles.sol";
import {ContainerId} from "../../../contracts/serialization/ContainerId.sol";
import {ICustody} from "../../../contracts/serialization/ICustody.sol";
import {ILotRegistry} from "../../../contracts/serialization/ILotRegistry.sol";
import {LotId} from "../../../contracts/serialization/LotId.sol";
import {LotKind} from "../../../contracts/serialization/LotTerms.sol";
import {UnitStatus} from "../../../contracts/serialization/UnitCells.sol";

/// @notice Where a unit is: its maker's, in no container yet; a number that its maker left out; in a container; or
/// unpacked at an organization.
enum Where {
    AtMaker,
    LeftOut,
    InContainer,
    AtOrganization
}

/// @notice Containers that an act is for.
enum BoxKind {
    Any,
    Outermost, // held
    Inside, // held
    Mixed, // held
    Cased, // held, with cases to take out
    OnItsWay,
    Refused, // or not accepted in time
    Missing,
    Returned, // held
    Whole // at the repackager
}

/// @notice Units that an act is for.
enum PillKind {
    Any,
    Sellable, // at a dispenser
    Dispensed,
    Suspect,
    Illegitimate, // without notice
    Live,
    Unpacked,
    Scrapped, // decommissioned
    AtMaker
}

/// @notice A lot as it was told.
struct Batch {
    OrganizationId maker;
    bytes32 lotReference;
    uint256 terms;
    uint256 commissionedDay;
    uint256 packed;
    uint256 tranches;
    uint8 recallClass;
    uint8 recallReason;
}

/// @notice A unit as it was told.
struct Pill {
    UnitStatus status;
    bool suspect;
    bool excursion; // of one that is unpacked
    Where where;
    uint256 day; // of the status
    ContainerId container;
    OrganizationId organization; // that unpacked it
    OrganizationId dispenser;
    ILotRegistry.Investigation investigation;
}

/// @notice A container as it was told.
struct Box {
    ICustody.ContainerState state; // its own, as if it were outermost
    bool opened;
    bool returned;
    bool excursion;
    bool paidOnReceipt;
    bool isReturn;
    bool unitsOut; // of it, or of what it was taken out of
    uint8 cases;
    uint16 shippedDay;
    uint40 deadline;
    UnitStatus ended;
    OrganizationId holder; // the sender, until the receiver accepts
    OrganizationId receiver;
    OrganizationId sender;
    OrganizationId carrier;
    ContainerId parent;
    LotId lot;
    uint256 first;
    uint256 count;
    uint256 casesOut;
}

/// @notice A second account of lots, units, containers and shipments, kept in the plainest way: each unit has its place
/// written down, whatever it is in. Each act is a function with the caller in front of what the contract takes; it
/// reverts if the rules forbid the act, with the rule, and else keeps what it changes. It shares no code with the
/// contracts.
contract SupplyModel {
    uint32 internal constant ANY = type(uint32).max;
    uint32 internal constant MANUFACTURER = uint32(1) << uint8(MemberRole.Manufacturer);
    uint32 internal constant REPACKAGER = uint32(1) << uint8(MemberRole.Repackager);
    uint32 internal constant DISPENSER = uint32(1) << uint8(MemberRole.Dispenser);
    uint32 internal constant REGULATOR = uint32(1) << uint8(MemberRole.Regulator);
    uint32 internal constant CARRIER = uint32(1) << uint8(MemberRole.Carrier);
    uint32 internal constant REDISTRIBUTORS = MANUFACTURER | REPACKAGER | (uint32(1) << uint8(MemberRole.Wholesaler));
    uint32 internal constant HOLDERS = REDISTRIBUTORS | DISPENSER | (uint32(1) << uint8(MemberRole.Provider));

    bool public custodyHalted;
    bool public lotsHalted;
    bool public lotsClosed;

    LotId[] internal _lotIds;
    ContainerId[] internal _boxIds;
    mapping(LotId lot => Batch batch) internal _batches;
    mapping(LotId lot => mapping(uint256 tranche => bytes32 root)) internal _roots;
    mapping(LotId lot => mapping(uint256 index => Pill pill)) internal _pills;
    mapping(ContainerId container => Box box) internal _boxes;
    mapping(OrganizationId organization => uint32 roles) internal _roles;
    mapping(OrganizationId organization => bool suspended) internal _suspended;

    // ------------------------------------------------------------------ members, stops

    function admit(OrganizationId organization, uint32 roles) external {
        _roles[organization] = roles;
    }

    function setSuspended(OrganizationId organization, bool suspended) external {
        _suspended[organization] = suspended;
    }

    function setStops(bool custody, bool lots, bool closed) external {
        (custodyHalted, lotsHalted, lotsClosed) = (custody, lots, closed);
    }

    // ------------------------------------------------------------------ lots

    function commission(OrganizationId by, bytes32 lotReference, uint256 terms, bytes32 root) external {
        _mustBeActive(by, MANUFACTURER);
        _commission(by, lotReference, terms, root);
    }

    function addTranche(OrganizationId by, LotId lot, uint8 number, bytes32 root) external {
        _must(!lotsHalted, "lots halted");
        _mustBeActive(by, MANUFACTURER);
        Batch storage batch = _batches[lot];
        _must(_isKnown(lot) && batch.maker == by, "not the maker");
        _must(root != 0, "no root");
        if (_roots[lot][number] == root) return;
        _must(number == batch.tranches && (uint256(number) + 1) * _size(lot) <= 2 ** 20, "not the next tranche");
        _must(batch.recallClass == 0, "recalled");
        _roots[lot][number] = root;
        ++batch.tranches;
    }

    function repackage(
        OrganizationId by,
        bytes32 lotReference,
        uint256 terms,
        bytes32 root,
        ContainerId[] memory inputs
    ) external {
        _mustBeActive(by, REPACKAGER);
        _must(inputs.length != 0, "no inputs");
        bool again = _isKnown(lotIdBy(by, lotReference));
        _commission(by, lotReference, terms, root);
        for (uint256 i = 0; i < inputs.length; ++i) {
            Box storage input = _boxes[inputs[i]];
            if (again) {
                _must(input.ended == UnitStatus.Repackaged, "another input");
                continue;
            }
            _must(!custodyHalted, "custody halted");
            _must(!input.returned && !input.unitsOut && input.casesOut == 0, "not whole, or returned");
            _mustHoldOutermost(inputs[i], by);
            _mustBeSaleable(input.lot);
            uint256 expiry = _expiry(input.lot);
            _must(expiry == 0 || (uint16(terms) != 0 && uint16(terms) <= expiry), "outlasts its input");
            (input.state, input.ended) = (ICustody.ContainerState.Ended, UnitStatus.Repackaged);
        }
    }

    function recall(OrganizationId by, LotId lot, uint8 class, uint8 reason) external {
        _mustBeKnown(by);
        Batch storage batch = _batches[lot];
        _must(_isKnown(lot), "unknown lot");
        if (by != batch.maker) _mustBeActive(by, REGULATOR);
        _must(reason != 0, "no reason");
        if (class == batch.recallClass && reason == batch.recallReason) return;
        _must(class > batch.recallClass, "not graver");
        (batch.recallClass, batch.recallReason) = (class, reason);
    }

    // ------------------------------------------------------------------ units

    /// @param proved Whether the units' hashes and proof are theirs.
    function dispense(OrganizationId by, LotId lot, ContainerId container, uint256[] memory indices, bool proved)
        external
    {
        _must(!lotsHalted, "lots halted");
        _mustBeActive(by, DISPENSER);
        _mustBeSaleable(lot);
        _must(proved && indices.length != 0, "not proved");
        for (uint256 i = 0; i < indices.length; ++i) {
            Pill storage pill = _pills[lot][indices[i]];
            _must(i == 0 || indices[i] > indices[i - 1], "not ascending");
            _mustHaveUnit(by, lot, indices[i], container);
            _must(pill.status == UnitStatus.InSupply && !pill.suspect, "not in supply");
            (pill.status, pill.day, pill.dispenser) = (UnitStatus.Dispensed, _today(), by);
        }
    }

    function undoDispense(OrganizationId by, LotId lot, uint256 index, ContainerId container) external {
        _must(!lotsHalted, "lots halted");
        _mustBeActive(by, DISPENSER);
        Pill storage pill = _pills[lot][index];
        _must(pill.status == UnitStatus.Dispensed, "not dispensed");
        _mustHaveUnit(by, lot, index, container);
        _must(_today() <= pill.day + 10, "over ten days");
        _must(_shippedDay(container) <= pill.day, "shipped since");
        (pill.status, pill.day) = (UnitStatus.InSupply, 0);
    }

    function endUnits(OrganizationId by, LotId lot, ContainerId container, uint256[] memory indices, UnitStatus status)
        external
    {
        bool leaves = status == UnitStatus.Stolen || status == UnitStatus.Exported;
        _mustBeKnown(by);
        _must(indices.length != 0, "no units");
        _must(leaves || status == UnitStatus.Destroyed || status == UnitStatus.Decommissioned, "no end");
        if (by != _batches[lot].maker || leaves) _mustMayAct(by, lot, indices, container, leaves);
        for (uint256 i = 0; i < indices.length; ++i) {
            Pill storage pill = _pills[lot][indices[i]];
            _must(indices[i] < endOf(lot), "no such unit");
            _must(i == 0 || indices[i] > indices[i - 1], "not ascending");
            bool scrapped = status == UnitStatus.Destroyed && pill.status == UnitStatus.Decommissioned;
            _must(!pill.suspect && (pill.status == UnitStatus.InSupply || scrapped), "not in supply");
            (pill.status, pill.day) = (status, _today());
        }
    }

    function suspect(OrganizationId by, LotId lot, uint256 index, ContainerId container) external {
        _mustBeKnown(by);
        _must(index < endOf(lot), "no such unit");
        uint256[] memory indices = new uint256[](1);
        indices[0] = index;
        if (by != _batches[lot].maker) _mustMayAct(by, lot, indices, container, true);
        Pill storage pill = _pills[lot][index];
        _must(pill.status == UnitStatus.InSupply && !pill.suspect, "not in supply");
        pill.suspect = true;
        pill.investigation = ILotRegistry.Investigation(by, uint40(block.timestamp), 0, 0);
    }

    function clear(OrganizationId by, LotId lot, uint256 index) external {
        _mustInvestigate(by, lot, index);
        _pills[lot][index].suspect = false;
    }

    function determineIllegitimate(OrganizationId by, LotId lot, uint256 index) external {
        _mustInvestigate(by, lot, index);
        Pill storage pill = _pills[lot][index];
        (pill.status, pill.suspect, pill.day) = (UnitStatus.Illegitimate, false, _today());
        pill.investigation.determinedAt = uint40(block.timestamp);
    }

    function recordNotice(OrganizationId by, LotId lot, uint256 index) external {
        _mustBeKnown(by);
        ILotRegistry.Investigation storage found = _pills[lot][index].investigation;
        _must(_pills[lot][index].status == UnitStatus.Illegitimate && found.notifiedAt == 0, "no notice due");
        if (by != found.by) _mustBeActive(by, REGULATOR);
        found.notifiedAt = uint40(block.timestamp);
    }

    // ------------------------------------------------------------------ packing

    function packRange(
        OrganizationId by,
        bytes32 containerReference,
        LotId lot,
        uint32 first,
        uint32 count,
        uint8 cases
    ) external {
        _must(!custodyHalted && !lotsHalted, "halted");
        _mustBeActive(by, HOLDERS);
        Batch storage batch = _batches[lot];
        _must(_isKnown(lot) && batch.maker == by, "not the maker");
        _must(count != 0 && (cases == 0 || count % cases == 0), "no range");
        _must(first >= batch.packed && uint256(first) + count <= endOf(lot), "not free, or not commissioned");
        _must(batch.recallClass == 0, "recalled");
        for (uint256 index = batch.packed; index < first; ++index) {
            _pills[lot][index].where = Where.LeftOut;
        }
        batch.packed = first;
        _newRange(_newBox(by, containerReference), lot, count, cases);
    }

    function pack(
        OrganizationId by,
        bytes32 containerReference,
        ContainerId[] memory containers,
        ICustody.Unit[] memory units
    ) external {
        _must(!custodyHalted, "halted");
        _mustBeActive(by, HOLDERS);
        _put(_newBox(by, containerReference), by, ContainerId.wrap(0), containers, units);
    }

    function add(
        OrganizationId by,
        ContainerId container,
        ContainerId[] memory containers,
        ICustody.Unit[] memory units
    ) external {
        _must(!custodyHalted, "halted");
        _mustBeActive(by, HOLDERS);
        _mustHold(container, by);
        _must(_boxes[container].lot.isNoLot(), "not mixed");
        _put(container, by, ContainerId.wrap(0), containers, units);
    }

    function unpack(OrganizationId by, ContainerId parent, ContainerId[] memory containers) external {
        _mustBeKnown(by);
        _mustHold(parent, by);
        for (uint256 i = 0; i < containers.length; ++i) {
            Box storage box = _boxes[containers[i]];
            _must(!parent.isNoContainer() && box.parent == parent, "not in it");
            _inherit(box, parent);
            (box.parent, box.holder) = (ContainerId.wrap(0), by);
        }
    }

    function unpackCases(
        OrganizationId by,
        ContainerId parent,
        bytes32[] memory containerReferences,
        uint8[] memory numbers,
        uint8 cases
    ) external {
        _must(!custodyHalted, "halted");
        _mustBeActive(by, HOLDERS);
        _mustHold(parent, by);
        Box storage from = _boxes[parent];
        _must(from.cases != 0 && numbers.length == containerReferences.length, "no cases");
        for (uint256 i = 0; i < numbers.length; ++i) {
            _must(numbers[i] < from.cases && from.casesOut >> numbers[i] & 1 == 0, "no such case");
            from.casesOut |= 1 << numbers[i];
            uint256 size = from.count / from.cases;
            _must(cases == 0 || size % cases == 0, "no cases of cases");
            ContainerId id = _newBox(by, containerReferences[i]);
            Box storage box = _boxes[id];
            (box.lot, box.first, box.count) = (from.lot, from.first + size * numbers[i], size);
            (box.cases, box.unitsOut) = (cases, from.unitsOut);
            for (uint256 index = box.first; index < box.first + size; ++index) {
                if (_isIn(from.lot, index, parent)) _pills[from.lot][index].container = id;
            }
            _inherit(box, parent);
        }
    }

    function unpackUnits(OrganizationId by, ICustody.Unit[] memory units) external {
        _must(!custodyHalted, "halted");
        _mustBeActive(by, HOLDERS);
        for (uint256 i = 0; i < units.length; ++i) {
            (, bool excursion) = _take(units[i], by, false);
            Pill storage pill = _pills[units[i].lot][units[i].index];
            (pill.where, pill.container, pill.organization) = (Where.AtOrganization, ContainerId.wrap(0), by);
            pill.excursion = excursion;
        }
    }

    function open(OrganizationId by, ContainerId container) external {
        _mustBeKnown(by);
        _mustHold(container, by);
        _boxes[container].opened = true;
    }

    // ------------------------------------------------------------------ handover

    function ship(
        OrganizationId by,
        ContainerId container,
        OrganizationId receiver,
        OrganizationId carrier,
        uint40 deadline,
        bool isReturn
    ) public {
        if (isReturn) {
            _mustBeKnown(by);
        } else {
            _must(!custodyHalted, "halted");
            _mustBeActive(by, HOLDERS);
        }
        _mustHoldOutermost(container, by);
        Box storage box = _boxes[container];
        _must(isReturn || (!box.opened && !box.returned), "opened, or not verified");
        _must(!receiver.isZero() && receiver != by, "no receiver");
        _must(deadline > block.timestamp, "past");
        box.state = ICustody.ContainerState.InTransit;
        (box.receiver, box.sender, box.carrier) = (receiver, by, carrier);
        (box.deadline, box.isReturn, box.shippedDay) = (deadline, isReturn, uint16(_today()));
        if (isReturn) box.returned = true;
    }

    function handOver(OrganizationId by, ContainerId container, OrganizationId to) external {
        _mustBeKnown(by);
        Box storage box = _boxes[container];
        _must(box.state == ICustody.ContainerState.InTransit, "not on its way");
        _must((box.carrier.isZero() ? box.sender : box.carrier) == by, "not in hand");
        _mustBeActive(to, CARRIER | HOLDERS);
        box.carrier = to;
    }

    function receiveShipment(OrganizationId by, ContainerId container) public {
        _must(!custodyHalted, "halted");
        _mustBeActive(by, HOLDERS);
        Box storage box = _boxes[container];
        _must(box.state == ICustody.ContainerState.InTransit && box.receiver == by, "not the receiver's");
        (box.state, box.holder) = (ICustody.ContainerState.Held, by);
        _afterReceipt(container, 10_000, container);
    }

    function receiveInPart(
        OrganizationId by,
        ContainerId container,
        bytes32 containerReference,
        ContainerId[] memory containers,
        ICustody.Unit[] memory units,
        uint16 acceptedShare
    ) external {
        _must(!custodyHalted, "halted");
        _mustBeActive(by, HOLDERS);
        Box storage box = _boxes[container];
        _must(containers.length + units.length != 0, "nothing rejected");
        _must(box.state == ICustody.ContainerState.InTransit && box.receiver == by, "not the receiver's");
        (box.state, box.holder) = (ICustody.ContainerState.Held, by);
        ContainerId id = _newBox(by, containerReference);
        _put(id, by, container, containers, units);
        Box storage rejected = _boxes[id];
        rejected.state = ICustody.ContainerState.Rejected;
        (rejected.holder, rejected.receiver) = (box.sender, by);
        (rejected.sender, rejected.carrier, rejected.deadline) = (box.sender, box.carrier, box.deadline);
        (rejected.isReturn, rejected.shippedDay) = (box.isReturn, box.shippedDay);
        _afterReceipt(container, acceptedShare, id);
    }

    function reject(OrganizationId by, ContainerId container) external {
        _mustBeKnown(by);
        Box storage box = _boxes[container];
        _must(box.state == ICustody.ContainerState.InTransit && box.receiver == by, "not the receiver's");
        box.state = ICustody.ContainerState.Rejected;
        _afterRefusal(container);
    }

    function confirmReturn(OrganizationId by, ContainerId container) external {
        Box storage box = _mustSend(by, container);
        bool late = box.state != ICustody.ContainerState.InTransit || block.timestamp > box.deadline;
        _must(late, "not late");
        (box.state, box.holder) = (ICustody.ContainerState.Held, by);
        _afterRefusal(container);
    }

    function reportMissing(OrganizationId by, ContainerId container) external {
        Box storage box = _mustSend(by, container);
        bool late = box.state == ICustody.ContainerState.Rejected
            || (box.state == ICustody.ContainerState.InTransit && block.timestamp > box.deadline);
        _must(late, "not late");
        box.state = ICustody.ContainerState.Missing;
        _afterRefusal(container);
    }

    function verifyReturn(OrganizationId by, ContainerId container) external {
        _must(!custodyHalted, "halted");
        _mustBeActive(by, REDISTRIBUTORS);
        _mustHold(container, by);
        _boxes[container].returned = false;
    }

    function end(OrganizationId by, ContainerId container, UnitStatus status) external {
        _mustBeKnown(by);
        bool ends = status == UnitStatus.Destroyed || status == UnitStatus.Decommissioned || status == UnitStatus.Stolen
            || status == UnitStatus.Exported;
        _must(ends, "no end");
        Box storage box = _boxes[container];
        if (box.state != ICustody.ContainerState.Missing || box.sender != by) _mustHoldOutermost(container, by);
        (box.state, box.ended, box.holder) = (ICustody.ContainerState.Ended, status, by);
    }

    // ------------------------------------------------------------------ reads

    function lotCount() external view returns (uint256) {
        return _lotIds.length;
    }

    function lotAt(uint256 i) external view returns (LotId) {
        return _lotIds[i];
    }

    function batchOf(LotId lot) external view returns (Batch memory) {
        return _batches[lot];
    }

    function rootOf(LotId lot, uint256 tranche) external view returns (bytes32) {
        return _roots[lot][tranche];
    }

    function pillOf(LotId lot, uint256 index) external view returns (Pill memory) {
        return _pills[lot][index];
    }

    function boxCount() external view returns (uint256) {
        return _boxIds.length;
    }

    function boxAt(uint256 i) external view returns (ContainerId) {
        return _boxIds[i];
    }

    function boxOf(ContainerId container) external view returns (Box memory) {
        return _boxes[container];
    }

    /// @return The number after a lot's last.
    function endOf(LotId lot) public view returns (uint256) {
        return _batches[lot].tranches * _size(lot);
    }

    /// @return found What the contract has to say of a container.
    function told(ContainerId container) external view returns (ICustody.Container memory found) {
        Box storage box = _boxes[container];
        Box storage top = _boxes[_top(container)];
        if (top.state == ICustody.ContainerState.Unknown) return found;
        (found.state, found.holder) = (top.state, top.holder);
        if (top.state == ICustody.ContainerState.InTransit) found.receiver = top.receiver;
        (found.parent, found.lot) = (box.parent, box.lot);
        (found.first, found.count, found.cases) = (uint32(box.first), uint32(box.count), box.cases);
        found.opened = box.opened;
        (found.returned, found.excursion) = _marks(container);
        found.ended = top.ended;
    }

    function holderOf(ContainerId container) public view returns (OrganizationId) {
        return _boxes[_top(container)].holder;
    }

    /// @return Who has a unit; zero if it is a number left out.
    function holderOfPill(LotId lot, uint256 index) external view returns (OrganizationId) {
        Pill storage pill = _pills[lot][index];
        if (pill.where == Where.AtMaker) return _batches[lot].maker;
        return pill.where == Where.InContainer ? holderOf(pill.container) : pill.organization;
    }

    /// @return Who has a container in hand, zero if nobody is known to.
    function inHand(ContainerId container) public view returns (OrganizationId) {
        Box storage top = _boxes[_top(container)];
        if (top.state == ICustody.ContainerState.Held) return top.holder;
        if (top.state != ICustody.ContainerState.InTransit) return OrganizationId.wrap(0);
        return top.carrier.isZero() ? top.sender : top.carrier;
    }

    function lotIdBy(OrganizationId maker, bytes32 lotReference) public pure returns (LotId) {
        bytes32 tag = keccak256("careledger.serialization.lot.v1");
        return LotId.wrap(bytes12(keccak256(abi.encode(tag, maker, lotReference))));
    }

    function boxIdBy(OrganizationId packer, bytes32 containerReference) public pure returns (ContainerId) {
        bytes32 tag = keccak256("careledger.serialization.container.v1");
        return ContainerId.wrap(bytes12(keccak256(abi.encode(tag, packer, containerReference))));
    }

    // ------------------------------------------------------------------ choices

    /// @return The first container of a kind from a place in the list on; the one at that place if there is none.
    function someBox(uint256 start, BoxKind kind) external view returns (ContainerId) {
        uint256 length = _boxIds.length;
        for (uint256 i = 0; i < length; ++i) {
            ContainerId found = _boxIds[(start + i) % length];
            if (_isBox(found, kind)) return found;
        }
        return length == 0 ? ContainerId.wrap(0) : _boxIds[start % length];
    }

    /// @return lot The first unit of a kind from a place in the list on; the one at that place if there is none.
    /// @return index Its number.
    function somePill(uint256 start, PillKind kind) external view returns (LotId lot, uint256 index) {
        uint256 length = _lotIds.length;
        uint256 first = start % length;
        uint256 turn = (start >> 16) % endOf(_lotIds[first]);
        for (uint256 i = 0; i < length; ++i) {
            lot = _lotIds[(first + i) % length];
            uint256 size = endOf(lot);
            for (uint256 k = 0; k < size; ++k) {
                index = (turn + k) % size;
                if (_isPill(lot, index, kind)) return (lot, index);
            }
        }
        return (_lotIds[first], turn);
    }

    // ------------------------------------------------------------------ payment, see OrderModel

    function _afterReceipt(ContainerId container, uint16 share, ContainerId rejected) internal virtual {}

    function _afterRefusal(ContainerId container) internal virtual {}

    // ------------------------------------------------------------------ changes

    function _commission(OrganizationId maker, bytes32 lotReference, uint256 terms, bytes32 root) private {
        _must(!lotsHalted && !lotsClosed, "lots halted or closed");
        LotId lot = lotIdBy(maker, lotReference);
        Batch storage batch = _batches[lot];
        if (_isKnown(lot)) {
            _must(batch.terms == terms && _roots[lot][0] == root, "another lot");
            return;
        }
        bool device = terms >> 24 == uint256(LotKind.Device);
        _must(root != 0 && (device || terms >> 24 == 0) && uint8(terms >> 16) <= 20, "terms");
        _must(uint16(terms) > _today() || (device && uint16(terms) == 0), "expired already");
        (batch.maker, batch.lotReference, batch.terms) = (maker, lotReference, terms);
        (batch.commissionedDay, batch.tranches) = (_today(), 1);
        _roots[lot][0] = root;
        _lotIds.push(lot);
    }

    function _newBox(OrganizationId by, bytes32 containerReference) private returns (ContainerId id) {
        id = boxIdBy(by, containerReference);
        Box storage box = _boxes[id];
        _must(box.state == ICustody.ContainerState.Unknown, "an SSCC is used once");
        (box.state, box.holder) = (ICustody.ContainerState.Held, by);
        _boxIds.push(id);
    }

    function _newRange(ContainerId id, LotId lot, uint256 count, uint8 cases) private {
        Box storage box = _boxes[id];
        Batch storage batch = _batches[lot];
        (box.lot, box.first, box.count, box.cases) = (lot, batch.packed, count, cases);
        batch.packed += count;
        for (uint256 index = box.first; index < batch.packed; ++index) {
            (_pills[lot][index].where, _pills[lot][index].container) = (Where.InContainer, id);
        }
    }

    function _put(
        ContainerId into,
        OrganizationId by,
        ContainerId from,
        ContainerId[] memory containers,
        ICustody.Unit[] memory units
    ) private {
        bool back = !from.isNoContainer();
        for (uint256 i = 0; i < containers.length; ++i) {
            ContainerId child = containers[i];
            Box storage box = _boxes[child];
            _mustHold(child, by);
            _must(!back || _top(child) == from, "of another shipment");
            _must(!_isInside(into, child), "a cycle");
            _must(!box.opened, "opened");
            (bool returned, bool excursion) = _marks(child);
            if (!box.parent.isNoContainer()) _keepDay(box, box.parent);
            box.parent = into;
            _mark(into, returned, excursion);
        }
        for (uint256 i = 0; i < units.length; ++i) {
            _must(!back || _top(units[i].container) == from, "of another shipment");
            (bool returned, bool excursion) = _take(units[i], by, back);
            Pill storage pill = _pills[units[i].lot][units[i].index];
            (pill.where, pill.container, pill.excursion) = (Where.InContainer, into, false);
            _mark(into, returned, excursion);
        }
    }

    /// @return returned What holds of what it is in.
    /// @return excursion The same, or of itself.
    function _take(ICustody.Unit memory unit, OrganizationId by, bool back)
        private
        returns (bool returned, bool excursion)
    {
        Pill storage pill = _pills[unit.lot][unit.index];
        _must(back || (pill.status == UnitStatus.InSupply && !pill.suspect), "not in supply");
        _must(_isIn(unit.lot, unit.index, unit.container), "not in it");
        if (unit.container.isNoContainer()) {
            _must(pill.organization == by, "not the holder");
            return (false, pill.excursion);
        }
        _mustHold(unit.container, by);
        (returned, excursion) = _marks(unit.container);
        _must(back || !returned, "not verified");
        if (!_boxes[unit.container].lot.isNoLot()) _boxes[unit.container].unitsOut = true;
    }

    /// @dev What is taken out keeps what held of all, and when that was shipped.
    function _inherit(Box storage box, ContainerId parent) private {
        (bool returned, bool excursion) = _marks(parent);
        if (returned) box.returned = true;
        if (excursion) box.excursion = true;
        _keepDay(box, parent);
    }

    function _keepDay(Box storage box, ContainerId parent) private {
        uint256 day = _shippedDay(parent);
        if (day > box.shippedDay) box.shippedDay = uint16(day);
    }

    function _mark(ContainerId container, bool returned, bool excursion) internal {
        for (; !container.isNoContainer(); container = _boxes[container].parent) {
            if (returned) _boxes[container].returned = true;
            if (excursion) _boxes[container].excursion = true;
        }
    }

    // ------------------------------------------------------------------ rules

    function _must(bool holds, string memory rule) internal pure {
        require(holds, rule);
    }

    /// @dev Of a key of an organization of whatever standing.
    function _mustBeKnown(OrganizationId by) internal view {
        _must(_roles[by] != 0, "nobody's key");
    }

    function _mustBeActive(OrganizationId by, uint32 anyOf) internal view {
        _must(_roles[by] & anyOf != 0 && !_suspended[by], "wrong role, or suspended");
    }

    function _mustHold(ContainerId container, OrganizationId by) private view {
        Box storage top = _boxes[_top(container)];
        _must(top.state == ICustody.ContainerState.Held && top.holder == by, "not the holder");
    }

    function _mustHoldOutermost(ContainerId container, OrganizationId by) private view {
        _must(_boxes[container].parent.isNoContainer(), "in another");
        _mustHold(container, by);
    }

    function _mustSend(OrganizationId by, ContainerId container) private view returns (Box storage box) {
        _mustBeKnown(by);
        box = _boxes[container];
        bool away = box.state == ICustody.ContainerState.InTransit || box.state == ICustody.ContainerState.Rejected
            || box.state == ICustody.ContainerState.Missing;
        _must(away && box.sender == by, "not the sender's");
    }

    function _mustBeSaleable(LotId lot) private view {
        _must(_isKnown(lot) && _batches[lot].recallClass == 0, "unknown or recalled");
        _must(_expiry(lot) == 0 || _today() <= _expiry(lot), "expired");
    }

    function _mustHaveUnit(OrganizationId by, LotId lot, uint256 index, ContainerId container) private view {
        _must(_isIn(lot, index, container), "not in it");
        if (container.isNoContainer()) return _must(_pills[lot][index].organization == by, "not the holder");
        _mustHold(container, by);
        (bool returned,) = _marks(container);
        _must(!returned, "not verified");
    }

    function _mustInvestigate(OrganizationId by, LotId lot, uint256 index) private view {
        _mustBeKnown(by);
        _must(_pills[lot][index].suspect, "not suspect");
        if (by != _pills[lot][index].investigation.by) _mustBeActive(by, REGULATOR);
    }

    /// @dev That somebody has units in hand, or is a regulator where that counts.
    function _mustMayAct(
        OrganizationId by,
        LotId lot,
        uint256[] memory indices,
        ContainerId container,
        bool regulatorMay
    ) private view {
        for (uint256 i = 0; i < indices.length; ++i) {
            Where where = _pills[lot][indices[i]].where;
            OrganizationId holder;
            if (container.isNoContainer() && where == Where.AtMaker) {
                holder = _batches[lot].maker;
            } else if (_isIn(lot, indices[i], container)) {
                Box storage top = _boxes[_top(container)];
                _must(top.ended == UnitStatus.InSupply, "ended with its container");
                if (container.isNoContainer()) holder = _pills[lot][indices[i]].organization;
                else if (top.state == ICustody.ContainerState.Held) holder = top.holder;
            }
            if (holder == by) continue;
            _must(regulatorMay, "not in hand");
            return _mustBeActive(by, REGULATOR);
        }
    }

    // ------------------------------------------------------------------ facts

    function _isBox(ContainerId container, BoxKind kind) private view returns (bool) {
        Box storage box = _boxes[container];
        Box storage top = _boxes[_top(container)];
        if (kind == BoxKind.Any) return true;
        if (kind == BoxKind.OnItsWay) return box.state == ICustody.ContainerState.InTransit;
        if (kind == BoxKind.Missing) return box.state == ICustody.ContainerState.Missing;
        if (kind == BoxKind.Refused) {
            bool late = box.state == ICustody.ContainerState.InTransit && block.timestamp > box.deadline;
            return late || box.state == ICustody.ContainerState.Rejected;
        }
        if (top.state != ICustody.ContainerState.Held) return false;
        if (kind == BoxKind.Outermost) return box.parent.isNoContainer();
        if (kind == BoxKind.Inside) return !box.parent.isNoContainer();
        if (kind == BoxKind.Mixed) return box.lot.isNoLot();
        if (kind == BoxKind.Cased) return box.casesOut + 1 < 2 ** uint256(box.cases);
        if (kind == BoxKind.Returned) return box.returned;
        bool whole = !box.lot.isNoLot() && !box.unitsOut && box.casesOut == 0 && box.parent.isNoContainer();
        return whole && _roles[box.holder] == REPACKAGER;
    }

    function _isPill(LotId lot, uint256 index, PillKind kind) private view returns (bool) {
        Pill storage pill = _pills[lot][index];
        if (kind == PillKind.Any) return true;
        if (kind == PillKind.AtMaker) return pill.where == Where.AtMaker;
        if (kind == PillKind.Dispensed) return pill.status == UnitStatus.Dispensed;
        if (kind == PillKind.Suspect) return pill.suspect;
        if (kind == PillKind.Scrapped) return pill.status == UnitStatus.Decommissioned;
        if (kind == PillKind.Illegitimate) {
            return pill.status == UnitStatus.Illegitimate && pill.investigation.notifiedAt == 0;
        }
        if (pill.status != UnitStatus.InSupply || pill.suspect) return false;
        if (pill.where == Where.AtOrganization) {
            return kind != PillKind.Sellable || _roles[pill.organization] & DISPENSER != 0;
        }
        if (kind == PillKind.Unpacked || pill.where != Where.InContainer) return false;
        Box storage top = _boxes[_top(pill.container)];
        if (top.state != ICustody.ContainerState.Held) return false;
        return kind == PillKind.Live || _roles[top.holder] & DISPENSER != 0;
    }

    function _isKnown(LotId lot) private view returns (bool) {
        return _batches[lot].tranches != 0;
    }

    function _size(LotId lot) private view returns (uint256) {
        return 2 ** uint256(uint8(_batches[lot].terms >> 16));
    }

    function _expiry(LotId lot) private view returns (uint256) {
        return uint16(_batches[lot].terms);
    }

    function _isIn(LotId lot, uint256 index, ContainerId container) private view returns (bool) {
        Pill storage pill = _pills[lot][index];
        if (container.isNoContainer()) return pill.where == Where.AtOrganization;
        return pill.where == Where.InContainer && pill.container == container;
    }

    /// @dev What is outermost.
    function _top(ContainerId container) internal view returns (ContainerId) {
        while (!_boxes[container].parent.isNoContainer()) container = _boxes[container].parent;
        return container;
    }

    function _isInside(ContainerId container, ContainerId above) private view returns (bool) {
        for (; !container.isNoContainer(); container = _boxes[container].parent) {
            if (container == above) return true;
        }
        return false;
    }

    /// @dev What holds of a container, or of anything that it is in.
    function _marks(ContainerId container) private view returns (bool returned, bool excursion) {
        for (; !container.isNoContainer(); container = _boxes[container].parent) {
            returned = returned || _boxes[container].returned;
            excursion = excursion || _boxes[container].excursion;
        }
    }

    function _shippedDay(ContainerId container) private view returns (uint256 day) {
        for (; !container.isNoContainer(); container = _boxes[container].parent) {
            if (_boxes[container].shippedDay > day) day = _boxes[container].shippedDay;
        }
    }

    function _today() internal view returns (uint256) {
        return block.timestamp / 1 days;
    }
}

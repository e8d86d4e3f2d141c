// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";

import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {ContainerId} from "../../../contracts/serialization/ContainerId.sol";
import {ICustody} from "../../../contracts/serialization/ICustody.sol";
import {ILotRegistry} from "../../../contracts/serialization/ILotRegistry.sol";
import {IPurchaseEscrow} from "../../../contracts/serialization/IPurchaseEscrow.sol";
import {LotId} from "../../../contracts/serialization/LotId.sol";
import {UnitStatus} from "../../../contracts/serialization/UnitCells.sol";

import {OrderModel} from "./OrderModel.sol";
import {MEMBERS, Stage} from "./SerializationFixture.sol";
import {Batch, BoxKind, PillKind} from "./SupplyModel.sol";
import {UnitTrees} from "./UnitTrees.sol";

/// @notice What a change may break.
enum Rule {
    Outcome,
    Reuse,
    Others,
    Final,
    Table,
    Barred,
    Undo,
    Recall,
    Returned,
    Paid,
    Windows,
    Excursion
}

/// @notice How the handler calls, and what it watches from outside, with no help of the model: units of the lot that an
/// act is about, its container, and others picked at random, before and after.
abstract contract SupplyWatch is Test {
    bytes32 internal constant PRODUCT = "gtin:00300010000018";

    uint256 internal constant COLD_CHAIN = MEMBERS + 1; // as a caller

    struct Seen {
        ContainerId container;
        ICustody.Container told;
    }

    struct Departure {
        LotId lot;
        uint256 index;
        ContainerId from;
    }

    OrderModel public immutable model;

    Stage internal stage;
    mapping(Rule rule => string) public breach;
    mapping(string act => uint256) public reached;
    uint256 public calls;
    uint256 public accepted;

    mapping(OrganizationId organization => uint256 number) internal _numberOf; // one more than its place in the stage
    mapping(bytes32 order => uint256 amount) public paidIn;
    mapping(bytes32 order => uint256 amount) public paidFor; // to the seller, by events
    mapping(bytes32 order => uint256 amount) public givenBack; // to the buyer, by events

    Departure[] internal _departures; // units that were taken out of a container
    Seen[4] private _before;
    mapping(LotId lot => mapping(uint256 index => UnitStatus status)) private _status;
    mapping(LotId lot => mapping(uint256 index => bool suspect)) private _suspect;
    mapping(LotId lot => mapping(uint256 index => bool excursion)) private _excursion;
    mapping(LotId lot => uint256 words) private _recall; // class and reason
    mapping(ContainerId container => bytes32 hash) private _contents; // of what never changes
    uint256 private _random;

    constructor(Stage memory stage_) {
        stage = stage_;
        model = new OrderModel();
        for (uint256 i = 0; i < MEMBERS; ++i) {
            model.admit(stage_.members[i], stage_.roles[i]);
            _numberOf[stage_.members[i]] = i + 1;
        }
    }

    // ------------------------------------------------------------------ calls

    function _begin(uint256 seed) internal {
        _random = uint256(keccak256(abi.encode(seed, calls)));
        _recover();
        if (_oneIn(2)) return;
        vm.warp(block.timestamp + _pick(_oneIn(6) ? 2 days : 3 hours));
    }

    /// @dev Stops and suspensions end before long.
    function _recover() internal virtual;

    /// @dev Calls as a member, or as the stranger, foretold by the model's function of the same name.
    /// @param about The container that it is about, or zero.
    function _act(
        uint256 by,
        address target,
        bytes memory data,
        bytes memory foretelling,
        ContainerId about,
        string memory what
    ) internal returns (bool done) {
        ++calls;
        _look(about);
        (bool expected, bytes memory rule) = address(model).call(foretelling);
        vm.recordLogs();
        vm.prank(_accountOf(by));
        (done,) = target.call(data);
        if (done != expected) {
            string memory outcome = done ? string.concat(": accepted against the rules: ", string(rule)) : ": refused";
            _break(Rule.Outcome, string.concat(what, outcome));
        }
        if (!done) return false;
        ++accepted;
        ++reached[what];
        _watchMoney();
        _compareBoxes(by, what);
        _watchExcursions();
    }

    function _accountOf(uint256 by) private view returns (address) {
        if (by == COLD_CHAIN) return address(stage.coldChain);
        return by == MEMBERS ? stage.stranger : stage.keys[by];
    }

    function _break(Rule rule, string memory what) internal {
        if (bytes(breach[rule]).length == 0) breach[rule] = what;
    }

    // ------------------------------------------------------------------ containers

    function _look(ContainerId about) private {
        for (uint256 i = 0; i < 4; ++i) {
            _before[i].container = i == 0 ? about : model.someBox(_pick(1 << 32), BoxKind.Any);
            _before[i].told = stage.custody.containerOf(_before[i].container);
        }
    }

    /// @dev Who neither has a container nor receives it changes nothing of it, but for a flag by a device.
    function _compareBoxes(uint256 by, string memory what) private {
        for (uint256 i = 0; i < 4; ++i) {
            Seen memory seen = _before[i];
            ICustody.Container memory now_ = stage.custody.containerOf(seen.container);
            if (now_.state == ICustody.ContainerState.Unknown) continue;
            _compareContents(seen.container, now_);
            if (seen.told.state == ICustody.ContainerState.Unknown) continue;
            bool verified = _isRedistributor(by) && _same(what, "verify return");
            if (seen.told.returned && !now_.returned && !verified) {
                _break(Rule.Returned, string.concat(what, ": the mark"));
            }
            if (seen.told.excursion && !now_.excursion) _break(Rule.Excursion, string.concat(what, ": the flag"));
            bool wasOver = seen.told.ended != UnitStatus.InSupply;
            if (wasOver && (now_.ended != seen.told.ended || now_.state != seen.told.state)) {
                _break(Rule.Final, string.concat(what, ": a container that ended"));
            }
            bool flagged = (_same(what, "window") || by == COLD_CHAIN) && now_.excursion;
            if (flagged && !seen.told.excursion) ++reached["flagged"];
            if (flagged) now_.excursion = seen.told.excursion;
            if (keccak256(abi.encode(now_)) == keccak256(abi.encode(seen.told))) continue;
            if (!_isParty(seen.told, by)) _break(Rule.Others, string.concat(what, ": of another's container"));
        }
    }

    /// @dev A container's lot and numbers are those that it was made with.
    function _compareContents(ContainerId container, ICustody.Container memory told) private {
        bytes32 hash = keccak256(abi.encode(told.lot, told.first, told.count, told.cases));
        if (_contents[container] == 0) _contents[container] = hash;
        else if (_contents[container] != hash) _break(Rule.Reuse, "a container has other numbers");
    }

    function _isParty(ICustody.Container memory told, uint256 by) private view returns (bool) {
        if (by >= MEMBERS) return false;
        OrganizationId organization = stage.members[by];
        return told.holder == organization || told.receiver == organization;
    }

    function _isRedistributor(uint256 by) internal pure returns (bool) {
        return by < 4;
    }

    // ------------------------------------------------------------------ units

    /// @dev Every unit of a lot went from status to status along the table, by whom it names.
    function _watchUnits(uint256 by, LotId lot, string memory what) internal {
        uint256 end = model.endOf(lot);
        for (uint256 index = 0; index < end; ++index) {
            (UnitStatus status, bool suspect,) = stage.lots.unitOf(lot, index);
            (UnitStatus former, bool wasSuspect) = (_status[lot][index], _suspect[lot][index]);
            if (status == former && suspect == wasSuspect) continue;
            (_status[lot][index], _suspect[lot][index]) = (status, suspect);
            bool finished = former > UnitStatus.Dispensed;
            bool scrapped = former == UnitStatus.Decommissioned && status == UnitStatus.Destroyed;
            if (finished && !scrapped) _break(Rule.Final, string.concat(what, ": a unit that ended"));
            if (!_isInTable(by, former, wasSuspect, status, suspect)) {
                _break(Rule.Table, string.concat(what, ": a change of status"));
            }
        }
        _watchRecall(lot);
    }

    function _watchRecall(LotId lot) private {
        ILotRegistry.Lot memory told = stage.lots.lotOf(lot);
        uint256 class = uint256(told.recallClass);
        uint256 former = _recall[lot] >> 8;
        bool changed = (class << 8 | uint256(told.recallReason)) != _recall[lot];
        if (class < former || (changed && class == former)) {
            _break(Rule.Recall, "a recall that is less grave, or another");
        }
        _recall[lot] = class << 8 | uint256(told.recallReason);
    }

    function _isInTable(uint256 by, UnitStatus from, bool wasSuspect, UnitStatus to, bool isSuspect)
        private
        pure
        returns (bool)
    {
        bool regulator = by == 8;
        bool dispenser = by == 4 || by == 5;
        if (isSuspect) return from == UnitStatus.InSupply && to == UnitStatus.InSupply && by != MEMBERS;
        if (wasSuspect) return to == UnitStatus.InSupply || to == UnitStatus.Illegitimate;
        if (from == UnitStatus.Dispensed) return to == UnitStatus.InSupply && dispenser;
        if (to == UnitStatus.Dispensed) return from == UnitStatus.InSupply && dispenser;
        if (to == UnitStatus.Stolen || to == UnitStatus.Exported) return from == UnitStatus.InSupply && by != MEMBERS;
        if (to == UnitStatus.Decommissioned) return from == UnitStatus.InSupply && !regulator;
        bool scrapped = from == UnitStatus.Decommissioned || from == UnitStatus.InSupply;
        return to == UnitStatus.Destroyed && scrapped && !regulator;
    }

    /// @dev What was told of a unit's cold chain once is told for good, wherever it goes.
    function _watchExcursions() private {
        for (uint256 i = 0; i < 3; ++i) {
            (LotId lot, uint256 index) = _somePill(PillKind.Any);
            ContainerId container = model.pillOf(lot, index).container;
            (, ICustody.Container memory found) = stage.custody.find(lot, index, container);
            if (_excursion[lot][index] && !found.excursion) _break(Rule.Excursion, "of a unit");
            _excursion[lot][index] = found.excursion;
        }
    }

    function _depart(LotId lot, uint256 index, ContainerId from) internal {
        if (!from.isNoContainer() && _departures.length < 200) _departures.push(Departure(lot, index, from));
    }

    function departureCount() external view returns (uint256) {
        return _departures.length;
    }

    function departureAt(uint256 i) external view returns (Departure memory) {
        return _departures[i];
    }

    // ------------------------------------------------------------------ money

    /// @dev By its events, an order pays no more than came in, to the seller and back together.
    function _watchMoney() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != address(stage.escrow)) continue;
            bytes32 order = logs[i].topics[1];
            if (logs[i].topics[0] == IPurchaseEscrow.OrderPaid.selector) {
                (uint256 amount, uint256 rest) = abi.decode(logs[i].data, (uint256, uint256));
                paidFor[order] += amount;
                ++reached[rest == 0 ? "paid" : "paid in part"];
            } else if (logs[i].topics[0] == IPurchaseEscrow.OrderRefunded.selector) {
                if (givenBack[order] != 0) _break(Rule.Paid, "given back twice");
                givenBack[order] += abi.decode(logs[i].data, (uint256));
                ++reached["given back"];
            } else {
                continue;
            }
            if (paidFor[order] + givenBack[order] > paidIn[order]) _break(Rule.Paid, "more than was paid in");
        }
    }

    // ------------------------------------------------------------------ packs

    /// @return A pack as its holder has it.
    function packOf(LotId lot, uint256 index, ContainerId container) public view returns (ILotRegistry.Pack memory) {
        Batch memory batch = model.batchOf(lot);
        return ILotRegistry.Pack({
            product: PRODUCT,
            maker: batch.maker,
            lotReference: batch.lotReference,
            expiryDay: uint16(batch.terms),
            index: index,
            inner: UnitTrees.innerOf(lot, index),
            proof: _proofOf(lot, index),
            container: container
        });
    }

    function _proofOf(LotId lot, uint256 index) internal view returns (bytes32[] memory) {
        uint256 levels = uint8(model.batchOf(lot).terms >> 16);
        bytes32[] memory nodes = UnitTrees.build(address(stage.lots), lot, index >> levels, levels);
        return UnitTrees.proof(nodes, (1 << levels) + index % (1 << levels));
    }

    // ------------------------------------------------------------------ choices

    function _pick(uint256 count) internal returns (uint256) {
        _random = uint256(keccak256(abi.encode(_random)));
        return _random % count;
    }

    function _oneIn(uint256 count) internal returns (bool) {
        return _pick(count) == 0;
    }

    function _someBox(BoxKind kind) internal returns (ContainerId) {
        return model.someBox(_pick(1 << 32), _oneIn(12) ? BoxKind.Any : kind);
    }

    function _somePill(PillKind kind) internal returns (LotId lot, uint256 index) {
        return model.somePill(_pick(1 << 32), _oneIn(8) ? PillKind.Any : kind);
    }

    /// @dev An organization's place in the stage, sometimes another's, or the stranger's.
    function _caller(OrganizationId organization) internal returns (uint256) {
        if (_oneIn(10)) return _pick(MEMBERS + 1);
        return _numberOf[organization] == 0 ? MEMBERS : _numberOf[organization] - 1;
    }

    function _same(string memory a, string memory b) internal pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }

    function _idOf(uint256 member) internal view returns (OrganizationId) {
        return member >= MEMBERS ? OrganizationId.wrap(0) : stage.members[member];
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {ContainerId} from "../../../contracts/serialization/ContainerId.sol";
import {ICustody} from "../../../contracts/serialization/ICustody.sol";
import {ILotRegistry} from "../../../contracts/serialization/ILotRegistry.sol";
import {LotId} from "../../../contracts/serialization/LotId.sol";
import {LotTerms} from "../../../contracts/serialization/LotTerms.sol";
import {UnitStatus} from "../../../contracts/serialization/UnitCells.sol";

import {MEMBERS} from "./SerializationFixture.sol";
import {Batch, Box, BoxKind, Pill, PillKind} from "./SupplyModel.sol";
import {Rule, SupplyWatch} from "./SupplyWatch.sol";
import {UnitTrees} from "./UnitTrees.sol";

/// @notice What makers, holders, carriers and regulators do with lots, containers and units.
abstract contract GoodsActs is SupplyWatch {
    uint256 private constant MOST_LOTS = 6;
    uint256 private constant MOST_BOXES = 44;

    struct Sale {
        LotId lot;
        ContainerId container;
        uint256[] indices;
        bytes32[] inners;
        bytes32[] proof;
        bool forged;
    }

    bytes32[] private _references;
    mapping(LotId lot => mapping(uint256 index => uint256 by)) private _dispensedBy;
    mapping(LotId lot => mapping(uint256 index => uint256 day)) private _dispensedOn;

    // ------------------------------------------------------------------ lots

    function commission(uint256 seed) external {
        _begin(seed);
        if (model.lotCount() != 0 && _oneIn(3)) return _addTranche();
        uint256 by = _oneIn(8) ? _pick(MEMBERS + 1) : _pick(2);
        bytes32 lotReference = keccak256(abi.encode("lot", _pick(MOST_LOTS / 2)));
        _commission(by, lotReference, _newTerms());
    }

    function _commission(uint256 by, bytes32 lotReference, uint256 terms) internal {
        LotId lot = model.lotIdBy(_idOf(by), lotReference);
        uint256 held = model.batchOf(lot).terms;
        if (held != 0 && !_oneIn(3)) terms = held;
        bytes32 root = _oneIn(20) ? bytes32(0) : _rootOf(lot, 0, uint8(terms >> 16));
        bytes memory data = abi.encodeCall(stage.lots.commission, (lotReference, LotTerms.wrap(terms), root));
        bytes memory told = abi.encodeCall(model.commission, (_idOf(by), lotReference, terms, root));
        _act(by, address(stage.lots), data, told, _none(), held != 0 ? "commission again" : "commission");
    }

    function _addTranche() private {
        (LotId lot,) = _somePill(PillKind.Any);
        Batch memory batch = model.batchOf(lot);
        uint8 number = uint8(_oneIn(4) ? _pick(3) : batch.tranches);
        if (number > 1) number = 1;
        uint256 by = _caller(batch.maker);
        bytes32 root = _oneIn(20) ? bytes32(0) : _rootOf(lot, number, uint8(batch.terms >> 16));
        bytes memory told = abi.encodeCall(model.addTranche, (_idOf(by), lot, number, root));
        bytes memory data = abi.encodeCall(stage.lots.addTranche, (lot, number, root));
        _act(by, address(stage.lots), data, told, _none(), "add tranche");
    }

    function recall(uint256 seed) external {
        _begin(seed);
        if (!_oneIn(4)) return _repackage();
        (LotId lot,) = _somePill(PillKind.Any);
        uint256 by = _oneIn(2) ? 8 : _caller(model.batchOf(lot).maker);
        (uint8 class, uint8 reason) = (uint8(_pick(4)), uint8(_pick(3)));
        bytes memory told = abi.encodeCall(model.recall, (_idOf(by), lot, class, reason));
        bytes memory data = abi.encodeCall(
            stage.lots.recall, (lot, ILotRegistry.RecallClass(class), ILotRegistry.RecallReason(reason))
        );
        if (_act(by, address(stage.lots), data, told, _none(), "recall")) _watchUnits(by, lot, "recall");
    }

    function _repackage() private {
        ContainerId[] memory inputs = new ContainerId[](_oneIn(15) ? 0 : 1 + _pick(2));
        for (uint256 i = 0; i < inputs.length; ++i) {
            inputs[i] = _someBox(BoxKind.Whole);
        }
        uint256 by = _caller(stage.members[2]);
        bytes32 lotReference = keccak256(abi.encode("repackaged", _pick(2)));
        LotId lot = model.lotIdBy(_idOf(by), lotReference);
        uint256 terms = model.batchOf(lot).terms;
        if (terms == 0) terms = _oneIn(4) ? _newTerms() : (block.timestamp / 1 days + 1 + _pick(3)) | (3 << 16);
        bytes32 root = _rootOf(lot, 0, uint8(terms >> 16));
        bytes memory told = abi.encodeCall(model.repackage, (_idOf(by), lotReference, terms, root, inputs));
        bytes memory data = abi.encodeCall(stage.lots.repackage, (lotReference, LotTerms.wrap(terms), root, inputs));
        ContainerId first = inputs.length == 0 ? _none() : inputs[0];
        _act(by, address(stage.lots), data, told, first, "repackage");
    }

    function _newTerms() private returns (uint256 terms) {
        uint256 expiry = block.timestamp / 1 days + (_oneIn(4) ? _pick(4) : 200);
        bool device = _oneIn(6);
        if (device && _oneIn(2)) expiry = 0;
        terms = expiry | (3 + _pick(2)) << 16 | (device ? 1 << 24 : 0);
        if (_oneIn(20)) terms |= 1 << (24 + _pick(20));
        if (_oneIn(20)) terms |= 21 << 16;
    }

    function _rootOf(LotId lot, uint256 tranche, uint256 levels) private view returns (bytes32) {
        if (levels > 5) return "too deep to be built";
        return UnitTrees.build(address(stage.lots), lot, tranche, levels)[1];
    }

    // ------------------------------------------------------------------ packing

    function packRange(uint256 seed) external {
        _begin(seed);
        (LotId lot,) = _somePill(PillKind.AtMaker);
        Batch memory batch = model.batchOf(lot);
        uint32 first = uint32(batch.packed + (_oneIn(6) ? 1 : 0));
        if (_oneIn(10)) first = uint32(_pick(8));
        uint8[4] memory counts = [4, 4, 8, 3];
        uint8[3] memory cases = [0, 2, 4];
        _packRange(_caller(batch.maker), lot, first, counts[_pick(4)], cases[_pick(3)]);
    }

    function _packRange(uint256 by, LotId lot, uint32 first, uint32 count, uint8 cases)
        internal
        returns (ContainerId container)
    {
        bytes32 containerReference = _reference();
        container = model.boxIdBy(_idOf(by), containerReference);
        bool used = _isUsed(container);
        bytes memory told = abi.encodeCall(model.packRange, (_idOf(by), containerReference, lot, first, count, cases));
        bytes memory data = abi.encodeCall(stage.custody.packRange, (containerReference, lot, first, count, cases));
        bool done = _act(by, address(stage.custody), data, told, container, "pack range");
        if (done && used) _break(Rule.Reuse, "pack range");
    }

    function pack(uint256 seed) external {
        _begin(seed);
        _pack();
        _pack();
    }

    function _pack() private {
        bool adds = _oneIn(3);
        ContainerId about = _someBox(adds ? BoxKind.Mixed : BoxKind.Outermost);
        OrganizationId holder = model.holderOf(about);
        ContainerId[] memory containers = _boxesOf(holder, _pick(3));
        ICustody.Unit[] memory units = _unitsOf(holder, _pick(3));
        uint256 by = _caller(holder);
        bool done;
        if (adds) {
            done = _add(by, about, containers, units);
        } else {
            bytes32 containerReference = _reference();
            ContainerId container = model.boxIdBy(_idOf(by), containerReference);
            bool used = _isUsed(container);
            bytes memory told = abi.encodeCall(model.pack, (_idOf(by), containerReference, containers, units));
            bytes memory data = abi.encodeCall(stage.custody.pack, (containerReference, containers, units));
            done = _act(by, address(stage.custody), data, told, container, "pack");
            if (done && used) _break(Rule.Reuse, "pack");
        }
        if (done) _departAll(units);
    }

    function _add(uint256 by, ContainerId container, ContainerId[] memory containers, ICustody.Unit[] memory units)
        private
        returns (bool)
    {
        bytes memory told = abi.encodeCall(model.add, (_idOf(by), container, containers, units));
        bytes memory data = abi.encodeCall(stage.custody.add, (container, containers, units));
        return _act(by, address(stage.custody), data, told, container, "add");
    }

    function takeOut(uint256 seed) external {
        _begin(seed);
        for (uint256 i = 0; i < 3; ++i) {
            uint256 what = _pick(10);
            if (what < 3) _unpack();
            else if (what < 6) _unpackCases();
            else if (what < 9) _unpackUnits();
            else _open();
        }
    }

    function _unpack() private {
        ContainerId[] memory containers = new ContainerId[](1);
        containers[0] = _someBox(BoxKind.Inside);
        ContainerId parent = model.boxOf(containers[0]).parent;
        if (_oneIn(10)) parent = _someBox(BoxKind.Mixed);
        uint256 by = _caller(model.holderOf(containers[0]));
        bytes memory told = abi.encodeCall(model.unpack, (_idOf(by), parent, containers));
        bytes memory data = abi.encodeCall(stage.custody.unpack, (parent, containers));
        _act(by, address(stage.custody), data, told, containers[0], "unpack");
    }

    function _unpackCases() private {
        ContainerId parent = _someBox(BoxKind.Cased);
        Box memory box = model.boxOf(parent);
        uint8[] memory numbers = new uint8[](_oneIn(3) ? 2 : 1);
        for (uint256 i = 0; i < numbers.length; ++i) {
            numbers[i] = uint8(_pick(uint256(box.cases) + 1));
            for (uint256 k = 0; k < 4 && box.casesOut >> numbers[i] & 1 != 0; ++k) {
                numbers[i] = uint8(_pick(box.cases));
            }
        }
        if (!_takeCases(_caller(model.holderOf(parent)), parent, numbers)) return;
        for (uint256 i = 0; i < numbers.length; ++i) {
            uint256 size = box.count / box.cases;
            for (uint256 k = 0; k < size; ++k) {
                _depart(box.lot, box.first + size * numbers[i] + k, parent);
            }
        }
    }

    function _takeCases(uint256 by, ContainerId parent, uint8[] memory numbers) private returns (bool done) {
        bytes32[] memory containerReferences = new bytes32[](numbers.length);
        bool used = false;
        for (uint256 i = 0; i < numbers.length; ++i) {
            containerReferences[i] = _reference();
            if (_isUsed(model.boxIdBy(_idOf(by), containerReferences[i]))) used = true;
        }
        uint8 cases = uint8(_oneIn(3) ? 2 : 0);
        bytes memory told = abi.encodeCall(model.unpackCases, (_idOf(by), parent, containerReferences, numbers, cases));
        bytes memory data = abi.encodeCall(stage.custody.unpackCases, (parent, containerReferences, numbers, cases));
        done = _act(by, address(stage.custody), data, told, parent, "unpack cases");
        if (done && used) _break(Rule.Reuse, "unpack cases");
    }

    function _unpackUnits() private {
        (LotId lot, uint256 index) = _somePill(PillKind.Live);
        OrganizationId holder = model.holderOfPill(lot, index);
        ICustody.Unit[] memory units = _unitsOf(holder, 1 + _pick(2));
        if (_oneIn(15)) units[0].index |= uint256(uint96(LotId.unwrap(lot))) << 160;
        uint256 by = _caller(holder);
        bytes memory told = abi.encodeCall(model.unpackUnits, (_idOf(by), units));
        bytes memory data = abi.encodeCall(stage.custody.unpackUnits, (units));
        bool returned = stage.custody.containerOf(units[0].container).returned;
        if (!_act(by, address(stage.custody), data, told, units[0].container, "unpack units")) return;
        if (returned) _break(Rule.Returned, "unpacked before it was verified");
        _departAll(units);
    }

    function _open() private {
        ContainerId container = _someBox(BoxKind.Outermost);
        uint256 by = _caller(model.holderOf(container));
        bytes memory told = abi.encodeCall(model.open, (_idOf(by), container));
        _act(by, address(stage.custody), abi.encodeCall(stage.custody.open, (container)), told, container, "open");
    }

    // ------------------------------------------------------------------ handover

    function ship(uint256 seed) external {
        _begin(seed);
        ContainerId container = _someBox(BoxKind.Outermost);
        OrganizationId holder = model.holderOf(container);
        Box memory box = model.boxOf(container);
        if (_oneIn(2) && _shipOrder(container, holder)) return;
        uint8[9] memory receivers = [0, 2, 2, 3, 4, 4, 4, 5, 6];
        uint256 receiver = _oneIn(12) ? _pick(MEMBERS + 1) : receivers[_pick(9)];
        bool isReturn = _oneIn(box.returned || box.opened ? 2 : 6);
        _ship(_caller(holder), container, receiver, isReturn);
    }

    function _ship(uint256 by, ContainerId container, uint256 receiver, bool isReturn) internal {
        bool returned = stage.custody.containerOf(container).returned;
        bool done = _send(by, container, receiver, isReturn, _deadline());
        if (done && returned && !isReturn) _break(Rule.Returned, "shipped before it was verified");
    }

    function _send(uint256 by, ContainerId container, uint256 receiver, bool isReturn, uint40 deadline)
        internal
        returns (bool)
    {
        OrganizationId carrier = _idOf(_oneIn(3) ? MEMBERS : _oneIn(10) ? _pick(MEMBERS) : 7);
        bytes memory told =
            abi.encodeCall(model.ship, (_idOf(by), container, _idOf(receiver), carrier, deadline, isReturn));
        bytes memory data = abi.encodeCall(
            stage.custody.ship, (container, _idOf(receiver), carrier, deadline, isReturn, bytes32("salted terms"))
        );
        return _act(by, address(stage.custody), data, told, container, isReturn ? "ship back" : "ship");
    }

    /// @return Whether there is an order that it may be for.
    function _shipOrder(ContainerId container, OrganizationId holder) internal virtual returns (bool);

    function receiveShipment(uint256 seed) external {
        _begin(seed);
        _answer(_someBox(BoxKind.OnItsWay));
    }

    /// @dev From hand to hand at once.
    function deliver(uint256 seed) external {
        _begin(seed);
        ContainerId container = _someBox(BoxKind.Outermost);
        uint8[6] memory receivers = [2, 3, 4, 4, 5, 6];
        _ship(_caller(model.holderOf(container)), container, receivers[_pick(6)], _oneIn(8));
        _answer(container);
    }

    /// @dev By the receiver, mostly.
    function _answer(ContainerId container) internal {
        uint256 by = _caller(model.boxOf(container).receiver);
        uint256 what = _pick(8);
        if (what < 5) _receive(by, container);
        else if (what < 7) _receiveInPart(by, container);
        else _reject(by, container);
    }

    function _receive(uint256 by, ContainerId container) internal {
        bytes memory told = abi.encodeCall(model.receiveShipment, (_idOf(by), container));
        bytes memory data = abi.encodeCall(stage.custody.receiveShipment, (container));
        _act(by, address(stage.custody), data, told, container, "receive");
    }

    function _reject(uint256 by, ContainerId container) private {
        bytes memory told = abi.encodeCall(model.reject, (_idOf(by), container));
        bytes memory data = abi.encodeCall(stage.custody.reject, (container, bytes32("reason")));
        _act(by, address(stage.custody), data, told, container, "reject");
    }

    function _receiveInPart(uint256 by, ContainerId container) internal {
        Box memory box = model.boxOf(container);
        ICustody.Unit[] memory units;
        ContainerId[] memory containers;
        if (!box.lot.isNoLot()) {
            units = new ICustody.Unit[](1);
            units[0] = ICustody.Unit(box.lot, box.first + _pick(box.count), container);
        } else {
            containers = _boxesOfKind(_idOf(by), 1, BoxKind.Any);
            for (uint256 i = 0; i < 6 && model.boxOf(containers[0]).parent != container; ++i) {
                containers[0] = model.someBox(_pick(1 << 32), BoxKind.Any);
            }
            if (_oneIn(4)) containers[0] = container;
        }
        if (_oneIn(5)) (containers, units) = (_boxesOf(_idOf(by), _pick(2)), _unitsOf(_idOf(by), 1)); // of another
        if (_sendBack(by, container, containers, units)) _departAll(units);
    }

    function _sendBack(uint256 by, ContainerId container, ContainerId[] memory containers, ICustody.Unit[] memory units)
        private
        returns (bool done)
    {
        uint16[4] memory shares = [0, 5_000, 10_000, 10_001];
        uint16 share = shares[_oneIn(6) ? 3 : _pick(3)];
        bytes32 containerReference = _reference();
        bytes memory told =
            abi.encodeCall(model.receiveInPart, (_idOf(by), container, containerReference, containers, units, share));
        bytes memory data = abi.encodeCall(
            stage.custody.receiveInPart, (container, containerReference, containers, units, share, bytes32("reason"))
        );
        bool used = _isUsed(model.boxIdBy(_idOf(by), containerReference));
        done = _act(by, address(stage.custody), data, told, container, "receive in part");
        if (done && used) _break(Rule.Reuse, "receive in part");
    }

    function settleShipment(uint256 seed) external {
        _begin(seed);
        uint256 what = _pick(7);
        if (what == 0) return _handOver();
        if (what < 3) return _verifyReturn();
        ContainerId container = _someBox(what == 3 ? BoxKind.Missing : BoxKind.Refused);
        uint256 by = _caller(model.boxOf(container).sender);
        if (what == 6) {
            bytes memory told = abi.encodeCall(model.reportMissing, (_idOf(by), container));
            bytes memory data = abi.encodeCall(stage.custody.reportMissing, (container));
            _act(by, address(stage.custody), data, told, container, "report missing");
        } else {
            bytes memory told = abi.encodeCall(model.confirmReturn, (_idOf(by), container));
            bytes memory data = abi.encodeCall(stage.custody.confirmReturn, (container));
            _act(by, address(stage.custody), data, told, container, "confirm return");
        }
    }

    function _handOver() private {
        ContainerId container = _someBox(BoxKind.OnItsWay);
        uint256 by = _caller(model.inHand(container));
        OrganizationId to = stage.members[_oneIn(2) ? 7 : _pick(MEMBERS)];
        bytes memory told = abi.encodeCall(model.handOver, (_idOf(by), container, to));
        bytes memory data = abi.encodeCall(stage.custody.handOver, (container, to));
        _act(by, address(stage.custody), data, told, container, "hand over");
    }

    function _verifyReturn() private {
        ContainerId container = _someBox(BoxKind.Returned);
        uint256 by = _caller(model.holderOf(container));
        bytes memory told = abi.encodeCall(model.verifyReturn, (_idOf(by), container));
        bytes memory data = abi.encodeCall(stage.custody.verifyReturn, (container));
        _act(by, address(stage.custody), data, told, container, "verify return");
    }

    // ------------------------------------------------------------------ dispensing

    function dispense(uint256 seed) external {
        _begin(seed);
        _dispense();
        _dispense();
    }

    function _dispense() private {
        Sale memory sale = _newSale();
        uint256 by = _caller(model.holderOfPill(sale.lot, sale.indices[0]));
        bool barred = _isBarred(sale, by);
        bytes memory told =
            abi.encodeCall(model.dispense, (_idOf(by), sale.lot, sale.container, sale.indices, !sale.forged));
        bool one = sale.indices.length == 1 && _oneIn(2);
        bytes memory data = one
            ? abi.encodeCall(
                stage.lots.dispense, (sale.lot, sale.indices[0], sale.container, sale.inners[0], sale.proof)
            )
            : abi.encodeCall(stage.lots.dispenseMany, (sale.lot, sale.container, sale.indices, sale.inners, sale.proof));
        string memory what = one ? "dispense" : sale.indices.length == 1 ? "dispense one" : "dispense many";
        if (!_act(by, address(stage.lots), data, told, sale.container, what)) return;
        if (barred) _break(Rule.Barred, what);
        for (uint256 i = 0; i < sale.indices.length; ++i) {
            _dispensedBy[sale.lot][sale.indices[i]] = by;
            _dispensedOn[sale.lot][sale.indices[i]] = block.timestamp / 1 days;
        }
        _watchUnits(by, sale.lot, what);
    }

    /// @dev Whether a verification of any of the packs finds something against it, or another holder.
    function _isBarred(Sale memory sale, uint256 by) private view returns (bool) {
        if (sale.forged || by == MEMBERS) return true;
        for (uint256 i = 0; i < sale.indices.length; ++i) {
            ILotRegistry.Answer memory answer = stage.lots.verify(packOf(sale.lot, sale.indices[i], sale.container));
            bool verified = answer.finding == ILotRegistry.PackFinding.Verified && answer.holder == _idOf(by);
            if (!verified) return true;
        }
        return false;
    }

    function _newSale() private returns (Sale memory sale) {
        uint256 index;
        (sale.lot, index) = _somePill(PillKind.Sellable);
        sale.container = model.pillOf(sale.lot, index).container;
        uint256 levels = uint8(model.batchOf(sale.lot).terms >> 16);
        uint256 first = index >> levels << levels;
        bool[] memory known = new bool[](2 << levels);
        known[(1 << levels) + index - first] = true;
        uint256 count = 1;
        for (uint256 i = 0; i < 1 << levels && _isAbout(sale, index, first + i); ++i) {
            if (first + i == index || !_oneIn(3)) continue;
            known[(1 << levels) + i] = true;
            ++count;
        }
        (sale.indices, sale.inners) = (new uint256[](count), new bytes32[](count));
        for (uint256 i = 0; count > 0; ++i) {
            if (!known[(1 << levels) + i]) continue;
            uint256 place = sale.indices.length - count--;
            (sale.indices[place], sale.inners[place]) = (first + i, UnitTrees.innerOf(sale.lot, first + i));
        }
        sale.proof =
            UnitTrees.multiproof(UnitTrees.build(address(stage.lots), sale.lot, first >> levels, levels), known);
        if (_oneIn(10)) sale.container = _someBox(BoxKind.Outermost);
        if (_oneIn(10)) _forge(sale);
    }

    /// @dev Whether a unit is to be sold with another: mostly those in the same container.
    function _isAbout(Sale memory sale, uint256 index, uint256 other) private returns (bool) {
        if (index == other || _oneIn(12)) return true;
        return model.pillOf(sale.lot, other).container == sale.container;
    }

    function _forge(Sale memory sale) private {
        sale.forged = true;
        uint256 what = _pick(3);
        if (what == 0) sale.inners[0] = keccak256("another serial");
        else if (what == 1 && sale.proof.length != 0) sale.proof[_pick(sale.proof.length)] = keccak256("another node");
        else sale.indices[0] ^= 1 << _pick(8);
    }

    function undoDispense(uint256 seed) external {
        _begin(seed);
        (LotId lot, uint256 index) = _somePill(PillKind.Dispensed);
        Pill memory pill = model.pillOf(lot, index);
        uint256 by = _caller(_oneIn(4) ? model.holderOfPill(lot, index) : pill.dispenser);
        bytes memory told = abi.encodeCall(model.undoDispense, (_idOf(by), lot, index, pill.container));
        bytes memory data = abi.encodeCall(stage.lots.undoDispense, (lot, index, pill.container));
        if (!_act(by, address(stage.lots), data, told, pill.container, "undo")) return;
        uint256 day = _dispensedOn[lot][index];
        // A container that was shipped on the day of the dispensing may be with another; the events tell.
        bool sameDay = model.boxOf(pill.container).shippedDay == day;
        if (by != _dispensedBy[lot][index] && !sameDay) _break(Rule.Undo, "another's dispensing");
        if (block.timestamp / 1 days > day + 10) _break(Rule.Undo, "after ten days");
        _watchUnits(by, lot, "undo");
    }

    // ------------------------------------------------------------------ ends

    function finish(uint256 seed) external {
        _begin(seed);
        UnitStatus status = UnitStatus(_oneIn(8) ? _pick(8) : 2 + _pick(4));
        if (_oneIn(3)) return _end(status);
        (LotId lot, uint256 index) = _somePill(_oneIn(4) ? PillKind.Scrapped : PillKind.Live);
        uint256[] memory indices = new uint256[](_oneIn(3) ? 2 : 1);
        indices[0] = index;
        if (indices.length == 2) indices[1] = index + (_oneIn(8) ? 0 : 1);
        ContainerId container = model.pillOf(lot, index).container;
        uint256 who = _pick(3);
        uint256 by = who == 0 ? 8 : _caller(who == 1 ? model.batchOf(lot).maker : model.holderOfPill(lot, index));
        if (_oneIn(6)) container = _none();
        bytes memory told = abi.encodeCall(model.endUnits, (_idOf(by), lot, container, indices, status));
        bytes memory data = abi.encodeCall(stage.lots.endUnits, (lot, container, indices, status, bytes32("reason")));
        if (_act(by, address(stage.lots), data, told, container, "end units")) _watchUnits(by, lot, "end units");
    }

    function _end(UnitStatus status) private {
        if (!_oneIn(3)) return; // or nothing is left
        ContainerId container = _someBox(_oneIn(3) ? BoxKind.Missing : BoxKind.Outermost);
        uint256 by = _caller(model.holderOf(container));
        bytes memory told = abi.encodeCall(model.end, (_idOf(by), container, status));
        bytes memory data = abi.encodeCall(stage.custody.end, (container, status, bytes32("reason")));
        _act(by, address(stage.custody), data, told, container, "end");
    }

    function investigate(uint256 seed) external {
        _begin(seed);
        uint256 what = _pick(7);
        if (what == 6) return _notice();
        (LotId lot, uint256 index) = _somePill(what < 3 ? PillKind.Live : PillKind.Suspect);
        Pill memory pill = model.pillOf(lot, index);
        OrganizationId chosen = pill.suspect ? pill.investigation.by : model.holderOfPill(lot, index);
        uint256 by = _oneIn(4) ? 8 : _oneIn(4) ? _caller(model.batchOf(lot).maker) : _caller(chosen);
        bytes memory told;
        bytes memory data;
        if (what < 3) {
            told = abi.encodeCall(model.suspect, (_idOf(by), lot, index, pill.container));
            data = abi.encodeCall(stage.lots.suspect, (lot, index, pill.container, bytes32("reason")));
        } else if (what < 5) {
            told = abi.encodeCall(model.clear, (_idOf(by), lot, index));
            data = abi.encodeCall(stage.lots.clear, (lot, index, bytes32("reason")));
        } else {
            told = abi.encodeCall(model.determineIllegitimate, (_idOf(by), lot, index));
            data = abi.encodeCall(stage.lots.determineIllegitimate, (lot, index, bytes32("reason")));
        }
        string memory name = what < 3 ? "suspect" : what < 5 ? "clear" : "illegitimate";
        if (!_act(by, address(stage.lots), data, told, pill.container, name)) return;
        _watchUnits(by, lot, name);
        if (what == 5) _notice();
    }

    function _notice() private {
        (LotId lot, uint256 index) = _somePill(PillKind.Illegitimate);
        uint256 by = _oneIn(4) ? 8 : _caller(model.pillOf(lot, index).investigation.by);
        bytes memory told = abi.encodeCall(model.recordNotice, (_idOf(by), lot, index));
        bytes memory data = abi.encodeCall(stage.lots.recordNotice, (lot, index, bytes32("notice")));
        _act(by, address(stage.lots), data, told, _none(), "notice");
    }

    // ------------------------------------------------------------------ choices

    /// @dev Of an SSCC: one more, or one that was used.
    function _reference() internal returns (bytes32 found) {
        if (model.boxCount() >= MOST_BOXES || (_references.length != 0 && _oneIn(12))) {
            return _references[_pick(_references.length)];
        }
        found = keccak256(abi.encode("SSCC", _references.length));
        _references.push(found);
    }

    function _isUsed(ContainerId container) internal view returns (bool) {
        return stage.custody.containerOf(container).state != ICustody.ContainerState.Unknown;
    }

    function _boxesOf(OrganizationId holder, uint256 count) internal returns (ContainerId[] memory) {
        return _boxesOfKind(holder, count, _oneIn(3) ? BoxKind.Inside : BoxKind.Outermost);
    }

    /// @dev Mostly of a holder's.
    function _boxesOfKind(OrganizationId holder, uint256 count, BoxKind kind)
        internal
        returns (ContainerId[] memory found)
    {
        found = new ContainerId[](count);
        for (uint256 i = 0; i < count; ++i) {
            found[i] = _someBox(kind);
            for (uint256 k = 0; k < 5 && model.holderOf(found[i]) != holder; ++k) {
                found[i] = _someBox(kind);
            }
        }
    }

    function _unitsOf(OrganizationId holder, uint256 count) internal returns (ICustody.Unit[] memory found) {
        found = new ICustody.Unit[](count);
        for (uint256 i = 0; i < count; ++i) {
            (LotId lot, uint256 index) = _somePill(PillKind.Live);
            for (uint256 k = 0; k < 5 && model.holderOfPill(lot, index) != holder; ++k) {
                (lot, index) = _somePill(PillKind.Live);
            }
            found[i] = ICustody.Unit(lot, index, model.pillOf(lot, index).container);
            if (_oneIn(12)) found[i].container = _someBox(BoxKind.Outermost);
        }
    }

    function _departAll(ICustody.Unit[] memory units) private {
        for (uint256 i = 0; i < units.length; ++i) {
            _depart(units[i].lot, units[i].index, units[i].container);
        }
    }

    function _deadline() internal returns (uint40) {
        return uint40(_oneIn(15) ? block.timestamp : block.timestamp + 1 hours + _pick(3 days));
    }

    function _none() internal pure returns (ContainerId) {
        return ContainerId.wrap(0);
    }
}

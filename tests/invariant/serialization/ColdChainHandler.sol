// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {ContainerId} from "../../../contracts/serialization/ContainerId.sol";
import {IColdChain} from "../../../contracts/serialization/IColdChain.sol";
import {LotId} from "../../../contracts/serialization/LotId.sol";

import {MEMBERS, Stage} from "./SerializationFixture.sol";
import {SupplyHandler} from "./SupplyHandler.sol";
import {BoxKind, PillKind} from "./SupplyModel.sol";
import {Rule} from "./SupplyWatch.sol";

/// @notice What operators of devices and anybody can do to the cold chain of goods that are on their way meanwhile.
contract ColdChainHandler is SupplyHandler {
    uint256 private constant P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551;

    struct Sensor {
        bytes32 device;
        uint256 operator;
        uint256 secret;
        IColdChain.Curve curve;
        uint32 sequence; // of the last window that was accepted since it was bound
        uint40 end;
    }

    Sensor[] private _sensors;
    IColdChain.Window private _last;
    bytes private _lastSignature;
    mapping(bytes32 digest => bool taken) private _taken;

    constructor(Stage memory stage_) SupplyHandler(stage_) {
        for (uint256 i = 0; i < 3; ++i) {
            _register(101 + i * 2);
        }
    }

    // ------------------------------------------------------------------ acts

    function tendDevice(uint256 seed) external {
        _begin(seed);
        uint256 what = _pick(12);
        if (what == 0) return _register(_sensors[_pick(_sensors.length)].secret);
        if (what == 1) return _setLimits();
        Sensor storage sensor = _sensors[_pick(_sensors.length)];
        uint256 by = _caller(stage.members[sensor.operator]);
        if (what == 2 && _oneIn(3)) {
            bytes memory retired = abi.encodeCall(model.retireDevice, (_idOf(by), sensor.device));
            bytes memory retires = abi.encodeCall(stage.coldChain.retireDevice, (sensor.device));
            _act(by, address(stage.coldChain), retires, retired, _none(), "retire");
        } else if (what < 5) {
            bytes memory told = abi.encodeCall(model.unbindDevice, (_idOf(by), sensor.device));
            bytes memory data = abi.encodeCall(stage.coldChain.unbindDevice, (sensor.device));
            _act(by, address(stage.coldChain), data, told, _none(), "unbind");
        } else {
            _bind(by, sensor);
        }
    }

    function _bind(uint256 by, Sensor storage sensor) private {
        ContainerId container = _someBox(BoxKind.OnItsWay);
        for (uint256 i = 0; i < 20 && model.inHand(container) != _idOf(by); ++i) {
            container = _someBox(_oneIn(2) ? BoxKind.OnItsWay : BoxKind.Outermost);
        }
        bool none = stage.coldChain.limitsOf(model.boxOf(container).lot).highest != 0 && !_oneIn(6);
        IColdChain.Limits memory limits = none ? IColdChain.Limits(0, 0, 0) : IColdChain.Limits(200, 800, 500);
        if (_oneIn(12)) limits = IColdChain.Limits(800, 200, 500);
        bytes memory told = abi.encodeCall(model.bindDevice, (_idOf(by), sensor.device, container, limits));
        bytes memory data = abi.encodeCall(stage.coldChain.bindDevice, (sensor.device, container, limits));
        if (!_act(by, address(stage.coldChain), data, told, container, "bind")) return;
        if (by != sensor.operator) _break(Rule.Windows, "bound by another");
        (sensor.sequence, sensor.end) = (0, uint40(block.timestamp));
    }

    function _setLimits() private {
        (LotId lot,) = _somePill(PillKind.Any);
        uint256 by = _caller(model.batchOf(lot).maker);
        IColdChain.Limits memory limits = IColdChain.Limits(0, _oneIn(6) ? -1 : int16(1_000), 700);
        bytes memory told = abi.encodeCall(model.setLimits, (_idOf(by), lot, limits));
        bytes memory data = abi.encodeCall(stage.coldChain.setLimits, (lot, limits));
        _act(by, address(stage.coldChain), data, told, _none(), "limits");
    }

    function recordWindow(uint256 seed) external {
        _begin(seed);
        Sensor storage sensor = _someSensor();
        if (!_oneIn(8) && model.bindingOf(sensor.device).container.isNoContainer()) {
            return _bind(_caller(stage.members[sensor.operator]), sensor);
        }
        if (_last.device != 0 && _oneIn(8)) return _record(_sensorOf(_last.device), _last, _lastSignature, true);
        IColdChain.Window memory window = _newWindow(sensor);
        bool signed = !_oneIn(10);
        _record(sensor, window, _signed(sensor, window, signed), signed);
    }

    function _record(Sensor storage sensor, IColdChain.Window memory window, bytes memory signature, bool signed)
        private
    {
        uint256 excursions = model.bindingOf(window.device).excursions;
        (OrganizationId inHand,) = stage.custody.inHand(window.container);
        bool wasFlagged = stage.custody.containerOf(window.container).excursion;
        bytes memory told = abi.encodeCall(model.recordWindow, (window, signed));
        bytes memory data = abi.encodeCall(stage.coldChain.recordWindow, (window, signature));
        if (!_act(_pick(MEMBERS + 1), address(stage.coldChain), data, told, window.container, "window")) return;
        if (inHand != _idOf(sensor.operator)) {
            if (model.bindingOf(window.device).excursions > excursions) ++reached["excursion not in hand"];
            bool flags = !wasFlagged && stage.custody.containerOf(window.container).excursion;
            if (flags) _break(Rule.Others, "flagged what is not in hand");
        }
        _remember(sensor, window, signature, signed);
    }

    function _remember(Sensor storage sensor, IColdChain.Window memory window, bytes memory signature, bool signed)
        private
    {
        bytes32 digest = keccak256(abi.encode(window));
        bool follows = window.sequence == sensor.sequence + 1 && window.start == sensor.end;
        if (!follows || !signed || _taken[digest]) _break(Rule.Windows, "out of sequence, or by another");
        if (window.end > block.timestamp) _break(Rule.Windows, "of the future");
        (sensor.sequence, sensor.end, _taken[digest]) = (window.sequence, window.end, true);
        (_last, _lastSignature) = (window, signature);
    }

    function _newWindow(Sensor storage sensor) private returns (IColdChain.Window memory window) {
        IColdChain.Binding memory binding = model.bindingOf(sensor.device);
        (window.device, window.container) = (sensor.device, binding.container);
        if (_oneIn(20)) window.container = _someBox(BoxKind.Any);
        window.sequence = binding.sequence + 1;
        if (_oneIn(15)) window.sequence = uint32(_pick(4));
        window.start = binding.end;
        if (_oneIn(15)) window.start = _oneIn(2) ? window.start + 1 : window.start - window.start / 2;
        if (block.timestamp <= window.start && !_oneIn(10)) vm.warp(uint256(window.start) + 1 + _pick(3 hours));
        window.end = uint40(_oneIn(15) ? block.timestamp + 1 : block.timestamp);
        window.root = _oneIn(10) ? bytes32(0) : keccak256("readings");
        (window.lowest, window.mean, window.highest) = (250, 400, _oneIn(3) ? int16(1_200) : int16(600));
        if (_oneIn(15)) window.mean = 100;
    }

    function _someSensor() private returns (Sensor storage sensor) {
        uint256 length = _sensors.length;
        uint256 start = _pick(length);
        for (uint256 i = 0; i < length; ++i) {
            sensor = _sensors[(start + i) % length];
            if (!model.bindingOf(sensor.device).container.isNoContainer()) return sensor;
        }
        return _sensors[start];
    }

    function _sensorOf(bytes32 device) private view returns (Sensor storage sensor) {
        for (uint256 i = 0; i < _sensors.length; ++i) {
            if (_sensors[i].device == device) return _sensors[i];
        }
        return _sensors[0];
    }

    function _signed(Sensor storage sensor, IColdChain.Window memory window, bool well)
        private
        view
        returns (bytes memory)
    {
        bytes32 kind = keccak256(
            "Window(bytes32 device,bytes12 container,uint32 sequence,uint40 start,uint40 end,int16 lowest,int16 highest,"
            "int16 mean,bytes32 root)"
        );
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("careledger ColdChain"),
                keccak256("1"),
                block.chainid,
                address(stage.coldChain)
            )
        );
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", domain, keccak256(abi.encode(kind, window))));
        uint256 secret = well ? sensor.secret : sensor.secret + 1;
        if (sensor.curve == IColdChain.Curve.P256) {
            (bytes32 x, bytes32 y) = vm.signP256(secret, digest);
            uint256 s = uint256(y);
            return abi.encodePacked(x, s > P256_ORDER / 2 ? P256_ORDER - s : s);
        }
        (uint8 v, bytes32 r, bytes32 s_) = vm.sign(secret, digest);
        return abi.encodePacked(r, s_, v);
    }

    function _register(uint256 secret) private {
        uint256[3] memory operators = [uint256(1), 3, 7];
        IColdChain.Curve curve = secret % 3 == 0 ? IColdChain.Curve.P256 : IColdChain.Curve.Secp256k1;
        uint256 by = _sensors.length < 3 ? operators[_sensors.length] : _pick(MEMBERS + 1);
        (bytes32 x, bytes32 y) = (bytes32(uint256(uint160(vm.addr(secret)))), bytes32(0));
        if (curve == IColdChain.Curve.P256) {
            (uint256 px, uint256 py) = vm.publicKeyP256(secret);
            (x, y) = (bytes32(px), bytes32(py));
        }
        bool sound = _sensors.length < 3 || !_oneIn(6);
        if (!sound) (x, y) = (x, bytes32(uint256(y) ^ 1));
        bytes memory told = abi.encodeCall(model.registerDevice, (_idOf(by), curve, x, y, sound));
        bytes memory data = abi.encodeCall(stage.coldChain.registerDevice, (curve, x, y));
        if (!_act(by, address(stage.coldChain), data, told, _none(), "register")) return;
        bytes32 device = keccak256(abi.encode(_idOf(by), curve, x, y));
        if (_sensors.length == 0 || _sensorOf(device).device != device) {
            _sensors.push(Sensor(device, by, secret, curve, 0, 0));
        }
    }

    function sensorCount() external view returns (uint256) {
        return _sensors.length;
    }

    function sensorAt(uint256 i) external view returns (bytes32) {
        return _sensors[i].device;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

import {IOrganizationRegistry} from "../identity/IOrganizationRegistry.sol";
import {KeySignature} from "../identity/KeySignature.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {MemberRole, MemberRoles} from "../identity/Roles.sol";
import {ContainerId} from "./ContainerId.sol";
import {IColdChain} from "./IColdChain.sol";
import {ICustody} from "./ICustody.sol";
import {ILotRegistry} from "./ILotRegistry.sol";
import {LotId} from "./LotId.sol";

/// @title ColdChain
/// @notice See {IColdChain}.
contract ColdChain is IColdChain, EIP712 {
    bytes32 private constant WINDOW_TYPEHASH = keccak256(
        "Window(bytes32 device,bytes12 container,uint32 sequence,uint40 start,uint40 end,int16 lowest,int16 highest,"
        "int16 mean,bytes32 root)"
    );

    IOrganizationRegistry private immutable _registry;
    ILotRegistry private immutable _lots;
    ICustody private immutable _custody;

    mapping(bytes32 device => Device held) private _devices;
    mapping(bytes32 device => Binding held) private _bindings;
    mapping(LotId lot => Limits held) private _limits;

    constructor(IOrganizationRegistry registry_, ILotRegistry lots_, ICustody custody_)
        EIP712("careledger ColdChain", "1")
    {
        _registry = registry_;
        _lots = lots_;
        _custody = custody_;
    }

    // ------------------------------------------------------------------ operators

    /// @inheritdoc IColdChain
    function registerDevice(Curve curve, bytes32 x, bytes32 y) external returns (bytes32 device) {
        OrganizationId operator = _registry.requireActive(msg.sender, MemberRoles.bit(MemberRole.DeviceOperator));
        bool valid = curve == Curve.P256
            ? P256.isValidPublicKey(x, y)
            : curve == Curve.Secp256k1 && y == 0 && x != 0 && uint256(x) <= type(uint160).max;
        if (!valid) revert ColdChainInvalidKey(curve, x, y);
        device = keccak256(abi.encode(operator, curve, x, y));
        if (_devices[device].curve != Curve.None) return device;
        _devices[device] = Device({operator: operator, curve: curve, retired: false, x: x, y: y});
        emit DeviceRegistered(device, operator, curve, x, y);
    }

    /// @inheritdoc IColdChain
    function retireDevice(bytes32 device) external {
        OrganizationId operator = _requireOperator(device, _registry.requireKey(msg.sender));
        if (_devices[device].retired) return;
        _devices[device].retired = true;
        emit DeviceRetired(device, operator);
    }

    /// @inheritdoc IColdChain
    function bindDevice(bytes32 device, ContainerId container, Limits calldata limits) external {
        OrganizationId operator =
            _requireOperator(device, _registry.requireActive(msg.sender, MemberRoles.bit(MemberRole.DeviceOperator)));
        if (_devices[device].retired) revert ColdChainUnknownDevice(device);
        if (!_bindings[device].container.isNoContainer()) {
            revert ColdChainOtherContainer(device, _bindings[device].container);
        }
        (OrganizationId inHand, LotId lot) = _custody.inHand(container);
        if (inHand != operator) revert ColdChainNotInHand(container, operator);
        Limits memory chosen = _limits[lot];
        if (_isNone(chosen)) chosen = limits;
        else if (!_isNone(limits)) revert ColdChainInvalidLimits(limits.lowest, limits.highest, limits.highestMean);
        _requireLimits(chosen);
        _bindings[device] = Binding({
            container: container,
            end: uint40(block.timestamp),
            sequence: 0,
            excursions: 0,
            lowest: chosen.lowest,
            highest: chosen.highest,
            highestMean: chosen.highestMean
        });
        emit DeviceBound(device, container, operator, chosen.lowest, chosen.highest, chosen.highestMean);
    }

    /// @inheritdoc IColdChain
    function unbindDevice(bytes32 device) external {
        _requireOperator(device, _registry.requireKey(msg.sender));
        ContainerId container = _bindings[device].container;
        if (container.isNoContainer()) revert ColdChainOtherContainer(device, container);
        delete _bindings[device];
        emit DeviceUnbound(device, container);
    }

    // ------------------------------------------------------------------ makers

    /// @inheritdoc IColdChain
    function setLimits(LotId lot, Limits calldata limits) external {
        OrganizationId caller = _registry.requireActive(msg.sender, MemberRoles.ALL);
        OrganizationId maker = _lots.lotOf(lot).maker;
        if (maker != caller) revert ColdChainNotTheMaker(lot, maker, caller);
        _requireLimits(limits);
        _limits[lot] = limits;
        emit LimitsSet(lot, limits.lowest, limits.highest, limits.highestMean);
    }

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc IColdChain
    function recordWindow(Window calldata window, bytes calldata signature) external {
        Binding memory binding = _bindings[window.device];
        if (binding.container != window.container || window.container.isNoContainer()) {
            revert ColdChainOtherContainer(window.device, binding.container);
        }
        if (window.sequence != binding.sequence + 1 || window.start != binding.end) {
            revert ColdChainNotTheNext(window.device, window.sequence, window.start, binding.sequence, binding.end);
        }
        bool ordered = window.lowest <= window.mean && window.mean <= window.highest;
        if (window.end <= window.start || window.end > block.timestamp || !ordered) {
            revert ColdChainInvalidWindow(window.device, window.sequence);
        }
        _requireSignature(window, signature);
        bool excursion = window.root == 0 || window.lowest < binding.lowest || window.highest > binding.highest
            || window.mean > binding.highestMean;
        (binding.sequence, binding.end) = (window.sequence, window.end);
        if (excursion && binding.excursions != type(uint16).max) ++binding.excursions;
        _bindings[window.device] = binding;
        emit WindowRecorded(window.device, window.container, window, excursion);
        if (!excursion) return;
        // slither-disable-next-line unused-return
        (OrganizationId inHand,) = _custody.inHand(window.container);
        if (inHand == _devices[window.device].operator) _custody.flagExcursion(window.container);
    }

    // ------------------------------------------------------------------ reads

    /// @inheritdoc IColdChain
    function deviceOf(bytes32 device) external view returns (Device memory) {
        return _devices[device];
    }

    /// @inheritdoc IColdChain
    function bindingOf(bytes32 device) external view returns (Binding memory) {
        return _bindings[device];
    }

    /// @inheritdoc IColdChain
    function limitsOf(LotId lot) external view returns (Limits memory) {
        return _limits[lot];
    }

    // ------------------------------------------------------------------ checks

    function _requireOperator(bytes32 device, OrganizationId caller) private view returns (OrganizationId operator) {
        operator = _devices[device].operator;
        if (operator.isZero()) revert ColdChainUnknownDevice(device);
        if (operator != caller) revert ColdChainNotTheOperator(device, operator, caller);
    }

    function _requireSignature(Window calldata window, bytes calldata signature) private view {
        Device storage device = _devices[window.device];
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(WINDOW_TYPEHASH, window)));
        bool valid;
        if (device.curve == Curve.P256) {
            valid = signature.length == 64
                && P256.verify(digest, bytes32(signature[:32]), bytes32(signature[32:]), device.x, device.y);
        } else {
            valid = KeySignature.isValid(address(uint160(uint256(device.x))), digest, signature);
        }
        if (!valid || device.retired) revert ColdChainInvalidSignature(window.device);
    }

    function _requireLimits(Limits memory limits) private pure {
        if (limits.lowest > limits.highestMean || limits.highestMean > limits.highest || _isNone(limits)) {
            revert ColdChainInvalidLimits(limits.lowest, limits.highest, limits.highestMean);
        }
    }

    function _isNone(Limits memory limits) private pure returns (bool) {
        return limits.lowest == 0 && limits.highest == 0 && limits.highestMean == 0;
    }
}

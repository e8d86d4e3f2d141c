// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "../identity/OrganizationId.sol";
import {ContainerId} from "./ContainerId.sol";
import {LotId} from "./LotId.sol";

/// @title The cold chain of containers
/// @notice Answers, for a container with a sensor: was it kept within its temperature all the way?
///
/// Terms:
/// - *Device*: a data logger with a key of its own, of P-256 as secure elements have, or of secp256k1. Its operator
///   registers it.
/// - *Binding*: a device goes with a container, by its operator, who holds the container or carries it.
/// - *Window*: a time for which a device signs a Merkle root of its readings, and their least, greatest and mean
/// kinetic   temperature (USP <1079.2>). Windows of a binding follow one another without a gap; a time without readings
/// is told   as a window without a root, which is an excursion.
/// - *Limits*: of a lot, by its maker. A container with several lots has those that its operator states.
/// - *Excursion*: a window outside the limits. It is flagged on the container while its operator has that in hand, for
/// the receiver to see before it accepts; later it is told only.
///
/// Temperatures are in hundredths of a degree Celsius.
interface IColdChain {
    /// @notice Which curve a device's key is on. A P-256 key has two coordinates, a secp256k1 key is an address in `x`.
    enum Curve {
        None,
        P256,
        Secp256k1
    }

    /// @notice A device.
    struct Device {
        OrganizationId operator;
        Curve curve;
        bool retired;
        bytes32 x;
        bytes32 y;
    }

    /// @notice What a temperature may be. All zero: none stated.
    struct Limits {
        int16 lowest; // hundredths of a degree Celsius
        int16 highest; // hundredths of a degree Celsius
        int16 highestMean; // kinetic, hundredths of a degree Celsius
    }

    /// @notice A device's going with a container. One slot.
    struct Binding {
        ContainerId container; // zero if it goes with none
        uint40 end; // Unix seconds, of the last window; at first, of the binding
        uint32 sequence; // of the last window
        uint16 excursions;
        int16 lowest; // hundredths of a degree Celsius, the limits
        int16 highest;
        int16 highestMean;
    }

    /// @notice What a device signs.
    struct Window {
        bytes32 device;
        ContainerId container;
        uint32 sequence; // from 1
        uint40 start; // Unix seconds; the end of the window before
        uint40 end; // Unix seconds
        int16 lowest; // hundredths of a degree Celsius
        int16 highest; // hundredths of a degree Celsius
        int16 mean; // kinetic, hundredths of a degree Celsius
        bytes32 root; // of the readings; zero if there are none
    }

    /// @notice A device was registered.
    event DeviceRegistered(bytes32 indexed device, OrganizationId indexed operator, Curve curve, bytes32 x, bytes32 y);
    /// @notice A device was retired.
    event DeviceRetired(bytes32 indexed device, OrganizationId indexed operator);
    /// @notice A lot has limits.
    event LimitsSet(LotId indexed lot, int16 lowest, int16 highest, int16 highestMean);
    /// @notice A device goes with a container.
    event DeviceBound(
        bytes32 indexed device,
        ContainerId indexed container,
        OrganizationId indexed operator,
        int16 lowest,
        int16 highest,
        int16 highestMean
    );
    /// @notice A device goes with a container no more.
    event DeviceUnbound(bytes32 indexed device, ContainerId indexed container);
    /// @notice A window was recorded.
    event WindowRecorded(bytes32 indexed device, ContainerId indexed container, Window window, bool excursion);

    /// @notice Thrown when a key is on no curve, or not on its curve.
    error ColdChainInvalidKey(Curve curve, bytes32 x, bytes32 y);
    /// @notice Thrown when no device has this id, or it is retired.
    error ColdChainUnknownDevice(bytes32 device);
    /// @notice Thrown when a device is another's.
    error ColdChainNotTheOperator(bytes32 device, OrganizationId operator, OrganizationId caller);
    /// @notice Thrown when the operator neither holds nor carries a container.
    error ColdChainNotInHand(ContainerId container, OrganizationId operator);
    /// @notice Thrown when a device goes with a container already, or with another.
    error ColdChainOtherContainer(bytes32 device, ContainerId container);
    /// @notice Thrown when limits contradict each other, or are stated where the lot has its own.
    error ColdChainInvalidLimits(int16 lowest, int16 highest, int16 highestMean);
    /// @notice Thrown when a lot is another maker's.
    error ColdChainNotTheMaker(LotId lot, OrganizationId maker, OrganizationId caller);
    /// @notice Thrown when a window does not follow the one before: a replay, or a gap.
    error ColdChainNotTheNext(bytes32 device, uint32 sequence, uint40 start, uint32 lastSequence, uint40 lastEnd);
    /// @notice Thrown when a window ends before it starts or in the future, or its temperatures contradict each other.
    error ColdChainInvalidWindow(bytes32 device, uint32 sequence);
    /// @notice Thrown when a signature is not the device's.
    error ColdChainInvalidSignature(bytes32 device);

    /// @notice Registers a device of the caller's.
    function registerDevice(Curve curve, bytes32 x, bytes32 y) external returns (bytes32 device);

    /// @notice Retires a device of the caller's.
    function retireDevice(bytes32 device) external;

    /// @notice Sets a lot's limits, as its maker.
    function setLimits(LotId lot, Limits calldata limits) external;

    /// @notice Has a device of the caller's go with a container that it holds or carries.
    /// @param limits Where the container's lot has none, or it has several lots; else all zero.
    function bindDevice(bytes32 device, ContainerId container, Limits calldata limits) external;

    /// @notice Has a device of the caller's go with its container no more.
    function unbindDevice(bytes32 device) external;

    /// @notice Records a window, by the device's signature over `Window(bytes32 device,bytes12 container,uint32
    /// sequence,uint40 start,uint40 end,int16 lowest,int16 highest,int16 mean,bytes32 root)`. Anybody may send it.
    /// @param signature 64 bytes of P-256 with a low `s`; of secp256k1 as keys have it.
    function recordWindow(Window calldata window, bytes calldata signature) external;

    /// @return A device; all zero if it is unknown.
    function deviceOf(bytes32 device) external view returns (Device memory);

    /// @return A device's binding; all zero if it goes with no container.
    function bindingOf(bytes32 device) external view returns (Binding memory);

    /// @return A lot's limits; all zero if it has none.
    function limitsOf(LotId lot) external view returns (Limits memory);
}

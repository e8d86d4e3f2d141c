// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "../identity/OrganizationId.sol";
import {ContainerId} from "./ContainerId.sol";
import {LotId} from "./LotId.sol";
import {UnitStatus} from "./UnitCells.sol";

/// @title Containers and their custody
/// @notice Answers, for each unit and container: who holds it?
///
/// Terms:
/// - *Container*: a case, pallet, tote or parcel with an SSCC. A *homogeneous* one is a range of a lot's numbers, which
/// the maker packs without proof, as nobody else can have them. It may be made of equal cases that are not told one by
/// one until they are taken out. A *mixed* one has what was put into it: units, and other containers.
/// - *Place*: every unit and every container is in one place: a container, or an organization. So none can have two
///   holders. What packs by a list of hashes would need each of them compared with all others.
/// - *Holder*: the organization that has what is outermost. On its way, it is the sender until the receiver accepts.
/// - *Carrier*: who has a shipment on its way. It has possession, and never becomes the holder.
///
/// | from | to | by |
/// |---|---|---|
/// | - | held | the maker, of a range; the holder, of what it has |
/// | held | in transit | the holder, naming the receiver |
/// | in transit | held | the receiver; the sender once the deadline is past and it is back |
/// | in transit | rejected | the receiver |
/// | rejected | held | the sender, once it is back |
/// | in transit past its deadline, rejected | missing | the sender |
/// | missing | held | the sender, once it is back |
/// | missing | ended | the sender |
/// | held | ended | the holder; a repackager's inputs |
interface ICustody {
    /// @notice Of a container.
    enum ContainerState {
        Unknown,
        Held,
        InTransit,
        Rejected,
        Missing,
        Ended
    }

    /// @notice A container.
    struct Container {
        ContainerState state; // of a container inside another, of what is outermost
        OrganizationId holder;
        OrganizationId receiver; // in transit, else zero
        ContainerId parent; // zero if it is in none
        LotId lot; // of a homogeneous one, else zero
        uint32 first; // of its numbers
        uint32 count; // of its numbers; 0 in a mixed one
        uint8 cases; // equal parts that can be taken out; 0 if none
        bool opened; // it is not shipped as a whole any more
        bool returned; // on its way back, or back and not verified yet: not for redistribution
        bool excursion; // the cold chain was broken
        UnitStatus ended; // what became of it; `InSupply` while it did not end
    }

    /// @notice A shipment, the last one of its container. One slot.
    struct Shipment {
        OrganizationId sender;
        OrganizationId carrier; // zero if none has it
        uint40 deadline; // Unix seconds; past it, a shipment that was not accepted is to come back
        uint16 day; // days since 1970-01-01 UTC, of the shipping
        bool isReturn; // it goes back
    }

    /// @notice A unit.
    struct Unit {
        LotId lot;
        uint256 index;
        ContainerId container; // in which it is; zero if it was unpacked
    }

    /// @notice A homogeneous container was packed, or taken out of another, see {ContainerUnpacked}.
    event RangePacked(
        ContainerId indexed container,
        OrganizationId indexed packer,
        LotId indexed lot,
        uint256 first,
        uint256 count,
        uint8 cases,
        address key
    );
    /// @notice A mixed container was packed; what is in it follows.
    event MixedPacked(ContainerId indexed container, OrganizationId indexed packer, address key);
    /// @notice A container was put into another.
    event ContainerNested(ContainerId indexed container, ContainerId indexed parent);
    /// @notice A container was taken out of another.
    event ContainerUnpacked(ContainerId indexed container, ContainerId indexed parent, OrganizationId indexed holder);
    /// @notice Units were put into a container, or unpacked if it is zero.
    event UnitsMoved(LotId indexed lot, uint256 index, ContainerId indexed container, OrganizationId indexed holder);
    /// @notice A container was opened.
    event ContainerOpened(ContainerId indexed container, OrganizationId indexed holder);
    /// @notice A container was shipped. `terms` is a salted hash of what was agreed.
    event Shipped(
        ContainerId indexed container,
        OrganizationId indexed sender,
        OrganizationId indexed receiver,
        OrganizationId carrier,
        uint40 deadline,
        bool isReturn,
        bytes32 terms
    );
    /// @notice A carrier handed a shipment to another.
    event HandedOver(ContainerId indexed container, OrganizationId indexed from, OrganizationId indexed to);
    /// @notice A shipment was accepted.
    event Received(ContainerId indexed container, OrganizationId indexed receiver, address key);
    /// @notice A shipment, or what was put into `container` of it, was rejected.
    event Rejected(ContainerId indexed container, OrganizationId indexed receiver, address key, bytes32 reason);
    /// @notice A shipment came back.
    event CameBack(ContainerId indexed container, OrganizationId indexed sender, address key);
    /// @notice A shipment is missing.
    event ReportedMissing(ContainerId indexed container, OrganizationId indexed sender, address key);
    /// @notice What was returned was verified: it may go on.
    event ReturnVerified(ContainerId indexed container, OrganizationId indexed holder, address key);
    /// @notice A container came to an end with all that is in it.
    event ContainerEnded(
        ContainerId indexed container, UnitStatus status, OrganizationId indexed by, address key, bytes32 reason
    );
    /// @notice The cold chain of a container was broken.
    event ExcursionFlagged(ContainerId indexed container);
    /// @notice The register of lots was set.
    event LotsSet(address indexed lots);
    /// @notice Another contract may flag excursions.
    event ColdChainChanged(address indexed previous, address indexed coldChain);
    /// @notice The contract that pays on receipt was set.
    event EscrowSet(address indexed escrow);

    /// @notice Thrown when the packer used this SSCC before.
    error CustodyContainerExists(ContainerId container);
    /// @notice Thrown when no container has this id.
    error CustodyUnknownContainer(ContainerId container);
    /// @notice Thrown when a range has no numbers, or not as many in each case.
    error CustodyInvalidRange(uint256 first, uint256 count, uint8 cases);
    /// @notice Thrown when the caller does not hold what it names.
    error CustodyNotTheHolder(ContainerId container, OrganizationId holder, OrganizationId caller);
    /// @notice Thrown when a container is not in a state in which it can be done.
    error CustodyForbiddenTransition(ContainerId container, ContainerState state);
    /// @notice Thrown when a container inside another is moved as if it were outermost.
    error CustodyNested(ContainerId container, ContainerId parent);
    /// @notice Thrown when a container is not inside the one named.
    error CustodyNotNested(ContainerId container, ContainerId parent);
    /// @notice Thrown when a container would be put into itself.
    error CustodyCycle(ContainerId container, ContainerId parent);
    /// @notice Thrown when a unit is not in the container named.
    error CustodyNotInContainer(LotId lot, uint256 index, ContainerId container);
    /// @notice Thrown when units are put into a homogeneous container, or cases taken out of one that has none.
    error CustodyWrongKind(ContainerId container);
    /// @notice Thrown when a case was taken out already, or there is none of that number.
    error CustodyNoSuchCase(ContainerId container, uint8 number);
    /// @notice Thrown when a container was opened, and so is not shipped.
    error CustodyOpened(ContainerId container);
    /// @notice Thrown when what was returned was not verified, and would go on.
    error CustodyNotVerified(ContainerId container);
    /// @notice Thrown when something was taken out of a container that would be used up as a whole.
    error CustodyNotWhole(ContainerId container);
    /// @notice Thrown when a unit came to an end or is suspect, and would be moved on.
    error CustodyUnitNotInSupply(LotId lot, uint256 index);
    /// @notice Thrown when the caller is not the receiver.
    error CustodyNotTheReceiver(ContainerId container, OrganizationId receiver, OrganizationId caller);
    /// @notice Thrown when the caller is not the sender.
    error CustodyNotTheSender(ContainerId container, OrganizationId sender, OrganizationId caller);
    /// @notice Thrown when the caller does not have a shipment in hand.
    error CustodyNotTheCarrier(ContainerId container, OrganizationId carrier, OrganizationId caller);
    /// @notice Thrown when a deadline is past, or not yet.
    error CustodyDeadline(ContainerId container, uint40 deadline, uint40 blockTime);
    /// @notice Thrown when a receiver is missing, or is the sender.
    error CustodyInvalidReceiver(ContainerId container, OrganizationId receiver);
    /// @notice Thrown when a container cannot end so.
    error CustodyInvalidEnd(ContainerId container, UnitStatus status);
    /// @notice Thrown when another contract of the suite is set already.
    error CustodyContractSet(address current);
    /// @notice Thrown when a shipment is received in part, and nothing of it rejected.
    error CustodyNothingRejected(ContainerId container);
    /// @notice Thrown when another contract of the suite has to call, or is not set.
    error CustodyNotTheContract(address caller, address expected);

    // ------------------------------------------------------------------ packing

    /// @notice Packs numbers of a lot, as its maker.
    /// @param containerReference A salted hash of the SSCC, see `containerIdOf`.
    /// @param first At least the lot's `packed`; numbers left out are never used.
    /// @param cases Equal parts that can be taken out later, 0 if none.
    function packRange(bytes32 containerReference, LotId lot, uint32 first, uint32 count, uint8 cases)
        external
        returns (ContainerId container);

    /// @notice Packs containers and units that the caller holds, wherever they are, into a new container.
    function pack(bytes32 containerReference, ContainerId[] calldata containers, Unit[] calldata units)
        external
        returns (ContainerId container);

    /// @notice Adds to a mixed container that the caller holds.
    function add(ContainerId container, ContainerId[] calldata containers, Unit[] calldata units) external;

    /// @notice Takes containers out of one that the caller holds.
    function unpack(ContainerId parent, ContainerId[] calldata containers) external;

    /// @notice Takes cases out of a homogeneous container that the caller holds.
    /// @param containerReferences Salted hashes of the cases' SSCCs.
    /// @param numbers Which cases, from 0.
    /// @param cases Equal parts of each case that can be taken out later, 0 if none.
    function unpackCases(
        ContainerId parent,
        bytes32[] calldata containerReferences,
        uint8[] calldata numbers,
        uint8 cases
    ) external;

    /// @notice Takes units out of their containers, which the caller holds.
    function unpackUnits(Unit[] calldata units) external;

    /// @notice Opens a container: all that is in it is at hand, and as a whole it is only returned, neither shipped nor
    /// packed.
    function open(ContainerId container) external;

    // ------------------------------------------------------------------ handover

    /// @notice Ships a container to a receiver, who is looked at when it accepts. A return may be shipped by a
    /// suspended holder, and while the contract is halted.
    /// @param carrier Who has it on its way; zero for the sender itself.
    /// @param deadline Unix seconds; past it, what was not accepted is to come back.
    /// @param isReturn Whether it goes back to where it came from: it is not for redistribution until verified.
    /// @param terms A salted hash of what was agreed.
    function ship(
        ContainerId container,
        OrganizationId receiver,
        OrganizationId carrier,
        uint40 deadline,
        bool isReturn,
        bytes32 terms
    ) external;

    /// @notice The same for an order that its buyer has paid in: the receiver is the buyer, and pays by accepting.
    /// @param order See {IPurchaseEscrow}.
    function shipOrder(
        ContainerId container,
        OrganizationId receiver,
        OrganizationId carrier,
        uint40 deadline,
        bytes32 terms,
        bytes32 order
    ) external;

    /// @notice Hands a shipment to another carrier, as the one who has it.
    function handOver(ContainerId container, OrganizationId to) external;

    /// @notice Accepts a shipment.
    function receiveShipment(ContainerId container) external;

    /// @notice Accepts a shipment but for what is named of it, which goes into a new container and is rejected.
    /// @param containerReference A salted hash of the new container's SSCC.
    /// @param acceptedShare Basis points of the price that the rest is worth, if it is paid on receipt: paid at once.
    /// What is left of the price waits until what was rejected is back.
    /// @param reason A salted hash.
    function receiveInPart(
        ContainerId container,
        bytes32 containerReference,
        ContainerId[] calldata containers,
        Unit[] calldata units,
        uint16 acceptedShare,
        bytes32 reason
    ) external returns (ContainerId rejected);

    /// @notice Rejects a shipment.
    /// @param reason A salted hash.
    function reject(ContainerId container, bytes32 reason) external;

    /// @notice Confirms, as the sender, that a shipment came back: rejected, not accepted in time, or found.
    function confirmReturn(ContainerId container) external;

    /// @notice Says, as the sender, that a shipment is missing: rejected, or not accepted in time.
    function reportMissing(ContainerId container) external;

    /// @notice Says that what was returned was verified: each container by itself, from the inside out. A dispenser or
    /// provider cannot (21 USC 360eee-1(b)(4)(E), (c)(4)(D), (e)(4)(E)): it could trade with what a suspended holder
    /// calls a return.
    function verifyReturn(ContainerId container) external;

    // ------------------------------------------------------------------ ends

    /// @notice Ends a container and all that is in it: destroyed, decommissioned, stolen or exported.
    function end(ContainerId container, UnitStatus status, bytes32 reason) external;

    // ------------------------------------------------------------------ other contracts of the suite

    /// @notice Uses up a container that a repackager holds.
    /// @return The lot of a homogeneous one, else zero.
    function consume(ContainerId container, OrganizationId repackager) external returns (LotId);

    /// @notice Flags that the cold chain was broken.
    function flagExcursion(ContainerId container) external;

    // ------------------------------------------------------------------ the administrator's

    /// @notice Says, once, which register the lots are in.
    function setLots(address lots_) external;

    /// @notice Says which contract flags excursions.
    function setColdChain(address coldChain_) external;

    /// @notice Says, once, which contract pays on receipt.
    function setEscrow(address escrow_) external;

    // ------------------------------------------------------------------ reads

    /// @notice Reverts unless an organization holds units and they may be dispensed.
    function requireHeld(LotId lot, uint256[] calldata indices, ContainerId container, OrganizationId by) external view;

    /// @notice The same of one unit.
    function requireUnitHeld(LotId lot, uint256 index, ContainerId container, OrganizationId by) external view;

    /// @return Who holds a unit. Reverts if it is not in the container named.
    function holderOf(LotId lot, uint256 index, ContainerId container) external view returns (OrganizationId);

    /// @return Who holds a unit; zero if it is not in the container named.
    /// @return What it is in.
    function find(LotId lot, uint256 index, ContainerId container)
        external
        view
        returns (OrganizationId, Container memory);

    /// @return The day of the last shipment of a container or of anything that it is in; 0 if there was none.
    function lastShippedDay(ContainerId container) external view returns (uint16);

    /// @return A container; all zero if it is unknown.
    function containerOf(ContainerId container) external view returns (Container memory);

    /// @return organization Who has a container in hand: the holder, or on its way the carrier; zero if nobody is known
    /// to.
    /// @return lot Of a homogeneous one, else zero.
    function inHand(ContainerId container) external view returns (OrganizationId organization, LotId lot);

    /// @return The register of lots; zero until it is set.
    function lots() external view returns (address);

    /// @return What flags excursions; zero if nothing does.
    function coldChain() external view returns (address);

    /// @return What pays on receipt; zero until it is set.
    function escrow() external view returns (address);

    /// @return The last shipment of a container.
    function shipmentOf(ContainerId container) external view returns (Shipment memory);
}

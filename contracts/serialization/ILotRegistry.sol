// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "../identity/OrganizationId.sol";
import {ContainerId} from "./ContainerId.sol";
import {LotId} from "./LotId.sol";
import {LotKind, LotTerms} from "./LotTerms.sol";
import {UnitStatus} from "./UnitCells.sol";

/// @title The register of lots and their units
/// @notice Answers, for each pack of medicine and each medical device: is it genuine, and what became of it?
///
/// Terms:
/// - *Product*: what a GTIN or a UDI's device identifier names, as right-padded ASCII, for example
/// `gtin:00300010000015`.
/// - *Lot*: units of one product, commissioned by its maker as a Merkle root. Its id is blinded: it tells no product.
/// - *Unit*: one pack, by its number in the lot. What it proves itself by is its serial with a salt, of which only the
///   hash is ever sent.
/// - *Tranche*: units commissioned together, one root. All of a lot's tranches have as many numbers: two to the power
/// of   its depth. Unit `n` is in tranche `n >> depth`. A maker leaves numbers unused, so that the volume does not
/// show.
/// - *Status*: what became of a unit, apart from where it is ({UnitStatus}). A recall or an expiry of the lot comes
/// before   it, and where it is comes after it.
/// - *Suspect*: held back by who found it so, until it is cleared or found illegitimate.
///
/// | from | to | by |
/// |---|---|---|
/// | in supply | dispensed | the dispenser who holds it |
/// | dispensed | in supply | the same dispenser, within 10 days |
/// | in supply | suspect | the holder, the maker, a regulator |
/// | suspect | in supply, illegitimate | who found it so, a regulator |
/// | in supply | destroyed, decommissioned | the holder, the maker |
/// | decommissioned | destroyed | the holder, the maker |
/// | in supply | stolen, exported | the holder, a regulator |
/// | in supply | repackaged | the repackager who holds it, as an input of a new lot |
interface ILotRegistry {
    /// @notice How grave a recall is (21 CFR 7.3(m)). The higher, the graver.
    enum RecallClass {
        NotRecalled,
        ClassIII,
        ClassII,
        ClassI
    }

    /// @notice Why a lot is recalled. `Unspecified` is refused.
    enum RecallReason {
        Unspecified,
        Contamination,
        LackOfSterility,
        Mislabelling,
        Potency,
        Impurity,
        PackagingDefect,
        TemperatureExcursion,
        Counterfeit,
        AdverseEvents,
        DeviceDefect,
        RegulatorOrder
    }

    /// @notice What a verification finds. The first three are what the DSCSA's verification router services call no
    /// match.
    enum PackFinding {
        Verified,
        NoMatchProduct,
        NoMatchLot,
        NoMatchSerial,
        NoMatchExpiry,
        Recalled,
        Expired,
        Suspect,
        Dispensed,
        Destroyed,
        Decommissioned,
        Stolen,
        Exported,
        Illegitimate,
        Repackaged,
        Missing,
        NotInContainer,
        NotForRedistribution
    }

    /// @notice A lot. One slot.
    struct Lot {
        OrganizationId maker; // zero if unknown
        uint16 commissionedDay; // days since 1970-01-01 UTC
        uint16 expiryDay; // days since 1970-01-01 UTC; 0 if none
        uint32 packed; // numbers below were packed by the maker, or left unused
        uint8 depth;
        uint8 tranches;
        LotKind kind;
        RecallClass recallClass;
        RecallReason recallReason;
    }

    /// @notice Of a unit that is or was suspect. One slot.
    struct Investigation {
        OrganizationId by;
        uint40 raisedAt; // Unix seconds
        uint40 determinedAt; // Unix seconds, illegitimate; 0 if not
        uint40 notifiedAt; // Unix seconds, as the regulators were; 0 if not
    }

    /// @notice A pack, as somebody has it in hand. Inner hash, number and proof come with its shipment.
    struct Pack {
        bytes32 product;
        OrganizationId maker;
        bytes32 lotReference;
        uint16 expiryDay; // days since 1970-01-01 UTC
        uint256 index;
        bytes32 inner;
        bytes32[] proof;
        ContainerId container; // in which it came; zero if in none, or not packed yet
    }

    /// @notice What is known of a pack. Zero from the first no match on.
    struct Answer {
        PackFinding finding;
        LotId lot;
        OrganizationId holder; // zero if it is not in the container named
        RecallClass recallClass;
        RecallReason recallReason;
        UnitStatus status;
        bool suspect;
        bool excursion; // the cold chain was broken
        uint16 statusDay; // days since 1970-01-01 UTC; 0 while in supply, and if it ended with its container
    }

    /// @notice An organization makes a product, or makes it no more.
    event ProductAssigned(bytes32 indexed product, OrganizationId indexed maker, bool assigned);
    /// @notice A lot began.
    event LotCommissioned(LotId indexed lot, OrganizationId indexed maker, address key, LotTerms terms, bytes32 root);
    /// @notice Further units of a lot were commissioned.
    event TrancheAdded(LotId indexed lot, uint8 number, bytes32 root, address key);
    /// @notice A lot was made of what was in containers.
    event LotRepackaged(LotId indexed lot, ContainerId[] inputs);
    /// @notice A lot was recalled, or recalled as graver than before.
    event LotRecalled(
        LotId indexed lot, OrganizationId indexed by, address key, RecallClass recallClass, RecallReason reason
    );
    /// @notice The maker told which product and lot number a lot is.
    event LotOpened(LotId indexed lot, bytes32 indexed product, bytes32 lotNumber, bytes32 salt);
    /// @notice A unit was dispensed.
    event UnitDispensed(LotId indexed lot, uint256 index, OrganizationId indexed dispenser, address key);
    /// @notice Units were dispensed.
    event UnitsDispensed(LotId indexed lot, uint256[] indices, OrganizationId indexed dispenser, address key);
    /// @notice A unit that was dispensed was put back.
    event DispensingUndone(LotId indexed lot, uint256 index, OrganizationId indexed dispenser, address key);
    /// @notice Units came to an end. `reason` is a salted hash of what stays off chain, or zero.
    event UnitsEnded(
        LotId indexed lot, uint256[] indices, UnitStatus status, OrganizationId indexed by, address key, bytes32 reason
    );
    /// @notice A unit was found suspect. `reason` is a salted hash.
    event UnitSuspected(LotId indexed lot, uint256 index, OrganizationId indexed by, address key, bytes32 reason);
    /// @notice A suspect unit was cleared.
    event UnitCleared(LotId indexed lot, uint256 index, OrganizationId indexed by, address key, bytes32 reason);
    /// @notice A suspect unit was found illegitimate: trading partners and regulator are to be told by `noticeDueAt`.
    event UnitIllegitimate(
        LotId indexed lot, uint256 index, OrganizationId indexed by, address key, bytes32 reason, uint40 noticeDueAt
    );
    /// @notice Trading partners and regulator were told. `notice` is a salted hash, of a Form FDA 3911 for example.
    event IllegitimateNotified(LotId indexed lot, uint256 index, OrganizationId indexed by, bytes32 notice);

    /// @notice Thrown when a product or its maker is missing.
    error LotRegistryInvalidProduct(bytes32 product, OrganizationId maker);
    /// @notice Thrown when a tree has more than 20 levels, a root is empty, a medicine's expiry is not ahead, or terms
    /// have bits that mean nothing.
    error LotRegistryInvalidTerms(LotTerms terms, bytes32 root);
    /// @notice Thrown when the maker has a lot of this reference with another content.
    error LotRegistryLotExists(LotId lot);
    /// @notice Thrown when no lot has this id.
    error LotRegistryUnknownLot(LotId lot);
    /// @notice Thrown when a lot is another's.
    error LotRegistryNotTheMaker(LotId lot, OrganizationId maker, OrganizationId caller);
    /// @notice Thrown when a tranche is not the next, is there with another root, or is one too many.
    error LotRegistryInvalidTranche(LotId lot, uint8 number, uint8 tranches);
    /// @notice Thrown when numbers are not all commissioned, or some are packed already.
    error LotRegistryInvalidRange(LotId lot, uint256 first, uint256 count, uint256 packed, uint256 commissioned);
    /// @notice Thrown when a recall states no class or reason, or is less grave than what was said.
    error LotRegistryInvalidRecall(LotId lot, RecallClass recallClass, RecallReason reason, RecallClass current);
    /// @notice Thrown when product, lot number and salt are not the lot's.
    error LotRegistryNotTheOpening(LotId lot, bytes32 product, bytes32 lotNumber);
    /// @notice Thrown when a unit does not prove itself.
    error LotRegistryInvalidProof(LotId lot, uint256 index);
    /// @notice Thrown when several units are not named in ascending order, or not as many of them as hashes, or none.
    error LotRegistryInvalidUnits(LotId lot, uint256 indices, uint256 inners);
    /// @notice Thrown when a lot is recalled.
    error LotRegistryRecalled(LotId lot, RecallClass recallClass, RecallReason reason);
    /// @notice Thrown when a lot is past its expiry, or a repackaged one would outlast it.
    error LotRegistryExpired(LotId lot, uint16 expiryDay);
    /// @notice Thrown when a change of a unit is not in the state table.
    error LotRegistryForbiddenTransition(
        LotId lot, uint256 index, UnitStatus status, bool suspect, UnitStatus requested
    );
    /// @notice Thrown when a dispensing is not to be undone: it is over 10 days ago, or what held the unit was shipped.
    error LotRegistryNotUndoable(LotId lot, uint256 index, uint256 dispensedDay);
    /// @notice Thrown when a unit is neither the caller's by what the call names, nor for it to judge.
    error LotRegistryMayNotAct(LotId lot, uint256 index, OrganizationId caller);
    /// @notice Thrown when a unit was not found illegitimate, or its notice was given.
    error LotRegistryNoNoticeDue(LotId lot, uint256 index);
    /// @notice Thrown when only the custody may call.
    error LotRegistryNotTheCustody(address caller);

    // ------------------------------------------------------------------ the registrar's

    /// @notice Says who makes a product, as its marketing authorization does. It may have several makers, one after the
    /// other for example: what the former made stays genuine.
    /// @param assigned False if it is to verify no more.
    function assignProduct(bytes32 product, OrganizationId maker, bool assigned) external;

    // ------------------------------------------------------------------ makers

    /// @notice Commissions a lot with its first tranche. The same again changes nothing.
    /// @param lotReference `lotReferenceOf(product, lotNumber, salt)`.
    /// @param root Of the tranche's units, see `UnitTree`.
    function commission(bytes32 lotReference, LotTerms terms, bytes32 root) external returns (LotId lot);

    /// @notice Commissions further units of a lot. The same again changes nothing.
    /// @param number The tranche's, from 1; the next.
    function addTranche(LotId lot, uint8 number, bytes32 root) external;

    /// @notice Commissions a lot of what the caller, a repackager, has in containers, and uses these up.
    /// @param inputs Homogeneous containers that the caller holds, each whole: of lots neither recalled nor expired,
    /// which the new one does not outlast.
    function repackage(bytes32 lotReference, LotTerms terms, bytes32 root, ContainerId[] calldata inputs)
        external
        returns (LotId lot);

    /// @notice Tells everybody which product and lot number a lot is, as at a recall.
    function open(LotId lot, bytes32 product, bytes32 lotNumber, bytes32 salt) external;

    // ------------------------------------------------------------------ makers and regulators

    /// @notice Recalls a lot, for good; again only as graver. Neither a stop nor a suspension of the maker prevents it.
    function recall(LotId lot, RecallClass recallClass, RecallReason reason) external;

    // ------------------------------------------------------------------ dispensers

    /// @notice Dispenses a unit that the caller holds.
    /// @param container In which it is; zero if it was unpacked.
    /// @param innerHash See {Pack}.
    /// @param proof As many hashes as the lot is deep.
    function dispense(LotId lot, uint256 index, ContainerId container, bytes32 innerHash, bytes32[] calldata proof)
        external;

    /// @notice Dispenses several units of a tranche that the caller holds in one container; all of them, or none.
    /// @param indices Ascending.
    /// @param inners The units' inner hashes, in the same order.
    /// @param proof See `UnitTree.rootOfMany`.
    function dispenseMany(
        LotId lot,
        ContainerId container,
        uint256[] calldata indices,
        bytes32[] calldata inners,
        bytes32[] calldata proof
    ) external;

    /// @notice Puts a unit back that the caller dispensed within the last 10 days. What holds it was not shipped since.
    function undoDispense(LotId lot, uint256 index, ContainerId container) external;

    // ------------------------------------------------------------------ holders, makers, regulators

    /// @notice Ends units: destroyed, decommissioned, stolen or exported.
    /// @param container In which they are, for their holder; zero for those unpacked, and for maker and regulator.
    /// @param indices Ascending.
    function endUnits(LotId lot, ContainerId container, uint256[] calldata indices, UnitStatus status, bytes32 reason)
        external;

    /// @notice Finds a unit suspect.
    /// @param container As in {endUnits}.
    function suspect(LotId lot, uint256 index, ContainerId container, bytes32 reason) external;

    /// @notice Clears a suspect unit: it is what it was.
    function clear(LotId lot, uint256 index, bytes32 reason) external;

    /// @notice Finds a suspect unit illegitimate, for good.
    function determineIllegitimate(LotId lot, uint256 index, bytes32 reason) external;

    /// @notice Records that trading partners and regulator were told of an illegitimate unit.
    function recordNotice(LotId lot, uint256 index, bytes32 notice) external;

    // ------------------------------------------------------------------ the custody

    /// @notice Gives numbers to be packed: those that follow what was packed, or later ones.
    /// @param caller Must be the maker.
    function takeRange(LotId lot, uint256 first, uint256 count, OrganizationId caller) external;

    // ------------------------------------------------------------------ reads

    /// @return What is known of a pack. It never reverts for what a pack says.
    function verify(Pack calldata pack) external view returns (Answer memory);

    /// @return A lot; all zero if it is unknown.
    function lotOf(LotId lot) external view returns (Lot memory);

    /// @return A tranche's root; zero if it is unknown.
    function rootOf(LotId lot, uint8 number) external view returns (bytes32);

    /// @return status What became of a unit, apart from its container's end.
    /// @return isSuspect Whether it is suspect.
    /// @return day Since when, days since 1970-01-01 UTC; 0 while in supply.
    function unitOf(LotId lot, uint256 index) external view returns (UnitStatus status, bool isSuspect, uint16 day);

    /// @return The last investigation of a unit; all zero if there was none.
    function investigationOf(LotId lot, uint256 index) external view returns (Investigation memory);

    /// @return Whether an organization makes a product.
    function isMakerOf(bytes32 product, OrganizationId maker) external view returns (bool);

    /// @return The reference that a lot's id is made of.
    function lotReferenceOf(bytes32 product, bytes32 lotNumber, bytes32 salt) external pure returns (bytes32);
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IOrganizationRegistry} from "../identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {ClaimRecord, ClaimStatus, ClaimWord, Finding} from "./ClaimRecord.sol";

/// @title An insurer's vault
/// @notice Holds an insurer's money in an ERC-20, what it owes to providers, what patients prepaid, what became of
/// each claim line, and what each member has paid of deductible and out-of-pocket maximum. It outlives the versions of
/// the logic above it and has one writer at a time, a `ClaimSettlement`; so no version pays a line again that another
/// paid.
///
/// Terms:
/// - *Available*: the insurer's own; what came in, by the token's balance, less what follows.
/// - *Credit*: what a provider is owed and its payee may draw.
/// - *Debt*: what a provider owes from a reversed claim beyond its credit; the next payments make it up.
/// - *Unfunded*: approved, and not yet credited; first in, first out. A person's payment passes those before it if
///   there is money for them all, as what they wait for is the next day.
/// - *Prepayment*: a payer's money for a line of a request, held until a claim for it, and refundable until then.
/// - *Floor*: what the treasurer leaves in when withdrawing.
/// - *Daily cap*: what the rules alone credit in one day (UTC) at most, on the day on which they credit it; beyond it
///   payments wait their turn.
///
/// Always: the token's balance >= available + credits + prepayments. Amounts are token minor units; the token has few
/// enough decimals for 64 bits, and what is sent to the vault without {deposit} is not counted.
/// The vault has no stop of its own. While its writer is halted nothing is credited, but what is credited is paid out.
interface IInsurerVault {
    /// @notice What a member has paid in a benefit period; one slot.
    struct Accumulators {
        uint64 deductible; // token minor units
        uint64 outOfPocket; // token minor units, the deductible included
    }

    /// @notice What an adjudicated claim line moves.
    struct Payment {
        bytes32 claim; // the claim line's key
        OrganizationId provider;
        bytes16 memberKey;
        uint16 period;
        bool automatic; // decided by the rules alone, so that the daily cap counts
        bool inPart; // less than what was claimed was allowed
        Finding finding; // to be kept
        bytes8 tag; // to be kept, of the claim that the line came with
        uint64 amount; // token minor units, to the provider
        uint64 deductible; // token minor units, that the patient bears
        uint64 outOfPocket; // token minor units, all that the patient bears
    }

    /// @notice A provider's account.
    struct Account {
        uint64 credit; // token minor units
        uint64 debt; // token minor units
        address payee; // zero: the credit waits
    }

    /// @notice A withdrawal that waits.
    struct Withdrawal {
        uint128 amount; // token minor units; 0 if none
        uint40 readyAt; // Unix seconds
        address recipient;
    }

    /// @notice Money came in.
    // solhint-disable-next-line gas-indexed-events
    event Deposited(address indexed depositor, uint256 amount);
    /// @notice A provider was credited for a claim line; `netted` of it made up a debt.
    event ProviderCredited(bytes32 indexed claim, OrganizationId indexed provider, uint64 amount, uint64 netted);
    /// @notice A claim line is approved and waits for money.
    event PaymentQueued(bytes32 indexed claim, OrganizationId indexed provider, uint64 amount, uint256 place);
    /// @notice A waiting payment was taken out, as its claim was reversed.
    event QueuedPaymentDropped(bytes32 indexed claim);
    /// @notice A provider gave back what a reversed claim had paid: from its credit, and as a debt.
    event ProviderDebited(bytes32 indexed claim, OrganizationId indexed provider, uint64 fromCredit, uint64 asDebt);
    /// @notice A provider's credit was paid out.
    event CreditPaid(OrganizationId indexed provider, address indexed payee, uint64 amount);
    /// @notice A provider's controller named the account that is paid.
    event PayeeChanged(OrganizationId indexed provider, address indexed previousPayee, address indexed payee);
    /// @notice A payer's money is held for a line.
    // solhint-disable-next-line gas-indexed-events
    event PrepaymentHeld(bytes32 indexed prepayment, address indexed payer, uint64 amount);
    /// @notice Held money went to the provider for the patient's share.
    event PrepaymentUsed(bytes32 indexed prepayment, OrganizationId indexed provider, uint64 amount);
    /// @notice Held money went back.
    // solhint-disable-next-line gas-indexed-events
    event PrepaymentRefunded(bytes32 indexed prepayment, address indexed payer, uint64 amount);
    /// @notice What a member has paid in a period changed.
    // solhint-disable-next-line gas-indexed-events
    event AccumulatorsChanged(bytes16 indexed memberKey, uint16 indexed period, uint64 deductible, uint64 outOfPocket);
    /// @notice The floor and the daily cap changed.
    // solhint-disable-next-line gas-indexed-events
    event LimitsChanged(uint128 floor, uint64 dailyCap);
    /// @notice A withdrawal waits; an amount of zero called one off.
    // solhint-disable-next-line gas-indexed-events
    event WithdrawalRequested(address indexed recipient, uint128 amount, uint40 readyAt);
    /// @notice The insurer took money out.
    // solhint-disable-next-line gas-indexed-events
    event Withdrawn(address indexed recipient, uint128 amount);

    /// @notice Thrown when nothing came in.
    error InsurerVaultNothingReceived(address depositor);
    /// @notice Thrown when more came in, or is claimed, than the vault counts in.
    error InsurerVaultAmountTooLarge(uint256 amount);
    /// @notice Thrown when a claim line was paid, or waits for money, or was reversed.
    error InsurerVaultAlreadyPaid(bytes32 claim, ClaimStatus status);
    /// @notice Thrown when a claim line that was not paid is to be reversed, or is reversed already.
    error InsurerVaultNotPaid(bytes32 claim, ClaimStatus status);
    /// @notice Thrown when a provider has no credit, or no payee.
    error InsurerVaultNothingToPay(OrganizationId provider, address payee);
    /// @notice Thrown when the caller is not the provider's controller.
    error InsurerVaultNotController(OrganizationId provider, address caller);
    /// @notice Thrown when a recovery of the provider is under way: who controls it is in question.
    error InsurerVaultRecoveryPending(OrganizationId provider, address newController);
    /// @notice Thrown when no unfunded payment can be made now.
    error InsurerVaultNothingFunded(uint256 waiting);
    /// @notice Thrown when unfunded payments are to be made while the writer is halted.
    error InsurerVaultHalted(address writer);
    /// @notice Thrown when the caller holds no prepayment for the line.
    error InsurerVaultNoPrepayment(bytes32 prepayment, address caller);
    /// @notice Thrown when the token took more from the vault than was sent.
    error InsurerVaultOvercharged(uint256 amount, uint256 taken);
    /// @notice Thrown when accumulators would pass their caps, or fall below zero, or shares contradict each other.
    error InsurerVaultAccumulatorsOutOfRange(bytes16 memberKey, uint16 period);
    /// @notice Thrown when a withdrawal would take what is not free.
    error InsurerVaultNotFree(uint128 amount, uint256 free);
    /// @notice Thrown when no withdrawal waits, or it is not ready.
    error InsurerVaultNotReady(uint40 readyAt);
    /// @notice Thrown when a withdrawal names nobody.
    error InsurerVaultNoRecipient(uint128 amount);

    // ------------------------------------------------------------------ anyone

    /// @notice Adds to the insurer's money what comes in of `amount` from the caller.
    /// @return received What came in: less for a token that takes a fee.
    function deposit(uint256 amount) external returns (uint256 received);

    /// @notice Pays a provider's credit to its payee.
    function payOut(OrganizationId provider) external;

    /// @notice Credits unfunded payments in their order, as far as there is money, and for automatic ones room under
    /// the daily cap.
    /// @param count At most so many, those that were taken out among them.
    function creditUnfunded(uint256 count) external;

    /// @notice Holds the caller's money for its share of a line. Further money adds up.
    /// @param requestId Of an authorization.
    /// @return prepayment Its key, see {prepaymentOf}.
    function prepay(OrganizationId provider, bytes32 requestId, uint8 line, uint256 amount)
        external
        returns (bytes32 prepayment);

    /// @notice Gives a payer's money back, all that is held.
    function refund(OrganizationId provider, bytes32 requestId, uint8 line) external;

    // ------------------------------------------------------------------ the provider's controller

    /// @notice Names the account that is paid. Zero keeps the credit waiting.
    function setPayee(OrganizationId provider, address payee) external;

    // ------------------------------------------------------------------ the treasurer

    /// @notice Sets the floor and the daily cap.
    function setLimits(uint128 floor, uint64 dailyCap) external;

    /// @notice Asks for a withdrawal; replaces one that waits; zero calls it off.
    function requestWithdrawal(address recipient, uint128 amount) external;

    /// @notice Takes out what was asked for, when it is ready and free.
    function withdraw() external;

    // ------------------------------------------------------------------ the writer

    /// @notice Counts the patient's shares and credits the provider, or has the payment wait.
    /// @param caps The plan's deductible and out-of-pocket maximum.
    /// @return status The claim line's from here on.
    function settle(Payment calldata payment, Accumulators calldata caps) external returns (ClaimStatus status);

    /// @notice Keeps that a claim line is denied or waits for a person.
    function keepUnpaid(bytes32 claim, bool denied, Finding finding, bytes8 tag) external;

    /// @notice Undoes a payment: credit, or place in the queue, and the patient's shares.
    /// @param memberKey The payment's, as are provider and period.
    /// @return before What was known of the claim line.
    function reverse(bytes32 claim, OrganizationId provider, bytes16 memberKey, uint16 period)
        external
        returns (ClaimRecord memory before);

    /// @notice Pays a patient's share from what a payer prepaid for the line, as far as it goes. A debt does not
    /// matter: that is between provider and insurer.
    /// @return used Token minor units.
    function usePrepayment(OrganizationId provider, bytes32 requestId, uint8 line, address payer, uint64 amount)
        external
        returns (uint64 used);

    // ------------------------------------------------------------------ reads

    /// @return What is the insurer's and not promised: available, less unfunded payments.
    function free() external view returns (uint256);

    /// @return The insurer's money in the vault.
    function available() external view returns (uint256);

    /// @return amount All unfunded payments.
    /// @return count How many wait.
    function unfunded() external view returns (uint256 amount, uint256 count);

    /// @return What is known of a claim line; all zero if nothing.
    function recordOf(bytes32 claim) external view returns (ClaimRecord memory);

    /// @notice What a claim line's adjudication asks, in one call.
    /// @return record What is known of it.
    /// @return accumulators What the member has paid in the period.
    /// @return dailyCap What the rules alone credit in a day.
    function claimTermsOf(bytes32 claim, bytes16 memberKey, uint16 period)
        external
        view
        returns (ClaimWord record, Accumulators memory accumulators, uint64 dailyCap);

    /// @return A provider's account.
    function accountOf(OrganizationId provider) external view returns (Account memory);

    /// @return What a member has paid in a period.
    function accumulatorsOf(bytes16 memberKey, uint16 period) external view returns (Accumulators memory);

    /// @return prepayment The key of a payer's prepayment for a line.
    /// @return amount What is held.
    function prepaymentOf(OrganizationId provider, bytes32 requestId, uint8 line, address payer)
        external
        view
        returns (bytes32 prepayment, uint64 amount);

    /// @return floor What the treasurer leaves in.
    /// @return dailyCap What the rules alone credit in a day.
    /// @return creditedToday What they have credited today (UTC).
    function limits() external view returns (uint128 floor, uint64 dailyCap, uint64 creditedToday);

    /// @return The withdrawal that waits.
    function withdrawal() external view returns (Withdrawal memory);

    /// @return The register of organizations.
    function registry() external view returns (IOrganizationRegistry);

    /// @return The token.
    function token() external view returns (IERC20);

    /// @return The insurer.
    function insurer() external view returns (OrganizationId);

    /// @return Seconds from asking for a withdrawal until it can be made.
    function withdrawalDelay() external pure returns (uint40);
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";

import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {MembershipHistory} from "../../../contracts/identity/MembershipHistory.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {MemberRole, MemberRoles} from "../../../contracts/identity/Roles.sol";

/// @notice Proofs over every input, by halmos (`check_`), of the small pure parts. Forge samples the same properties
/// (`testFuzz_`), so that they hold on the compiled code too.
contract IdentitySymbolicTest is Test {
    // ------------------------------------------------------------------ MembershipHistory

    function check_unpack_inverts_pack(
        uint32 memberRoles,
        uint40 licenceExpiry,
        uint8 standing,
        bool frozen,
        uint40 since
    ) public pure {
        vm.assume(standing <= uint8(type(IOrganizationRegistry.Standing).max));
        IOrganizationRegistry.Membership memory past = IOrganizationRegistry.Membership(
            memberRoles, licenceExpiry, IOrganizationRegistry.Standing(standing), frozen, since
        );
        IOrganizationRegistry.Membership memory back = MembershipHistory.unpack(MembershipHistory.pack(past));
        assertEq(back.memberRoles, memberRoles);
        assertEq(back.licenceExpiry, licenceExpiry);
        assertEq(uint8(back.standing), standing);
        assertEq(back.frozen, frozen);
        assertEq(back.since, since);
    }

    function check_pack_inverts_unpack(uint208 packed) public pure {
        vm.assume(packed >> 128 == 0);
        vm.assume(uint8(packed >> 72) <= uint8(type(IOrganizationRegistry.Standing).max));
        vm.assume(uint8(packed >> 80) <= 1);
        assertEq(MembershipHistory.pack(MembershipHistory.unpack(packed)), packed);
    }

    function check_pack_tells_memberships_apart(uint40 since, uint40 other, uint32 memberRoles, uint32 otherRoles)
        public
        pure
    {
        vm.assume(since != other || memberRoles != otherRoles);
        IOrganizationRegistry.Membership memory a =
            IOrganizationRegistry.Membership(memberRoles, 0, IOrganizationRegistry.Standing.Active, false, since);
        IOrganizationRegistry.Membership memory b =
            IOrganizationRegistry.Membership(otherRoles, 0, IOrganizationRegistry.Standing.Active, false, other);
        assertTrue(MembershipHistory.pack(a) != MembershipHistory.pack(b));
    }

    // ------------------------------------------------------------------ MemberRoles

    function check_bit_is_one_known_bit(uint8 role) public pure {
        vm.assume(role <= uint8(type(MemberRole).max));
        uint32 bit = MemberRoles.bit(MemberRole(role));
        assertTrue(bit != 0 && bit & (bit - 1) == 0);
        assertEq(bit & ~MemberRoles.ALL, 0);
    }

    function check_bit_tells_roles_apart(uint8 a, uint8 b) public pure {
        vm.assume(a <= uint8(type(MemberRole).max) && b <= uint8(type(MemberRole).max));
        assertEq(MemberRoles.bit(MemberRole(a)) == MemberRoles.bit(MemberRole(b)), a == b);
    }

    function check_has_reads_the_bit_of_the_role(uint32 set, uint8 role) public pure {
        vm.assume(role <= uint8(type(MemberRole).max));
        assertEq(MemberRoles.has(set, MemberRole(role)), (set >> role) & 1 == 1);
    }

    function check_has_after_adding_and_removing(uint32 set, uint8 role, uint8 other) public pure {
        vm.assume(role <= uint8(type(MemberRole).max) && other <= uint8(type(MemberRole).max));
        uint32 bit = MemberRoles.bit(MemberRole(role));
        assertTrue(MemberRoles.has(set | bit, MemberRole(role)));
        assertFalse(MemberRoles.has(set & ~bit, MemberRole(role)));
        if (other != role) {
            assertEq(MemberRoles.has(set | bit, MemberRole(other)), MemberRoles.has(set, MemberRole(other)));
            assertEq(MemberRoles.has(set & ~bit, MemberRole(other)), MemberRoles.has(set, MemberRole(other)));
        }
    }

    // ------------------------------------------------------------------ OrganizationId

    function check_id_equality_is_equality_of_bytes(bytes12 a, bytes12 b) public pure {
        OrganizationId left = OrganizationId.wrap(a);
        OrganizationId right = OrganizationId.wrap(b);
        assertEq(left == right, a == b);
        assertEq(left != right, a != b);
        assertEq(left.isZero(), a == bytes12(0));
    }

    // ------------------------------------------------------------------ the same, sampled

    function testFuzz_unpack_inverts_pack(
        uint32 memberRoles,
        uint40 licenceExpiry,
        uint8 standing,
        bool frozen,
        uint40 since
    ) external pure {
        check_unpack_inverts_pack(memberRoles, licenceExpiry, standing % 4, frozen, since);
    }

    function testFuzz_member_roles(uint32 set, uint8 a, uint8 b) external pure {
        a = a % (uint8(type(MemberRole).max) + 1);
        b = b % (uint8(type(MemberRole).max) + 1);
        check_bit_is_one_known_bit(a);
        check_bit_tells_roles_apart(a, b);
        check_has_reads_the_bit_of_the_role(set, a);
        check_has_after_adding_and_removing(set, a, b);
    }

    function testFuzz_id_equality(bytes12 a, bytes12 b) external pure {
        check_id_equality_is_equality_of_bytes(a, b);
        check_id_equality_is_equality_of_bytes(a, a);
    }

    function test_unpack_reverts_if_standing_is_unknown() external {
        vm.expectRevert(); // a panic: the enum has no such value
        this.unpack(uint208(4) << 72);
    }

    function unpack(uint208 packed) external pure returns (IOrganizationRegistry.Membership memory) {
        return MembershipHistory.unpack(packed);
    }
}

"""Bundles that were sent, kept in the vault so that later answers can echo them.

| kind | name | value |
|---|---|---|
| `gateway-fhir` | `request/` and the commitment of the revision | the bundle that was sent |
| `gateway-fhir` | `appeal/` and a random number | the bundle of an appeal |
| `gateway-fhir-patient` | hash of a patient's identifier, `/`, the commitment | nothing |

Names in a vault are encrypted as values are.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

from careledger.authorization.fhir.request_bundle import RequestBundle, parse_request_bundle
from careledger.authorization.request import Party
from careledger.authorization.rule_set import RuleSet
from careledger.vault import EntryConflict, EntryErased, EntryMissing, Vault

__all__ = ["SentBundles", "names_of"]

BUNDLE_KIND = "gateway-fhir"
PATIENT_KIND = "gateway-fhir-patient"


class SentBundles:
    """Methods raise VaultError besides what they say."""

    def __init__(self, vault: Vault, rule_set: RuleSet) -> None:
        self._vault = vault
        self._rule_set = rule_set

    def keep(self, name: str, content: bytes) -> None:
        """Keeps a bundle under a name. Of bundles that are one request the first stays, and what was erased stays
        erased."""
        with contextlib.suppress(EntryConflict, EntryErased):
            self._vault.put(BUNDLE_KIND, name, content)

    def keep_request(self, commitment: str, asked: RequestBundle, content: bytes) -> str:
        """Keeps the bundle of a revision, to be found by its patient too. Returns its name."""
        name = f"request/{commitment}"
        self.keep(name, content)
        for party in names_of(asked.request.patient):
            with contextlib.suppress(EntryErased):
                self._vault.put(PATIENT_KIND, f"{party}/{commitment}", b"-")
        return name

    def get(self, name: str) -> RequestBundle:
        """A kept bundle. Raises EntryMissing, or EntryErased."""
        content = self._vault.get(BUNDLE_KIND, name)
        return parse_request_bundle(content, self._rule_set.settlement, self._rule_set.code_systems)

    def of_revision(self, commitment: str) -> RequestBundle | None:
        """The bundle of a revision; None if it came another way, or was erased."""
        try:
            return self.get(f"request/{commitment}")
        except (EntryErased, EntryMissing):
            return None

    def of_patient(self, patient: Party) -> Iterator[str]:
        """The commitments of the revisions for a patient, in no order."""
        wanted = names_of(patient)
        found = (name.partition("/") for name in self._vault.names(PATIENT_KIND))
        return iter(dict.fromkeys(commitment for party, _, commitment in found if party in wanted))


def names_of(party: Party) -> frozenset[str]:
    """By what two parties are told to be one: hashes of their identifiers; of the reference if there is none."""
    pairs = [(one.system, one.value) for one in party.identifiers] or [("", party.reference)]
    return frozenset(hashlib.sha256(f"{len(system)}|{system}|{value}".encode()).hexdigest() for system, value in pairs)

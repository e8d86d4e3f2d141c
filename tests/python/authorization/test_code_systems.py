"""Every published spelling of a code is one code."""

from __future__ import annotations

import itertools

import pytest
from careledger.authorization.code_systems import CPT, HCPCS, KNOWN, Code, CodeSystems
from careledger.errors import InvalidInput
from hypothesis import given
from hypothesis import strategies as st

SYSTEMS = CodeSystems()
SPELLINGS = [(canonical, one) for canonical, others in KNOWN.items() for one in (canonical, *others)]


@pytest.mark.parametrize(
    "spelling",
    [
        HCPCS,
        HCPCS.replace("http:", "https:"),
        HCPCS + "/",
        HCPCS + "|2026",
        "HTTP://WWW.CMS.GOV/medicare/coding/hcpcsreleasecodesets",
        "urn:oid:2.16.840.1.113883.6.285",
        "URN:OID:2.16.840.1.113883.6.285",
        "2.16.840.1.113883.6.285",
        " HCPCS ",
        "hcpcs",
    ],
)
def test_spellings_of_hcpcs_are_one_system(spelling: str) -> None:
    assert SYSTEMS.canonical(spelling) == HCPCS
    assert SYSTEMS.knows(spelling)


@pytest.mark.parametrize(("canonical", "spelling"), SPELLINGS)
def test_every_known_spelling_leads_to_its_system(canonical: str, spelling: str) -> None:
    assert SYSTEMS.canonical(spelling) == canonical
    assert SYSTEMS.canonical(spelling.upper()) == canonical


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        (CPT, "E0601", Code(HCPCS, "E0601")),  # a Level II code under CPT's URI
        (CPT, "e0601", Code(HCPCS, "E0601")),
        (HCPCS, "99213", Code(CPT, "99213")),  # a Level I code is a CPT code
        (HCPCS, "0001U", Code(CPT, "0001U")),
        (HCPCS, "0042T", Code(CPT, "0042T")),
        (CPT, "99213", Code(CPT, "99213")),
        (CPT, "RR", Code(HCPCS, "RR")),  # modifiers of both lists
        (HCPCS, "59", Code(HCPCS, "59")),
        (CPT, "59", Code(HCPCS, "59")),
        (HCPCS, "A04265", Code(HCPCS, "A04265")),  # of neither form
        ("http://loinc.org", "11505-5", Code("http://loinc.org", "11505-5")),
        ("http://example.org/own", "e0601", Code("http://example.org/own", "e0601")),
    ],
)
def test_codes_stand_under_the_system_of_their_form(system: str, code: str, expected: Code) -> None:
    assert SYSTEMS.code(system, code) == expected


def test_an_unknown_system_keeps_its_name() -> None:
    assert SYSTEMS.canonical("https://Example.ORG/Own/") == "http://example.org/Own"
    assert SYSTEMS.canonical("urn:oid:1.2.3") == "urn:oid:1.2.3" == SYSTEMS.canonical("1.2.3")
    assert SYSTEMS.canonical("https://codesystem.x12.org/005010/306") == "https://codesystem.x12.org/005010/306"
    assert SYSTEMS.canonical("http://codesystem.x12.org/005010/306") == "https://codesystem.x12.org/005010/306"
    assert not SYSTEMS.knows("https://example.org/own")


def test_systems_of_other_countries_are_configured() -> None:
    drg = "https://nhsa.example.org/chs-drg"
    systems = CodeSystems({drg: ("CHS-DRG", "urn:oid:1.2.156.1"), HCPCS: ("level-ii",)})
    assert {systems.canonical(one) for one in (drg, drg + "/", "chs-drg", "1.2.156.1")} == {drg}
    assert systems.code("CHS-DRG", "BR11") == Code(drg, "BR11")
    assert systems.canonical("Level-II") == HCPCS
    assert not SYSTEMS.knows("CHS-DRG")


def test_a_spelling_names_one_system() -> None:
    with pytest.raises(InvalidInput, match="is a spelling of"):
        CodeSystems({"https://example.org/own": ("CPT",)})
    with pytest.raises(InvalidInput, match="must be a URI"):
        CodeSystems({"CHS-DRG": ()})


@given(st.text(max_size=40))
def test_a_canonical_name_is_its_own(system: str) -> None:
    assert SYSTEMS.canonical(SYSTEMS.canonical(system)) == SYSTEMS.canonical(system)


HOSTS = st.from_regex(r"[a-z0-9-]{1,12}\.(org|example)", fullmatch=True)
PATHS = st.from_regex(r"(/[A-Za-z0-9_-]{1,8}){1,3}", fullmatch=True)


@given(HOSTS, PATHS)
def test_spellings_of_any_system_are_one(host: str, path: str) -> None:
    spelled = itertools.product(("http", "https", "HTTPS"), (host, host.upper()), ("", "/", "//"), ("", "|1.0"))
    assert (
        len({SYSTEMS.canonical(f"{scheme}://{name}{path}{end}{version}") for scheme, name, end, version in spelled})
        == 1
    )


@given(st.sampled_from(SPELLINGS), st.from_regex(r"[A-Z0-9]{2,6}", fullmatch=True))
def test_a_code_is_the_same_in_every_spelling(spelling: tuple[str, str], code: str) -> None:
    canonical, other = spelling
    assert SYSTEMS.code(other, code) == SYSTEMS.code(canonical, code)
    again = SYSTEMS.code(canonical, code)
    assert SYSTEMS.code(again.system, again.code) == again

"""GS1 keys in URIs: EPC URIs (Tag Data Standard 2.0, clause 6) and GS1 Digital Links, and what they say.

`digital_link` gives the constrained canonical form that event hashes are made of (CBV 2.0, 8.9.2, rules 17 and 18): at
`https://id.gs1.org`, without query, with the finest qualifier alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

from biip.checksums import gs1_standard_check_digit

__all__ = ["digital_link", "epc_problem", "key_elements"]

ROOT = "https://id.gs1.org/"
LINK_SIGN = r"(?:%[0-9A-Fa-f]{2}|[\"'.0-9;<=>A-Z_a-z-])"
URN_SIGN = r"(?:%[0-9A-Fa-f]{2}|[!'()*+,.0-9:;=A-Z_a-z-])"
PART_SIGN = r"(?:%23|%2[Ff]|[0-9A-Z-])"
ESCAPED = {ord(sign): f"%{ord(sign):02X}" for sign in "!()*+,:"}
"""What an EPC URI has as it is and a Digital Link escapes."""

LEADING = "{first}{company}{rest}"
PLAIN = "{company}{first}{rest}"
ASSET = "0{company}{first}{rest}"


@dataclass(frozen=True)
class _Numbered:
    """A scheme whose company prefix and reference have `digits` together and get a check digit: `key` says in which
    order. `tail` is the pattern of what follows, `link` the path of its Digital Link."""

    digits: int
    key: str
    tail: str
    link: str

    @cached_property
    def _body(self) -> re.Pattern[str]:
        return re.compile(rf"(?P<company>[0-9]{{6,12}})\.(?P<first>[0-9]?)(?P<rest>[0-9]*){self.tail}")

    def matched(self, body: str) -> re.Match[str] | None:
        found = self._body.fullmatch(body)
        return found if found and len(found["company"] + found["first"] + found["rest"]) == self.digits else None

    def path(self, found: re.Match[str]) -> str:
        parts = {name: value.translate(ESCAPED) for name, value in found.groupdict().items()}
        key = self.key.format(**parts)
        return self.link.format(key=f"{key}{gs1_standard_check_digit(key)}", **parts)


@dataclass(frozen=True)
class _Lettered:
    """A scheme of a company prefix and a reference of letters and digits, of `longest` signs together."""

    sign: str
    longest: int
    tail: str
    link: str

    @cached_property
    def _body(self) -> re.Pattern[str]:
        return re.compile(rf"(?P<company>[0-9]{{6,12}})\.(?P<reference>{self.sign}+){self.tail}")

    def matched(self, body: str) -> re.Match[str] | None:
        found = self._body.fullmatch(body)
        return found if found and len(unquote(found["company"] + found["reference"])) <= self.longest else None

    def path(self, found: re.Match[str]) -> str:
        parts = {name: value.translate(ESCAPED) for name, value in found.groupdict().items()}
        return self.link.format(key=parts["company"] + parts["reference"], **parts)


def _tail(longest: int) -> str:
    return rf"\.(?P<tail>{URN_SIGN}{{1,{longest}}})"


PIECES = r"\.(?P<piece>[0-9]{2})\.(?P<total>[0-9]{2})"
COUPON = r"\.(?P<tail>[0-9]{1,12})"
ANY = r"\.\*"

SCHEMES: dict[str, _Numbered | _Lettered] = {
    "id:sgtin": _Numbered(13, LEADING, _tail(20), "01/{key}/21/{tail}"),
    "id:sscc": _Numbered(17, LEADING, "", "00/{key}"),
    "id:sgln": _Numbered(12, PLAIN, _tail(20), "414/{key}/254/{tail}"),
    "id:grai": _Numbered(12, ASSET, _tail(16), "8003/{key}{tail}"),
    "id:giai": _Lettered(URN_SIGN, 30, "", "8004/{key}"),
    "id:gsrn": _Numbered(17, PLAIN, "", "8018/{key}"),
    "id:gsrnp": _Numbered(17, PLAIN, "", "8017/{key}"),
    "id:gdti": _Numbered(12, PLAIN, _tail(17), "253/{key}{tail}"),
    "id:cpi": _Lettered(PART_SIGN, 30, COUPON, "8010/{key}/8011/{tail}"),
    "id:sgcn": _Numbered(12, PLAIN, COUPON, "255/{key}{tail}"),
    "id:ginc": _Lettered(URN_SIGN, 30, "", "401/{key}"),
    "id:gsin": _Numbered(16, PLAIN, "", "402/{key}"),
    "id:itip": _Numbered(13, LEADING, PIECES + _tail(20), "8006/{key}{piece}{total}/21/{tail}"),
    "id:upui": _Numbered(13, LEADING, _tail(28), "01/{key}/235/{tail}"),
    "id:pgln": _Numbered(12, PLAIN, "", "417/{key}"),
    "class:lgtin": _Numbered(13, LEADING, _tail(20), "01/{key}/10/{tail}"),
    "idpat:sgtin": _Numbered(13, LEADING, ANY, "01/{key}"),
    "idpat:grai": _Numbered(12, ASSET, ANY, "8003/{key}"),
    "idpat:gdti": _Numbered(12, PLAIN, ANY, "253/{key}"),
    "idpat:sgcn": _Numbered(12, PLAIN, ANY, "255/{key}"),
    "idpat:cpi": _Lettered(PART_SIGN, 30, ANY, "8010/{key}"),
    "idpat:itip": _Numbered(13, LEADING, PIECES + ANY, "8006/{key}{piece}{total}"),
    "idpat:upui": _Numbered(13, LEADING, ANY, "01/{key}"),
}
WITHOUT_KEY = frozenset({"id:adi", "id:bic", "id:gid", "id:imovn", "id:usdod"})
"""Schemes of EPCs that hold no GS1 key."""

SHORT_NAMES = {
    "gtin": "01", "itip": "8006", "cpid": "8010", "gln": "414", "party": "417", "gsrnp": "8017", "gsrn": "8018",
    "gcn": "255", "sscc": "00", "gdti": "253", "ginc": "401", "gsin": "402", "grai": "8003", "giai": "8004",
    "cpv": "22", "lot": "10", "ser": "21",
}  # fmt: skip
QUALIFIERS = {"01": ("21", "235", "10"), "8006": ("21", "10"), "414": ("254",), "8010": ("8011",)}
"""By key, what may follow it in the constrained form, the finest first."""

VALUES = {
    "00": "[0-9]{18}",
    "01": "[0-9]{14}",
    "253": rf"[0-9]{{13}}{LINK_SIGN}{{0,17}}",
    "255": "[0-9]{13,25}",
    "401": rf"{LINK_SIGN}{{1,30}}",
    "402": "[0-9]{17}",
    "414": "[0-9]{13}",
    "417": "[0-9]{13}",
    "8003": rf"[0-9]{{14}}{LINK_SIGN}{{0,16}}",
    "8004": rf"{LINK_SIGN}{{1,30}}",
    "8006": "[0-9]{18}",
    "8010": rf"{PART_SIGN}{{1,30}}",
    "8017": "[0-9]{18}",
    "8018": "[0-9]{18}",
    "10": rf"{LINK_SIGN}{{1,20}}",
    "21": rf"{LINK_SIGN}{{1,20}}",
    "235": rf"{LINK_SIGN}{{1,28}}",
    "254": rf"{LINK_SIGN}{{1,20}}",
    "8011": "[0-9]{1,12}",
}
KEYS = ("00", "01", "253", "255", "401", "402", "414", "417", "8003", "8004", "8006", "8010", "8017", "8018")
CHECKED_DIGITS = {
    "00": 18, "01": 14, "253": 13, "255": 13, "402": 17, "414": 13, "417": 13, "8003": 14, "8006": 14, "8017": 18,
    "8018": 18,
}  # fmt: skip
"""How many digits of a key's value end with its check digit."""

INSTANCE_QUALIFIERS = {"01": {"21", "235"}, "8006": {"21"}, "8010": {"8011"}}
"""Keys of classes, with the qualifiers that make one name an instance."""

LINK = re.compile(r"https?://[^/?#]+(?P<path>/[^?#]*)", re.DOTALL)


def digital_link(uri: str) -> str | None:
    """The constrained canonical Digital Link of an EPC URI or a Digital Link; None for what is neither."""
    path = _path_of_urn(uri) if uri.startswith("urn:epc:") else _path_of_link(uri)
    return None if path is None else ROOT + path


def key_elements(uri: str) -> dict[str, str]:
    """What a URI identifies, by GS1 application identifier: `{"01": GTIN of 14 digits, "21": serial}`, `{"00": SSCC}`,
    `{"01": ..., "10": lot}`, `{"414": GLN}`; empty for a URI that holds no GS1 key."""
    link = digital_link(uri)
    if link is None:
        return {}
    parts = [unquote(part) for part in link.removeprefix(ROOT).split("/")]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def epc_problem(uri: str, *, of_class: bool) -> str | None:
    """What is wrong with the identifier of an object, or of a class of objects; None if nothing is. Only EPC URIs and
    Digital Links at id.gs1.org are looked into: elsewhere, what looks like a key may be none."""
    if uri.startswith("urn:epc:"):
        kind, scheme, body = _urn_parts(uri)
        if kind not in WITHOUT_KEY and (scheme is None or not scheme.matched(body)):
            return "is no EPC URI: not of a scheme of the Tag Data Standard, or not of its lengths and characters"
        names_class = not kind.startswith("id:")
    elif uri.startswith(ROOT):
        elements = key_elements(uri)
        if not elements:
            return "is no GS1 Digital Link: no key, or not of its lengths and characters"
        key, value = next(iter(elements.items()))
        digits = value[: CHECKED_DIGITS.get(key, 0)]
        if digits and str(gs1_standard_check_digit(digits[:-1])) != digits[-1]:
            return f"has the check digit {digits[-1]}, which must be {gs1_standard_check_digit(digits[:-1])}"
        needed = INSTANCE_QUALIFIERS.get(key)
        names_class = needed is not None and not needed & elements.keys()
    else:
        return None
    if names_class is not of_class:
        return "names a class where one object is meant" if names_class else "names one object where a class is meant"
    return None


def _urn_parts(uri: str) -> tuple[str, _Numbered | _Lettered | None, str]:
    """The kind of an EPC URI, such as `id:sgtin`, its scheme if there is one, and what follows."""
    form, _, rest = uri.removeprefix("urn:epc:").partition(":")
    name, _, body = rest.partition(":")
    kind = f"{form}:{name}"
    return kind, SCHEMES.get(kind), body


def _path_of_urn(uri: str) -> str | None:
    kind, scheme, body = _urn_parts(uri)
    found = scheme.matched(body) if scheme else None
    if scheme is None or found is None:
        return None
    path = scheme.path(found)
    return path.removesuffix("/254/0") if kind == "id:sgln" else path


def _path_of_link(uri: str) -> str | None:
    found = LINK.fullmatch(uri.partition("?")[0].partition("#")[0])
    if not found:
        return None
    parts = found["path"].rstrip("/").split("/")[1:]
    names = [SHORT_NAMES.get(part, part) for part in parts]
    start = next((i for i, name in enumerate(names[:-1]) if name in KEYS and _fits(name, parts[i + 1])), None)
    if start is None or (len(parts) - start) % 2:
        return None
    key, value = names[start], _padded(names[start], parts[start + 1])
    given = dict(zip(names[start + 2 :: 2], parts[start + 3 :: 2], strict=True))
    allowed = QUALIFIERS.get(key, ())
    if any(name not in (*allowed, "22") for name in given):
        return None
    for name in allowed:
        if name in given:
            return f"{key}/{value}/{name}/{given[name]}" if re.fullmatch(VALUES[name], given[name]) else None
    return f"{key}/{value}"


def _fits(key: str, value: str) -> bool:
    return re.fullmatch(VALUES[key], _padded(key, value)) is not None


def _padded(key: str, value: str) -> str:
    """A GTIN of 8, 12 or 13 digits as one of 14."""
    return value.zfill(14) if key == "01" and len(value) in (8, 12, 13) else value

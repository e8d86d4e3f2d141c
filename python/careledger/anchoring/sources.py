"""What is to be anchored: the files of a folder, or the lines of a list of digests."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from careledger.errors import InvalidInput

__all__ = [
    "FORMER_DIGITS",
    "PARTIAL_SUFFIX",
    "PENDING_SUFFIX",
    "RECEIPT_SUFFIX",
    "Source",
    "check_name",
    "digests_in",
    "files_in",
    "is_document",
    "printable",
]

RECEIPT_SUFFIX = ".receipt.json"
PARTIAL_SUFFIX = ".partial"
PENDING_SUFFIX = ".pending"
"""Of what is kept of one document while its anchor is under way."""

OWN_SUFFIXES = tuple(RECEIPT_SUFFIX + more for more in ("", PARTIAL_SUFFIX, PENDING_SUFFIX))
FORMER_DIGITS = 8
LONGEST_NAME_BYTES = 255 - len(RECEIPT_SUFFIX + PARTIAL_SUFFIX) - len(".") - FORMER_DIGITS
"""What file systems allow, less what the receipts' names have more."""

DIGEST_LINE = re.compile(r"(?:0x)?([0-9a-fA-F]{64})(?:[ \t]+\*?(.+))?")
ESCAPES = {r"\n": "\n", r"\r": "\r", "\\\\": "\\"}


@dataclass(frozen=True, slots=True)
class Source:
    """A document to anchor: a file by its path, or a digest (32 bytes) that was made elsewhere. `name` is under which
    its receipt is stored, a relative path."""

    name: str
    path: Path | None = None
    digest: bytes | None = None


def files_in(folder: Path, skip: Path | None = None, under: Path | None = None) -> Iterator[Source]:
    """The regular files under a folder, by name in each folder; links are not followed, receipts left out. `skip` is a
    folder, such as that of the receipts, that is left out; `under` the part of the folder to look at, by default all.

    A folder further down that cannot be read comes as a source, which then cannot be read either. Raises OSError for
    the first one.
    """
    skipped = None if skip is None else skip.resolve()
    first = under or folder
    waiting = [first]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except FileNotFoundError:
            if here == first:
                raise
            continue  # removed meanwhile
        except OSError:
            if here == first:
                raise
            yield Source(here.relative_to(folder).as_posix(), here)
            continue
        prefix = "" if here == folder else here.relative_to(folder).as_posix() + "/"
        for entry in entries:
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                if skipped is None or path.resolve() != skipped:
                    waiting.append(path)
            elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(OWN_SUFFIXES):
                yield Source(prefix + entry.name, path)


def is_document(path: Path) -> bool:
    """Whether there is a regular file, no link, that is not a receipt."""
    try:
        return stat.S_ISREG(path.lstat().st_mode) and not path.name.endswith(OWN_SUFFIXES)
    except OSError:  # removed meanwhile
        return False


def digests_in(lines: IO[str]) -> Iterator[Source]:
    """Digests from lines as `sha256sum` writes them: 64 hex digits and, after blanks, a name; without one, the digest
    is its own name. A line that begins with a backslash has a name with escapes. Raises InvalidInput naming the line.
    """
    for number, line in enumerate(lines, 1):
        text = line.strip()
        escaped = text.startswith("\\")
        text = text.removeprefix("\\")
        if not text or text.startswith("#"):
            continue
        match = DIGEST_LINE.fullmatch(text)
        if match is None:
            raise InvalidInput(
                f"line {number}", text[:80], "must be a SHA-256 of 64 hex digits, and a name if it has one"
            )
        name = (match[2] or match[1]).strip()
        if escaped:
            name = re.sub(r"\\[nr\\]", lambda found: ESCAPES[found[0]], name)
        if name.startswith("/") or ".." in Path(name).parts:
            raise InvalidInput(f"line {number}", name, "must be a name below the folder of receipts")
        yield Source(name, digest=bytes.fromhex(match[1]))


def check_name(name: str) -> None:
    """Raises InvalidInput for a name that a job or a receipt's file cannot have."""
    try:
        last = name.rpartition("/")[2].encode()
    except UnicodeEncodeError:
        raise InvalidInput("name", printable(name), "is not UTF-8: rename the file") from None
    if len(last) > LONGEST_NAME_BYTES:
        raise InvalidInput(
            "name", name, f"has {len(last)} bytes, too long for a receipt's: at most {LONGEST_NAME_BYTES}"
        )


def printable(name: str) -> str:
    """A file's name that may not be UTF-8, with escapes for what is not."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

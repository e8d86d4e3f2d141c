"""Passphrases: from a file, from the environment, or from a person at a terminal; never from the command line."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from careledger.errors import ConfigurationError

__all__ = ["MINIMUM_LENGTH", "PASSPHRASE", "configured_passphrase", "read_passphrase"]

PASSPHRASE = "CARELEDGER_PASSPHRASE"  # noqa: S105  the setting's name
"""The setting that opens keystores and, unless it has its own, the vault."""

MINIMUM_LENGTH = 8
"""The least number of characters of a new passphrase (NIST SP 800-63B, section 5.1.1.1)."""


def read_passphrase(*settings: str, prompt: str = "Passphrase", new: bool = False) -> str:
    """The configured passphrase (CARELEDGER_PASSPHRASE if no setting is named), or else what is typed at a hidden
    prompt, if standard input is a terminal. `new` asks twice, and refuses fewer than 8 characters.

    Raises ConfigurationError naming the setting.
    """
    settings = settings or (PASSPHRASE,)
    passphrase = configured_passphrase(*settings)
    if passphrase is None:
        if not sys.stdin.isatty():
            raise ConfigurationError(
                f"{settings[0]}_FILE", "not set, and there is no terminal to ask at; name a file that holds it"
            )
        passphrase = _asked(prompt, new)
    if not passphrase:
        raise ConfigurationError(settings[0], "the passphrase is empty")
    if new and len(passphrase) < MINIMUM_LENGTH:
        raise ConfigurationError(settings[0], f"a new passphrase needs at least {MINIMUM_LENGTH} characters")
    return passphrase


def configured_passphrase(*settings: str) -> str | None:
    """For each setting in turn, the file that `<setting>_FILE` names, then the variable `<setting>`; or else None.

    One line end at a file's end is not part of the passphrase. Raises ConfigurationError if a file cannot be read.
    """
    for setting in settings:
        file_setting = f"{setting}_FILE"
        if name := os.environ.get(file_setting):
            try:
                text = Path(name).expanduser().read_text(encoding="utf-8")
            except OSError as error:
                raise ConfigurationError(file_setting, f"cannot read {name}: {error.strerror}") from error
            except UnicodeDecodeError:
                raise ConfigurationError(file_setting, f"{name} is not UTF-8 text") from None
            return text.removesuffix("\n").removesuffix("\r")
        if setting in os.environ:
            return os.environ[setting]
    return None


def _asked(prompt: str, twice: bool) -> str:
    passphrase = getpass.getpass(f"{prompt}: ")
    if twice and getpass.getpass(f"{prompt}, again: ") != passphrase:
        raise ConfigurationError("passphrase", "the two entries differ")
    return passphrase

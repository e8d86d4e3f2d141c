"""The gateway's settings, from the environment, a folder of secrets, or arguments. Whatever is missing or wrong is
refused at the start, by the setting's name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from limits import parse
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from careledger.chain.signers import Signer
from careledger.errors import ConfigurationError

__all__ = ["DEFAULT_TOKEN_SECRET", "PREFIX", "SECRETS", "Settings"]

PREFIX = "CARELEDGER_"
SECRETS = "CARELEDGER_SECRETS"
"""Names the folder with a file per secret."""

DEFAULT_TOKEN_SECRET = "a secret for development chains only"  # noqa: S105  refused elsewhere
LEAST_SECRET_CHARACTERS = 32


class Settings(BaseSettings):
    """What one gateway is and may do. `CARELEDGER_RPC` sets `rpc`, and so on. Secrets may be files, named after their
    setting in lower case with the prefix, in the folder that `CARELEDGER_SECRETS` names."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    organization: str = Field(min_length=1, description="Registered name of the organization that it acts for.")
    rpc: str = Field(min_length=1, description="URL of an Ethereum node.")
    signer: str = Field(min_length=1, description="The organization's key, as `careledger org --help` says.")
    vault: Path = Field(description="File of the vault with salts, receipts and books.")
    passphrase: SecretStr | None = Field(default=None, description="The vault's; or else CARELEDGER_PASSPHRASE_FILE.")
    deployments: Path = Field(default=Path("deployments"), description="Folder of deployment manifests.")
    chain_id: int | None = Field(default=None, description="Refuse a node of another chain.")
    database: str = Field(
        default="sqlite:///gateway.db", description="Of jobs, outbox and index: sqlite:///PATH or postgresql://..."
    )
    public_url: str = Field(
        default="http://127.0.0.1:8080", description="Where clients reach it: the audience of their assertions."
    )
    clients: Path | None = Field(default=None, description="File of the systems that may ask for tokens, in YAML.")
    token_secret: SecretStr = Field(
        default=SecretStr(DEFAULT_TOKEN_SECRET), description="Signs access tokens and sessions: 32 characters or more."
    )
    payer: str | None = Field(default=None, description="Registered name of the insurer whose contracts are used.")
    rules: Path | None = Field(default=None, description="The insurer's rule file, as both sides agreed it.")
    tariff: Path | None = Field(default=None, description="File of agreed prices.")
    reviewer: str | None = Field(default=None, description="Key of the person who reviews, as `signer`: an insurer's.")
    reasons: Path | None = Field(default=None, description="The insurer's list of reasons, in YAML.")
    supply: str | None = Field(default=None, description="Registered name of the supply chain's operator.")
    master_data: Path | None = Field(default=None, description="Which GLN is whose, for EPCIS.")
    confirmations: Annotated[int, Field(ge=1)] = 12
    """How deep a block must be for what is in it to count as final; 1 on development chains."""
    job_threads: Annotated[int, Field(ge=1, le=64)] = 16
    """How many jobs a process performs at the same time."""
    job_keep_days: Annotated[int, Field(ge=1)] | None = None
    """After which a job that ended is forgotten, and its idempotency key with it; never by default."""
    wait_seconds: Annotated[float, Field(ge=0, le=60)] = 10
    """How long a request waits for its job's block before it answers 202."""
    body_limit_bytes: Annotated[int, Field(ge=1_024)] = 32 * 1024 * 1024
    json_depth: Annotated[int, Field(ge=8, le=256)] = 64
    rate_limit: str = Field(default="1200/minute", description="Requests per client, or per address without a token.")
    token_seconds: Annotated[int, Field(ge=30, le=3_600)] = 300
    oidc_issuer: str | None = Field(default=None, description="Of the OpenID Connect server where people sign in.")
    oidc_client_id: str | None = Field(default=None, description="What this gateway is called there.")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="Its secret there; none for a public client."
    )
    people: Path | None = Field(default=None, description="File of the people who may sign in there, in YAML.")
    session_seconds: Annotated[int, Field(ge=300, le=7 * 86_400)] = 8 * 3_600
    """After which a person must sign in again."""
    session_idle_seconds: Annotated[int, Field(ge=60, le=86_400)] = 1_800
    """After which a session that is not used ends."""
    alert_outbox_seconds: Annotated[int, Field(ge=1)] = 600
    """How long a transaction may be in no block until that is an alert."""
    alert_funds_wei: Annotated[int, Field(ge=0)] = 10**17
    """What the organization's key should have at least, to pay for transactions."""
    alert_vault_percent: Annotated[int, Field(ge=0, le=1_000)] = 20
    """How far above its floor an insurer's free money should be."""
    alert_index_blocks: Annotated[int, Field(ge=1)] = 30
    """How far the index may be behind the chain."""
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins whose pages may call it with a token; none by default. Cookies are never sent across origins."""
    subscription_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts, or host:port, that notifications of FHIR subscriptions may go to; none by default."""

    @field_validator("cors_origins", "subscription_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query:
                raise ValueError(f"{origin} is no origin, such as https://portal.example.org")
        return value

    @field_validator("rate_limit")
    @classmethod
    def _is_rate(cls, value: str) -> str:
        parse(value)  # its ValueError says what is wrong
        return value

    @field_validator("public_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an http:// or https:// address")
        return value.rstrip("/")

    @classmethod
    def load(cls, secrets: Path | None = None, **given: Any) -> Settings:
        """The settings of the environment, or as `given`. Raises ConfigurationError with the first that is wrong."""
        try:
            return cls(_secrets_dir=secrets, **given)  # type: ignore[call-arg]
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
            raise ConfigurationError(name, "not set" if first["type"] == "missing" else first["msg"]) from None

    @property
    def estimates(self) -> bool:
        """Whether it tells what services would cost: a provider's does, with the insurer's rule file."""
        return self.rules is not None and self.payer is not None and self.payer != self.organization

    def check(self, is_local: bool, signer: Signer) -> None:
        """Raises ConfigurationError for what is fit for a development chain only, elsewhere."""
        secret = self.token_secret.get_secret_value()
        if self.oidc_issuer is not None:
            for name in ("oidc_client_id", "people"):
                if getattr(self, name) is None:
                    raise ConfigurationError(f"{PREFIX}{name.upper()}", "not set; it goes with an OIDC_ISSUER")
        if is_local:
            return
        if self.oidc_issuer is not None and urlsplit(self.oidc_issuer).scheme != "https":
            raise ConfigurationError(f"{PREFIX}OIDC_ISSUER", "must be https:// outside a local chain")
        if secret == DEFAULT_TOKEN_SECRET:
            raise ConfigurationError(f"{PREFIX}TOKEN_SECRET", "not set; outside a local chain it must be")
        if len(secret) < LEAST_SECRET_CHARACTERS:
            raise ConfigurationError(f"{PREFIX}TOKEN_SECRET", f"must be {LEAST_SECRET_CHARACTERS} characters or more")
        if self.confirmations == 1:
            raise ConfigurationError(f"{PREFIX}CONFIRMATIONS", "1 takes the newest block for final: for local chains")
        if urlsplit(self.public_url).scheme != "https":
            raise ConfigurationError(f"{PREFIX}PUBLIC_URL", "must be https:// outside a local chain")
        if signer.development_only:
            raise ConfigurationError(f"{PREFIX}SIGNER", f"{signer.describe()} is for development chains only")

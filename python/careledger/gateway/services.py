"""What the routes of one process work with: the suite, the vault, the databases and the jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from careledger.chain.database import Database
from careledger.chain.deployment import Deployment
from careledger.chain.deployment.verify import require_code
from careledger.chain.outbox import Outbox, Policy
from careledger.chain.signers import Signer
from careledger.chain.signers.passphrase import PASSPHRASE, configured_passphrase
from careledger.cli.session import open_signer
from careledger.client import CareLedger
from careledger.errors import ConfigurationError, InvalidInput
from careledger.gateway.access import Clients, Tokens
from careledger.gateway.access.oidc import OpenIdSignIn
from careledger.gateway.access.once import Once
from careledger.gateway.access.openid_server import OpenIdServer
from careledger.gateway.access.people import People
from careledger.gateway.access.principal import PERSON
from careledger.gateway.access.reread import Reread
from careledger.gateway.access.sessions import Sessions
from careledger.gateway.access.wallet import Wallets
from careledger.gateway.alerts import Alerts
from careledger.gateway.durable import DurableConnection
from careledger.gateway.goods import Goods
from careledger.gateway.indexed import Indexed
from careledger.gateway.jobs import Handler, Jobs, Runner
from careledger.gateway.problems import Refused
from careledger.gateway.settings import PREFIX, Settings
from careledger.gateway.tables import HOME
from careledger.identity import Membership, Standing
from careledger.vault import Vault

if TYPE_CHECKING:
    from careledger.authorization.payer import Payer
    from careledger.authorization.reviews import Reasons
    from careledger.authorization.rule_set import RuleSet
    from careledger.authorization.tariff import Tariff
    from careledger.serialization.supply import SupplyChain

__all__ = ["Services", "open_services"]


@dataclass
class Services:
    """Opened once per process. `ledger` acts with the organization's key, and sends only inside a job."""

    settings: Settings
    ledger: CareLedger
    signer: Signer
    organization: str
    """The id of the organization that the gateway acts for."""
    vault: Vault
    database: Database
    outbox: Outbox
    jobs: Jobs
    tokens: Tokens
    sessions: Sessions
    wallets: Wallets
    listed: Reread[People]
    open_id: OpenIdSignIn | None
    started_at: int

    @property
    def connection(self) -> DurableConnection:
        assert isinstance(self.ledger.connection, DurableConnection)
        return self.ledger.connection

    @cached_property
    def payer(self) -> Payer:
        """The insurer's contracts. Raises ConfigurationError if none is set, and what `CareLedger.payer` raises."""
        if self.settings.payer is None:
            raise ConfigurationError(f"{PREFIX}PAYER", "not set: this gateway handles no prior authorization")
        return self.ledger.payer(self.settings.payer)

    @cached_property
    def rule_set(self) -> RuleSet:
        """The insurer's rules, from their file. Raises ConfigurationError if none is set, and RuleFileInvalid."""
        from careledger.cli.authorization.words import load_rules

        if self.settings.rules is None:
            raise ConfigurationError(f"{PREFIX}RULES", "not set: name the rule file that the insurer gave out")
        return load_rules(self.settings.rules)

    @cached_property
    def tariff(self) -> Tariff | None:
        """The agreed prices, if there are any. Raises InvalidInput."""
        from careledger.cli.authorization.words import load_tariff

        return load_tariff(self.settings.tariff, self.rule_set)

    @cached_property
    def reviewer(self) -> Signer:
        """Who signs reviews here. Raises ConfigurationError if nobody is set, and as `open_signer` does."""
        if self.settings.reviewer is None:
            raise ConfigurationError(f"{PREFIX}REVIEWER", "not set: nobody decides here what waits for a person")
        return open_signer(self.settings.reviewer)

    @cached_property
    def reasons(self) -> Reasons:
        """The insurer's list of reasons, empty if none is set. Raises InvalidInput."""
        from careledger.authorization.reviews import Reasons
        from careledger.cli.payer.words import load_reasons

        return Reasons({}) if self.settings.reasons is None else load_reasons(self.settings.reasons)

    @cached_property
    def supply(self) -> SupplyChain:
        """The supply chain's contracts. Raises ConfigurationError if none is set, and as `CareLedger.supply` does."""
        if self.settings.supply is None:
            raise ConfigurationError(f"{PREFIX}SUPPLY", "not set: this gateway handles no packs of medicine")
        return self.ledger.supply(self.settings.supply)

    @cached_property
    def goods(self) -> Goods:
        """What the organization keeps of packs and containers."""
        return Goods(self)

    @cached_property
    def index(self) -> Indexed:
        """What the index answers, which one process of the gateway keeps."""
        return Indexed(self.database, self.connection, self.settings.wait_seconds)

    @cached_property
    def alerts(self) -> Alerts:
        """What a person of the organization should look at."""
        return Alerts(self)

    @property
    def people(self) -> People:
        """Who may sign in at the OpenID Connect server, by the file of people as it is now."""
        return self.listed.content

    @property
    def ways_to_sign_in(self) -> list[str]:
        """How people sign in here."""
        return ["wallet"] if self.open_id is None else ["wallet", "oidc"]

    def reviewer_for(self, subject: str) -> Signer:
        """Who signs what a principal decides: for a system the key of the setting `reviewer`, for a person nobody's but
        its own, by the file of people, or as the wallet that it signed in with.

        Raises Refused, status 403, for a person without a key here, and else as `reviewer` does.
        """
        if not subject.startswith(PERSON):
            return self.reviewer
        people = self.people
        person = people.known(subject)
        if person is not None and person.signer is not None:
            return people.signers[person.signer]
        if self.settings.reviewer is not None and self.wallets.pseudonym(self.reviewer.address) == subject:
            return self.reviewer
        raise Refused(403, "No key", "no key of this person's is in this gateway's custody: nothing is signed for it")

    def require_standing(self, organization: str) -> Membership:
        """An organization by the register, now: what is suspended there is out at once.

        Raises Refused, status 403, for an organization that is not active, frozen, or without a licence.
        """
        try:
            membership = self.ledger.organizations.membership(organization)
        except InvalidInput:
            raise Refused(403, "No member", f"{organization} is not in the register") from None
        if membership.standing is not Standing.ACTIVE:
            raise Refused(403, "Not active", f"{organization} is {membership.standing.name.lower()} in the register")
        if membership.frozen:
            raise Refused(403, "Not active", f"{organization} is frozen in the register")
        if membership.licence_expiry <= self.connection.now():
            raise Refused(403, "Not active", f"the licence of {organization} has run out")
        return membership

    def runner(self, handlers: Mapping[str, Handler]) -> Runner:
        """What performs the jobs of this process."""
        policy = Policy(confirmations=self.settings.confirmations, poll_seconds=0.25)
        threads, keep_days = self.settings.job_threads, self.settings.job_keep_days
        runner = Runner(
            self.jobs, self.outbox, self.connection.rpc, [self.signer], policy, handlers, threads, keep_days
        )
        self.connection.stopping = runner.stopping
        return runner


@contextmanager
def open_services(settings: Settings) -> Iterator[Services]:
    """Opens everything, or raises what stands in the way: ConfigurationError with the setting's name, ChainError,
    DeploymentError, DatabaseError, VaultError."""
    with ExitStack() as stack:
        connection = DurableConnection.open(settings.rpc, settings.chain_id)
        signer = open_signer(settings.signer)
        settings.check(connection.is_local, signer)
        deployment = Deployment.load(settings.deployments, connection.chain_id)
        require_code(connection, deployment)
        ledger = CareLedger(connection, deployment, signer)
        organization = _own(ledger, settings, signer)
        vault = stack.enter_context(Vault.open(settings.vault, _passphrase(settings), busy_seconds=30))
        outbox = stack.enter_context(Outbox.open(settings.database, connection))
        connection.outbox = outbox
        database = Database(settings.database)
        stack.callback(database.close)
        database.migrate("gateway")
        _bind(database, outbox.store.genesis_hash, organization, vault)
        secret = settings.token_secret.get_secret_value()
        clients = Reread(lambda: Clients.load(settings.clients))
        tokens = Tokens(clients, database, secret, settings.public_url, settings.token_seconds)
        jobs = Jobs(database, vault)
        sessions = Sessions(
            database, secret, settings.public_url, settings.session_seconds, settings.session_idle_seconds
        )
        keys = _keys_of_people(connection.is_local)
        people = Reread(lambda: People.load(settings.people, settings.oidc_issuer, secret, keys))
        wallets = Wallets(connection, Once(database), secret, settings.public_url)
        yield Services(
            settings=settings,
            ledger=ledger,
            signer=signer,
            organization=organization,
            vault=vault,
            database=database,
            outbox=outbox,
            jobs=jobs,
            tokens=tokens,
            sessions=sessions,
            wallets=wallets,
            listed=people,
            open_id=_open_id(settings, Once(database)),
            started_at=int(time.time()),
        )


def _keys_of_people(is_local: bool) -> Callable[[str], Signer]:
    """Opens each key once. What it gives raises ConfigurationError, and as `open_signer` does."""

    @cache
    def opened(name: str) -> Signer:
        signer = open_signer(name)
        if signer.development_only and not is_local:
            raise ConfigurationError(f"{PREFIX}PEOPLE", f"{signer.describe()} is for development chains only")
        return signer

    return opened


def _open_id(settings: Settings, once: Once) -> OpenIdSignIn | None:
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    given = settings.oidc_client_secret
    secret = None if given is None else given.get_secret_value()
    server = OpenIdServer(settings.oidc_issuer, settings.oidc_client_id, secret)
    return OpenIdSignIn(server, once, settings.token_secret.get_secret_value(), settings.public_url)


def _own(ledger: CareLedger, settings: Settings, signer: Signer) -> str:
    """The organization's id. Raises ConfigurationError if the key is another's."""
    organization = ledger.organizations.known(settings.organization)
    held, _ = ledger.organizations.of_key(signer.address)
    if held != organization:
        raise ConfigurationError(
            f"{PREFIX}SIGNER", f"{signer.address} is not a key of {settings.organization}: see `careledger org key`"
        )
    return organization


def _bind(database: Database, genesis_hash: str, organization: str, vault: Vault) -> None:
    """Makes the database this gateway's. Raises ConfigurationError if it is another's: its jobs would be done on
    another chain, by another organization, or without what lies in its vault."""
    mine = {"genesis_hash": genesis_hash, "organization": organization, "vault": vault.identity}
    with database.write() as connection:
        insert = sqlite.insert if database.dialect == "sqlite" else postgresql.insert
        connection.execute(insert(HOME).values(only=1, **mine).on_conflict_do_nothing())
        kept = connection.execute(select(HOME)).one()
    other = [name.replace("genesis_hash", "chain") for name in mine if getattr(kept, name) != mine[name]]
    if other:
        raise ConfigurationError(
            f"{PREFIX}DATABASE",
            f"{database.name} belongs to a gateway of another {', '.join(other)}: use one of its own",
        )


def _passphrase(settings: Settings) -> str:
    given = settings.passphrase
    found = (
        configured_passphrase("CARELEDGER_VAULT_PASSPHRASE", PASSPHRASE) if given is None else given.get_secret_value()
    )
    if not found:
        raise ConfigurationError(f"{PASSPHRASE}_FILE", "not set; name a file that holds the vault's passphrase")
    return found

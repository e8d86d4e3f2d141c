"""Who may do what: systems by SMART Backend Services, and what the register says of their organizations."""

from careledger.gateway.access.clients import Client, Clients
from careledger.gateway.access.principal import Principal
from careledger.gateway.access.scopes import SCOPES
from careledger.gateway.access.tokens import Tokens

__all__ = ["SCOPES", "Client", "Clients", "Principal", "Tokens"]

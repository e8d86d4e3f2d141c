"""What is deployed, by which plan, and whether a chain still holds it.

`plan` says what a plan is, and `suite` what of the suite should stand; `manifest` records what does, `deployer` makes
the one become the other, `verify` checks a chain against both, and `replacement` exchanges one version of a contract
for the next.
"""

from careledger.chain.deployment.deployer import Deployer
from careledger.chain.deployment.manifest import DeployedContract, Deployment, manifest_path
from careledger.chain.deployment.plan import ADMIN, Plan, PlanParameters
from careledger.chain.deployment.suite import (
    GUARDIAN,
    POLICY_ADMINISTRATOR,
    REGISTRAR,
    Parameters,
    suite_plan,
)
from careledger.chain.deployment.verify import Check, verify

__all__ = [
    "ADMIN",
    "GUARDIAN",
    "POLICY_ADMINISTRATOR",
    "REGISTRAR",
    "Check",
    "DeployedContract",
    "Deployer",
    "Deployment",
    "Parameters",
    "Plan",
    "PlanParameters",
    "manifest_path",
    "suite_plan",
    "verify",
]

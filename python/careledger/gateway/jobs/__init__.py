"""Durable jobs: what a request asked to be done on chain, kept until it is final.

A 202 says that the job is on disk. It is performed at least once, by whichever process is alive, and has one effect:
its transactions are the outbox's, by keys of the job, and the contracts take none of them twice.
"""

from careledger.gateway.jobs.handler import Handler
from careledger.gateway.jobs.runner import Runner
from careledger.gateway.jobs.store import Jobs
from careledger.gateway.jobs.types import Job, JobEvent, JobState

__all__ = ["Handler", "Job", "JobEvent", "JobState", "Jobs", "Runner"]

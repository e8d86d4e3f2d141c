"""web3.py as its documentation shows it, with coincurve; SQLAlchemy's ORM keeps what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from careledger.chain.development import MNEMONIC
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from web3 import HTTPProvider, Web3

from bench.harness import Effort, effort

__all__ = ["read", "send"]

RANGE_BLOCKS = 100


def send(
    url: str,
    address: ChecksumAddress,
    abi: Sequence[dict[str, Any]],
    calls: Sequence[Sequence[Any]],
    function: str = "grantRole",
) -> Effort:
    """A function with each of the arguments, one after another, each until its receipt."""
    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(MNEMONIC)
    web3 = Web3(HTTPProvider(url))
    contract = web3.eth.contract(address=address, abi=abi)

    def send_all() -> int:
        for arguments in calls:
            transaction = contract.functions[function](*arguments).build_transaction(
                {"from": account.address, "nonce": web3.eth.get_transaction_count(account.address)}
            )
            signed = account.sign_transaction(transaction)  # type: ignore[arg-type, unused-ignore]
            transaction_hash = web3.eth.send_raw_transaction(signed.raw_transaction)
            assert web3.eth.wait_for_transaction_receipt(transaction_hash)["status"] == 1
        return len(calls)

    return effort(send_all)


class Base(DeclarativeBase):
    pass


class TaskCounted(Base):
    __tablename__ = "task_counted"

    block_number: Mapped[int] = mapped_column(primary_key=True)
    log_index: Mapped[int] = mapped_column(primary_key=True)
    transaction_hash: Mapped[str]
    address: Mapped[str]
    task: Mapped[str]
    organization: Mapped[str]
    finished: Mapped[str]


def read(
    url: str, address: ChecksumAddress, abi: Sequence[dict[str, Any]], first: int, last: int, database: str
) -> Effort:
    """The events of a range of blocks into a fresh database, with a commit after every 100 blocks."""
    emitter = Web3(HTTPProvider(url)).eth.contract(address=address, abi=abi)
    engine = create_engine(database)
    Base.metadata.create_all(engine)

    def read_all() -> int:
        count = 0
        for start in range(first, last + 1, RANGE_BLOCKS):
            end = min(start + RANGE_BLOCKS - 1, last)
            with Session(engine) as session:
                for log in emitter.events.TaskCounted.get_logs(from_block=start, to_block=end):
                    session.add(
                        TaskCounted(
                            block_number=log["blockNumber"],
                            log_index=log["logIndex"],
                            transaction_hash=log["transactionHash"].to_0x_hex(),
                            address=log["address"],
                            task="0x" + log["args"]["task"].hex(),
                            organization="0x" + log["args"]["organization"].hex(),
                            finished=str(log["args"]["finished"]),
                        )
                    )
                    count += 1
                session.commit()
        return count

    return effort(read_all)

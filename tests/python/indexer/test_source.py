"""Nodes that limit, lag, lie or go away: what is stored is the chain's, or nothing is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from careledger.chain.connection import Connection
from careledger.chain.development import Node
from careledger.chain.indexer.source import Source
from careledger.chain.rpc import Answer, HttpRpc, RpcError, quantity
from careledger.errors import ChainDisagrees, ChainError, ConfigurationError, NodeBusy, NodeRefused, NodeUnreachable
from indexer.emitter import Emitter
from indexer.world import SpoiledRpc, content, indexer, mine, source
from rpc_proxy import RpcProxy

Fresh = Callable[[str], str]

LIMITS = (
    RpcError(-32005, "query returned more than 10000 results"),
    RpcError(-32602, "eth_getLogs is limited to a 10,000 range"),
    RpcError(-32000, "Log response size exceeded. This block range should work: [0x0, 0x5f5e100]"),
    RpcError(-32603, "internal error"),
    RpcError(None, ""),
)


@pytest.fixture(scope="module")
def chain_node() -> Iterator[Node]:
    """Nothing happens on it but the history."""
    with Node() as node:
        yield node


@pytest.fixture(scope="module")
def history(chain_node: Node) -> Emitter:
    return made_history(chain_node.connect())


def made_history(connection: Connection) -> Emitter:
    """About 300 blocks with 60 events."""
    emitter = Emitter(connection)
    for i in range(6):
        emitter.emit("addKeys", 10 * i, 8)
        emitter.emit("retireKeys", 10 * i, 2)
        mine(connection, 40)
    return emitter


@pytest.fixture
def own_node() -> Iterator[Node]:
    """For a test that has the chain go on."""
    with Node() as node:
        yield node


def span(params: list[Any]) -> int:
    """The number of blocks in a request for a range; 0 for one by hash."""
    query = params[0]
    return quantity(query["toBlock"]) - quantity(query["fromBlock"]) + 1 if "toBlock" in query else 0


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: str(limit.code))
@pytest.mark.parametrize("most", [1, 7])
def test_ranges_shrink_to_what_a_node_gives_whatever_it_says(
    chain_node: Node, history: Emitter, fresh: Fresh, limit: RpcError, most: int
) -> None:
    widths = []

    def spoil(method: str, params: list[Any], answer: Answer) -> Answer:
        if method != "eth_getLogs":
            return answer
        widths.append(span(params))
        return limit if span(params) > most else answer

    with indexer(fresh("sqlite"), source([SpoiledRpc(chain_node.url, spoil)], history), history) as keeper:
        assert keeper.sync().events == 60
        assert keeper.verify(20) == []
    assert max(widths) > most  # it was tried
    assert sum(width > most for width in widths) < len(widths) / 2


def test_ranges_grow_where_there_is_little(chain_node: Node, history: Emitter, fresh: Fresh) -> None:
    node = SpoiledRpc(chain_node.url)
    with indexer(fresh("sqlite"), source([node], history, near_blocks=1), history) as keeper:
        assert keeper.sync().events == 60
    assert node.counts["eth_getLogs"] < 12


def test_an_answer_that_is_too_much_for_the_time_is_asked_for_in_parts(
    chain_node: Node, history: Emitter, fresh: Fresh
) -> None:
    class Slow(SpoiledRpc):
        def batch(self, calls: Any) -> list[Answer]:
            if any(method == "eth_getLogs" and span(params) > 4 for method, params in calls):
                raise NodeUnreachable(self.name, "ReadTimeout")
            return super().batch(calls)

    with indexer(fresh("sqlite"), source([Slow(chain_node.url)], history), history) as keeper:
        assert keeper.sync().events == 60


def test_a_busy_node_is_given_time(chain_node: Node, history: Emitter, fresh: Fresh) -> None:
    class Busy(SpoiledRpc):
        refusals = 3

        def batch(self, calls: Any) -> list[Answer]:
            if any(method == "eth_getLogs" for method, _ in calls) and self.refusals:
                self.refusals -= 1
                raise NodeBusy(self.name, "HTTP status 429", 0)
            return super().batch(calls)

    with indexer(fresh("sqlite"), source([Busy(chain_node.url)], history), history) as keeper:
        assert keeper.sync().events == 60


@pytest.mark.parametrize("near", [1, 1_000])
def test_another_node_takes_over(own_node: Node, fresh: Fresh, near: int) -> None:
    history = made_history(own_node.connect())
    first, second = SpoiledRpc(own_node.url), SpoiledRpc(own_node.url)
    with indexer(fresh("sqlite"), source([first, second], history, near_blocks=near), history) as keeper:
        first.is_down = True
        assert keeper.sync().events == 60
        first.is_down, second.is_down = False, True
        history.emit("addKeys", 500, 1)
        keeper._source._nodes[0].ready_at = 0
        assert keeper.sync().events == 1


def test_answers_that_get_lost_are_asked_for_again(chain_node: Node, history: Emitter, fresh: Fresh) -> None:
    with RpcProxy(chain_node.url) as proxy:
        proxy.lose_answers("eth_getLogs", times=2, after=1)
        with indexer(fresh("sqlite"), source(proxy.url, history, patience_seconds=10), history) as keeper:
            assert keeper.sync().events == 60


# ------------------------------------------------------------------ lagging


@pytest.mark.parametrize("near", [1, 1_000])
def test_the_empty_answer_of_a_lagging_node_is_not_believed(
    chain_node: Node, connection: Connection, history: Emitter, fresh: Fresh, near: int
) -> None:
    """One face, two nodes behind it: the head comes from one, logs and headers from one that is behind."""
    last = connection.block_number() - 100

    def spoil(method: str, params: list[Any], answer: Answer) -> Answer:
        number = None
        if method == "eth_getBlockByNumber" and params[0].startswith("0x"):
            number = quantity(params[0])
        elif method == "eth_getLogs" and "toBlock" in params[0]:
            number = quantity(params[0]["toBlock"])
        elif method == "eth_getLogs" and answer:
            number = quantity(answer[0]["blockNumber"])
        if number is None or number <= last:
            return answer
        return [] if method == "eth_getLogs" else None

    lagging = SpoiledRpc(chain_node.url, spoil)
    url = fresh("sqlite")
    good = HttpRpc(chain_node.url)
    with indexer(url, source([lagging, good], history, near_blocks=near), history) as keeper:
        assert keeper.sync().events == 60
    for nodes in ([lagging], [lagging, lagging]):
        other = fresh("sqlite")
        of = source(nodes, history, near_blocks=near, patience_seconds=0.5)
        with indexer(other, of, history) as keeper:
            with pytest.raises(NodeUnreachable):
                keeper.sync()
            assert keeper._cursor().number <= last


def test_a_second_node_that_lags_does_not_count(chain_node: Node, history: Emitter, fresh: Fresh) -> None:
    def spoil(method: str, params: list[Any], answer: Answer) -> Answer:
        return None if method == "eth_getBlockByNumber" and params[0] not in {"0x0", "latest"} else answer

    nodes = [SpoiledRpc(chain_node.url), SpoiledRpc(chain_node.url, spoil)]
    with indexer(fresh("sqlite"), source(nodes, history), history) as keeper:
        assert keeper.sync().events == 60


# ------------------------------------------------------------------ lying


def other_hash(method: str, params: list[Any], answer: Answer) -> Answer:
    """Another chain from the tenth block on."""
    if method == "eth_getBlockByNumber" and answer and quantity(answer["number"]) >= 10:
        return {**answer, "hash": "0x" + "99" * 32}
    return answer


def no_logs(method: str, params: list[Any], answer: Answer) -> Answer:
    return [] if method == "eth_getLogs" else answer


def foreign_logs(method: str, params: list[Any], answer: Answer) -> Answer:
    return [{**log, "address": "0x" + "99" * 20} for log in answer] if method == "eth_getLogs" else answer


def logs_twice(method: str, params: list[Any], answer: Answer) -> Answer:
    return [log for log in answer for _ in range(2)] if method == "eth_getLogs" else answer


def logs_of_another_block(method: str, params: list[Any], answer: Answer) -> Answer:
    return [{**log, "blockHash": "0x" + "99" * 32} for log in answer] if method == "eth_getLogs" else answer


def no_numbers(method: str, params: list[Any], answer: Answer) -> Answer:
    return "nonsense" if method == "eth_getLogs" else answer


def no_blocks(method: str, params: list[Any], answer: Answer) -> Answer:
    return {"number": "12"} if method == "eth_getBlockByNumber" and params[0] not in {"0x0", "latest"} else answer


LIES = (other_hash, no_logs, foreign_logs, logs_twice, logs_of_another_block, no_numbers, no_blocks)


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_lying_node_is_found_out_by_the_others(chain_node: Node, history: Emitter, fresh: Fresh, lie: Any) -> None:
    honest = [HttpRpc(chain_node.url), SpoiledRpc(chain_node.url)]
    liar = SpoiledRpc(chain_node.url)
    url, true = fresh("sqlite"), fresh("sqlite")
    with indexer(true, source(chain_node.url, history), history) as keeper:
        keeper.sync()
    of = source([liar, *honest], history, near_blocks=1_000)
    with indexer(url, of, history) as keeper:
        liar.spoil = lie
        keeper.sync()
    assert content(url) == content(true)


@pytest.mark.parametrize(
    ("lie", "near"),
    [
        (lie, near)
        for lie in LIES[2:]
        for near in (1, 1_000)
        if near > 1 or lie is not logs_of_another_block  # of a range only the last block's hash is known
    ],
)
def test_a_lie_that_contradicts_itself_is_never_stored(
    chain_node: Node, history: Emitter, fresh: Fresh, lie: Any, near: int
) -> None:
    liar, url = SpoiledRpc(chain_node.url), fresh("sqlite")
    of = source([liar], history, near_blocks=near, patience_seconds=0.3)
    with indexer(url, of, history) as keeper:
        liar.spoil = lie
        with pytest.raises(ChainError):
            keeper.sync()
    assert content(url) == {}


def test_two_nodes_that_disagree_are_told(chain_node: Node, history: Emitter, fresh: Fresh) -> None:
    liar, url = SpoiledRpc(chain_node.url), fresh("sqlite")
    of = source([HttpRpc(chain_node.url), liar], history, patience_seconds=0.5)
    with indexer(url, of, history) as keeper:
        liar.spoil = other_hash
        with pytest.raises(ChainDisagrees):
            keeper.sync()
        liar.spoil = None
        keeper.sync()
    with indexer(url, source(chain_node.url, history), history) as keeper:
        assert keeper.verify() == []


def test_a_node_that_alone_has_another_chain_does_not_take_the_index_back(own_node: Node, fresh: Fresh) -> None:
    connection = own_node.connect()
    history = made_history(connection)
    liar = SpoiledRpc(own_node.url)
    with indexer(fresh("sqlite"), source([liar, HttpRpc(own_node.url)], history), history) as keeper:
        keeper.sync()
        liar.spoil = other_hash
        mine(connection, 2)
        done = keeper.sync()
        assert done.reorganizations == 0
        assert done.block_number == connection.block_number()


def test_a_node_of_another_chain_is_left_out(chain_node: Node, history: Emitter, fresh: Fresh) -> None:
    with Node(options=("--timestamp", "1800000000")) as other:
        nodes = [SpoiledRpc(chain_node.url), HttpRpc(other.url)]
        with indexer(fresh("sqlite"), source(nodes, history), history) as keeper:
            keeper._source._nodes.reverse()
            assert keeper.sync().events == 60


def test_chains_without_bloom_filters_are_indexed(chain_node: Node, history: Emitter, fresh: Fresh) -> None:
    def spoil(method: str, params: list[Any], answer: Answer) -> Answer:
        return {**answer, "logsBloom": "0x" + "00" * 256} if method == "eth_getBlockByNumber" and answer else answer

    with indexer(
        fresh("sqlite"), source([SpoiledRpc(chain_node.url, spoil)], history, near_blocks=1_000), history
    ) as keeper:
        assert keeper.sync().events == 60


def test_a_node_without_logs_says_so(chain_node: Node, history: Emitter, fresh: Fresh) -> None:
    def spoil(method: str, params: list[Any], answer: Answer) -> Answer:
        return RpcError(-32601, "the method eth_getLogs does not exist") if method == "eth_getLogs" else answer

    of = source([SpoiledRpc(chain_node.url, spoil)], history, patience_seconds=0.3)
    with indexer(fresh("sqlite"), of, history) as keeper, pytest.raises(NodeRefused, match="eth_getLogs"):
        keeper.sync()


def test_a_source_of_nothing_is_refused(chain_node: Node) -> None:
    for nodes, contracts in (([], ["0x" + "11" * 20]), ([HttpRpc(chain_node.url)], [])):
        with pytest.raises(ConfigurationError):
            Source(nodes, contracts)

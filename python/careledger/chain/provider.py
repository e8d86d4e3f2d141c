"""web3's HTTP provider over connections that stay open, and beside it answers as JSON has them."""

from __future__ import annotations

from typing import Any

import orjson
from eth_typing import URI
from web3 import HTTPProvider
from web3.exceptions import Web3RPCError
from web3.types import RPCEndpoint, RPCResponse

from careledger.chain.lines import Lines

__all__ = ["NodeProvider"]


class NodeProvider(HTTPProvider):
    """Sends each request once."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        # web3 would otherwise silently send again after a slow answer, and report "nonce too low" for what went in.
        super().__init__(URI(url), exception_retry_configuration=None)
        self._timeout_seconds = timeout_seconds
        self._lines = Lines()

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        return self.decode_rpc_response(self._post(self.encode_rpc_request(method, params)))

    def ask(self, method: str, *params: Any) -> Any:
        """A result as it came, for which web3's formatters would take three times as long as the request. Raises
        Web3RPCError for the node's error, and requests.RequestException, ValueError and LookupError for no answer."""
        body = {"jsonrpc": "2.0", "id": 0, "method": method, "params": params}
        answer = orjson.loads(self._post(orjson.dumps(body)))
        error = answer.get("error")
        if error is not None:
            message = str(error.get("message", "")) if isinstance(error, dict) else str(error)
            raise Web3RPCError(message, rpc_response=answer)
        return answer["result"]

    def _post(self, content: bytes) -> bytes:
        response = self._lines.post(str(self.endpoint_uri), content, self._timeout_seconds)
        content = response.content  # read to its end, whatever it says: the line is then free for the next request
        response.raise_for_status()
        return content

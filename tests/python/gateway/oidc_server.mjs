// An OpenID Connect server of npm's `oidc-provider`, for the tests: any login signs in with any password.
//
// Prints its issuer. A line on standard input is where it sends browsers back to from then on; with each it makes new
// keys. The end of standard input ends it.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const COOKIE_KEY = randomUUID();

function key() {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...pair.privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };
}

function provider(issuer, redirectUri) {
  const client = {
    redirect_uris: [redirectUri],
    response_types: ["code"],
    grant_types: ["authorization_code"],
  };
  return new Provider(issuer, {
    clients: [
      { ...client, client_id: "gateway", client_secret: "a secret: of 100%", token_endpoint_auth_method: "client_secret_basic" },
      { ...client, client_id: "public", token_endpoint_auth_method: "none" },
      {
        ...client,
        client_id: "symmetric",
        client_secret: "a secret of thirty-two characters",
        id_token_signed_response_alg: "HS256",
      },
    ],
    cookies: { keys: [COOKIE_KEY] },
    jwks: { keys: [key()] },
    enabledJWA: { idTokenSigningAlgValues: ["RS256", "HS256"] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
  });
}

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  let answer = (_request, response) => response.writeHead(503).end();
  server.on("request", (request, response) => answer(request, response));
  console.log(JSON.stringify({ issuer }));
  const orders = createInterface({ input: process.stdin });
  orders.on("line", (redirectUri) => {
    answer = provider(issuer, redirectUri).callback();
    console.log(JSON.stringify({ redirectUri }));
  });
  orders.on("close", () => process.exit(0));
});

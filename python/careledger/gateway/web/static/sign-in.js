// Sign-in with a wallet of the browser (EIP-1193), and the way on to the page that was asked for.

import { Problem, icon, make, post, say } from "./dom.js";

const RETURN_PATH = /^\/(?:[A-Za-z0-9_-]+\/)*[A-Za-z0-9_-]*$/;
const REFUSED = 4001; // EIP-1193
const ALREADY_ASKED = -32002; // EIP-1474
const REASONS = { "No member's key": "nobody", "Key not active": "key_ended", "Not signed in": "too_late" };

const field = (id) => document.getElementById(id);
const language = document.documentElement.lang.split("-")[0];

/** Where to go on to: this gateway's page that `to` names, in the language of this page. */
function onward() {
  const to = (new URLSearchParams(location.search).get("to") ?? "").replace(/^\/(?:en|zh)(?=\/|$)/, `/${language}`);
  const own = `/${language}/sign-in`;
  return RETURN_PATH.test(to) && to !== "/" && to !== own ? to : `/${language}/verify`;
}

const hex = (text) => `0x${Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;

/** Signs in; what the wallet and the gateway refuse is thrown as they say it. */
async function signIn(wallet) {
  field("progress").textContent = say("sign_in.asking_account");
  const [address] = await wallet.request({ method: "eth_requestAccounts" });
  const { message } = await post("/session/wallet/nonce", { address });
  field("progress").textContent = say("sign_in.asking_signature");
  const signature = await wallet.request({ method: "personal_sign", params: [hex(message), address] });
  field("progress").textContent = say("sign_in.checking");
  await post("/session/wallet", { message, signature });
}

function tell(name, ...more) {
  const words = make("div", {}, make("h3", {}, say(`sign_in.${name}`)), make("p", {}, say(`sign_in.${name}_what`)), ...more.filter(Boolean));
  field("problem").replaceChildren(make("div", { class: "note note-warn", id: name }, icon("warn"), words));
}

function explain(error) {
  if (error instanceof Problem) {
    const name = REASONS[error.body.title] ?? (error.status === 403 ? "not_let_in" : "failed");
    return tell(name, name === "failed" || name === "not_let_in" ? make("p", { class: "small" }, error.message) : null);
  }
  if (error.code === REFUSED) return tell("refused");
  if (error.code === ALREADY_ASKED) return tell("already_asked");
  tell("wallet_failed");
}

field("go-on")?.setAttribute("href", onward());
field("server")?.setAttribute("href", `/session/oidc/begin?${new URLSearchParams({ to: onward() })}`);

const button = field("wallet");
button?.addEventListener("click", async () => {
  if (button.getAttribute("aria-disabled") === "true") return;
  field("problem").replaceChildren();
  if (!window.ethereum) return tell("no_wallet");
  button.setAttribute("aria-disabled", "true");
  try {
    await signIn(window.ethereum);
    location.assign(onward());
  } catch (error) {
    explain(error);
  } finally {
    field("progress").textContent = "";
    button.removeAttribute("aria-disabled");
  }
});

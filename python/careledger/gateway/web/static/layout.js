import { ask, around, say, send, time } from "./dom.js";

const block = document.getElementById("block");
try {
  const chain = await ask("/chain");
  if (chain.block_number === null) block.textContent = say("site.node_silent");
  else block.replaceChildren(...around("site.block", { block: String(chain.block_number), time: time(chain.block_time) }));
} catch (problem) {
  block.textContent = problem.message;
}

document.getElementById("sign-out")?.addEventListener("click", async () => {
  await send("DELETE", "/session");
  location.reload();
});

import { ponder } from "ponder:registry";
import { taskCounted } from "ponder:schema";

ponder.on("EventEmitter:TaskCounted", async ({ event, context }) => {
  await context.db.insert(taskCounted).values({
    blockNumber: event.block.number,
    logIndex: event.log.logIndex,
    blockTime: event.block.timestamp,
    transactionHash: event.transaction.hash,
    address: event.log.address,
    task: event.args.task,
    organization: event.args.organization,
    finished: event.args.finished,
  });
});

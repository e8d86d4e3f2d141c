import { onchainTable, primaryKey } from "ponder";

export const taskCounted = onchainTable(
  "task_counted",
  (t) => ({
    blockNumber: t.bigint().notNull(),
    logIndex: t.integer().notNull(),
    blockTime: t.bigint().notNull(),
    transactionHash: t.hex().notNull(),
    address: t.hex().notNull(),
    task: t.hex().notNull(),
    organization: t.hex().notNull(),
    finished: t.bigint().notNull(),
  }),
  (table) => ({ pk: primaryKey({ columns: [table.blockNumber, table.logIndex] }) }),
);

#!/usr/bin/env node
// The pinned Solidity compiler (npm `solc`, WebAssembly) behind the two calls that solcx, Ape, forge and
// slither make of a native binary: `--version`, and `--standard-json` on standard input.
"use strict";
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const args = process.argv.slice(2);
if (args.includes("--version")) {
  process.stdout.write(
    `solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`,
  );
  process.exit(0);
}

const valueAfter = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const base = valueAfter("--base-path") || process.cwd();
const includes = args.flatMap((arg, i) => (arg === "--include-path" ? [args[i + 1]] : []));

function readSource(name) {
  const clean = name.replace(/^file:\/\//, "");
  for (const root of [base, ...includes]) {
    const candidate = path.resolve(root, clean);
    if (fs.existsSync(candidate)) return { contents: fs.readFileSync(candidate, "utf8") };
  }
  return { error: `File not found: ${name}` };
}

const output = solc.compile(fs.readFileSync(0, "utf8"), { import: readSource });
process.stdout.write(output.endsWith("\n") ? output : `${output}\n`);

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
// Ape compiles from a temporary copy of contracts/ as base path; the libraries are where we are called from.
const roots = [valueAfter("--base-path"), process.cwd()].filter(Boolean);

function readSource(name) {
  const clean = name.replace(/^file:\/\//, "");
  for (const root of roots) {
    const candidate = path.resolve(root, clean);
    if (fs.existsSync(candidate)) return { contents: fs.readFileSync(candidate, "utf8") };
  }
  return { error: `File not found: ${name}` };
}

const output = solc.compile(fs.readFileSync(0, "utf8"), { import: readSource });
process.stdout.write(output.endsWith("\n") ? output : `${output}\n`);

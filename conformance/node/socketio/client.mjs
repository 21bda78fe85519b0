// Runs the scenarios with one of the official clients, and prints what the client saw: a line of JSON for each step,
// {"scenario": ..., "step": ..., "saw": ...}, with placeholders for ids. Whoever compares the lines of two servers compares the servers.
//
//   node client.mjs --client 2.2.0|2.5|3.1|4.x --transport polling|websocket|upgrade --url http://127.0.0.1:3000
//        [--pings URL] [--parser msgpack] [--restarts] [--only SCENARIO,SCENARIO]
//
// --pings is a server that pings every 300 ms and waits 1500 ms. With --restarts the server is ended and started again: the
// script prints {"control": "kill"}, "stop" or "start", and goes on when a line comes in.

import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Peer, configure } from "./peer.mjs";
import { basics } from "./scenarios_basics.mjs";
import { many } from "./scenarios_many.mjs";
import { endings } from "./scenarios_endings.mjs";

const { values: flags } = parseArgs({
  options: Object.fromEntries(["client", "transport", "url", "pings", "parser", "only"].map((name) => [name, { type: "string" }])
    .concat([["restarts", { type: "boolean" }]])),
});

await configure(flags);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

// control has whoever started this program do something to the server.
async function control(what) {
  console.log(JSON.stringify({ control: what }));
  await lines.next();
}

const scenarios = { ...basics, ...many, ...endings };
const wanted = flags.only?.split(",") ?? Object.keys(scenarios);
for (const scenario of wanted) {
  const log = (step, ...saw) => console.log(JSON.stringify({ scenario, step, saw: Peer.shown(saw) }));
  try {
    await scenarios[scenario](log, { ...flags, control, old: flags.client.startsWith("2") });
  } catch (error) {
    log("failed", error.message);
  }
  Peer.endAll();
}
process.exit(0);

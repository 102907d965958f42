// Starts a sandbox as the pages for developers say, and has the clients beside
// this file work against it.
// Usage: node check.mjs FOLDER, where FOLDER has the command duban, node_modules,
// stranger.mjs, and example.ts with what it was compiled to. `make clients` makes
// such a folder.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = path.resolve(process.argv[2]);
const keysFile = path.join(folder, "sandbox", "keys.json");
writeFileSync(path.join(folder, "duban.yaml"), [
  `sandbox: {data: ${folder}/sandbox, http: "127.0.0.1:0", webhooks: {allow_loopback: true}}`, "telemetry: {log_level: error}", "",
].join("\n"));
let log = "";
const sandbox = spawn(path.join(folder, "duban"), ["sandbox", "-config", path.join(folder, "duban.yaml"), "-small"], { stdio: ["ignore", "pipe", "pipe"] });
sandbox.stderr.setEncoding("utf8").on("data", (part) => (log += part));
const over = setTimeout(() => (sandbox.kill(), console.error(log), process.exit(1)), 300_000);

try {
  let base;
  for await (const line of createInterface({ input: sandbox.stdout })) {
    base = line.match(/http:\/\/[0-9.:]+/)?.[0];
    if (base) break;
  }
  assert.ok(base, `the sandbox has ended: ${log}`);

  const stranger = spawn("node", ["stranger.mjs"], { cwd: folder, stdio: "inherit", env: { ...process.env, BASE: base, KEYS: keysFile } });
  assert.equal((await once(stranger, "exit"))[0], 0, "the stranger has failed");

  const key = JSON.parse(readFileSync(keysFile, "utf8"))["machines/xingshan"];
  const { check, figure } = await import(pathToFileURL(path.join(folder, "example.mjs")));
  const unit = "units/yc-420526-s03";
  const wrong = await check(base, key, "units/yc-420526", "2027-02", [{ unit, field: "found", value: "1" }, { unit, field: "found", value: "-1" }]);
  assert.deepEqual(wrong.map((row) => row.reason), ["REPORT_VALUE_INVALID"]);
  assert.ok((await figure(base, key, "yc-420526", "metrics/problems_found")) > 12);
  console.log("typescript: compiled and run");
} finally {
  clearTimeout(over);
  sandbox.kill("SIGTERM");
}
assert.equal((await once(sandbox, "exit"))[0], 0, log);

// Takes what a running suite sends to a webhook with the library of Standard
// Webhooks (the npm package standardwebhooks), which shares no code with ours.
// Usage: node verify.mjs FOLDER, where FOLDER has the command duban and
// node_modules. `make webhooks-verify` makes such a folder.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";

const folder = path.resolve(process.argv[2]);
const { Webhook } = createRequire(path.join(folder, "x.js"))("standardwebhooks");

// The receiver keeps what it gets, and hands it out in order.
const got = [];
let arrived = () => {};
const receiver = createServer(async (req, res) => {
  let body = "";
  for await (const part of req.setEncoding("utf8")) body += part;
  got.push({ headers: req.headers, body });
  res.writeHead(204).end();
  arrived();
});
const listen = async (server) => (await once(server.listen(0, "127.0.0.1"), "listening"), server.address().port);
const until = async (n) => {
  while (got.length < n) await new Promise((resolve) => (arrived = resolve));
  return got[n - 1];
};

const probe = createServer();
const port = await listen(probe);
await once(probe.close(), "close");
const hook = `http://127.0.0.1:${await listen(receiver)}/hook`;

writeFileSync(path.join(folder, "duban.yaml"), [
  `data: ${folder}/data`, `http: 127.0.0.1:${port}`, `grpc: ""`, `metrics: ""`,
  "telemetry: {log_level: error}", "webhooks: {allow_loopback: true}", "",
].join("\n"));
const suite = spawn(path.join(folder, "duban"), ["standalone", "-config", path.join(folder, "duban.yaml")], { stdio: ["ignore", "pipe", "inherit"] });
const over = setTimeout(() => (suite.kill(), process.exit(1)), 60_000);

const call = async (key, method, at, body) => {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/${at}`, {
    method, body: body && JSON.stringify(body),
    headers: { Authorization: `Bearer ${key}`, ...(body && { "Content-Type": "application/json" }) },
  });
  const told = await answer.json();
  assert.ok(answer.ok, `${method} ${at}: ${JSON.stringify(told)}`);
  return told;
};

let bootstrap;
for await (const line of createInterface({ input: suite.stdout })) {
  bootstrap ??= line.match(/duban_\S+/)?.[0];
  if (bootstrap) break;
}
for (;;) {
  try {
    if ((await fetch(`http://127.0.0.1:${port}/readyz`)).ok) break;
  } catch {} // it does not listen yet
  await new Promise((resolve) => setTimeout(resolve, 50));
}

const first = await call(bootstrap, "POST", "installation:initialize", {
  root: { displayName: "演示区教育局", kind: "KIND_DISTRICT" }, rootId: "d", systemAdmin: "甲", securityAdmin: "乙", auditor: "丙",
});
const system = first.systemAdmin.secret, security = first.securityAdmin.secret;
await call(system, "POST", "units?unitId=s", { displayName: "演示学校", kind: "KIND_SCHOOL", parent: "units/d" });
const member = await call(system, "POST", "units/s/members", { displayName: "丁" });
await call(security, "POST", "roleGrants", { principal: member.name, role: "ROLE_CLERK", unit: "units/s" });
const { secret: key } = await call(security, "POST", "apiKeys", { principal: member.name });

const { webhook, secret } = await call(key, "POST", "webhooks", { unit: "units/s", url: hook, types: ["rectification.problem.*"], full: true });
assert.match(secret, /^whsec_/);
const ledger = await call(key, "POST", "ledgers", { unit: "units/s" });
const problem = await call(key, "POST", `${ledger.name}/problems`, { level: "LEVEL_UNIT", source: "SOURCE_SELF_CHECK", description: "迟到" });

const sent = await until(1);
const event = new Webhook(secret).verify(sent.body, sent.headers);
assert.equal(event.type, "rectification.problem.created.v1");
assert.equal(event.data.subject, problem.name);
assert.equal(event.data.resource.description, "迟到");
assert.throws(() => new Webhook(secret).verify(sent.body.replace("迟到", "早退"), sent.headers));
assert.throws(() => new Webhook(secret).verify(sent.body, { ...sent.headers, "webhook-id": "another" }));
assert.throws(() => new Webhook(secret).verify(sent.body, { ...sent.headers, "webhook-timestamp": "1" }));

const { secret: next } = await call(key, "POST", `${webhook.name}:rotateSecret`, {});
await call(key, "POST", `${webhook.name}:ping`, {});
const ping = await until(2);
for (const valid of [secret, next]) assert.equal(new Webhook(valid).verify(ping.body, ping.headers).type, "event.webhook.pinged.v1");
assert.throws(() => new Webhook(next).verify(sent.body, sent.headers), "a new secret does not verify what was sent before it");

const { events } = await call(key, "GET", "events?types=rectification.problem.*");
assert.equal(events[0].id, sent.headers["webhook-id"]);

clearTimeout(over);
suite.kill("SIGTERM");
assert.equal((await once(suite, "exit"))[0], 0);
receiver.close();
console.log(`standardwebhooks verified ${got.length} deliveries and refused what was altered`);

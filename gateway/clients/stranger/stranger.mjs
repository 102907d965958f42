// A system that knows of duban what the pages for developers tell and nothing
// else: Node 18 and the npm package standardwebhooks. It reports three months (one
// sent twice, one with a bad row that it corrects, one late), reads verdicts,
// status and events, and verifies what a webhook gets. Any other answer than
// expected ends it with an error.
// Usage: BASE=http://… KEYS=…/keys.json node stranger.mjs, against a new sandbox.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const base = process.env.BASE;
const keys = JSON.parse(readFileSync(process.env.KEYS, "utf8"));
const own = keys["machines/xingshan"], superior = keys["units/yc/members/supervisor1"], system = keys.system;
const unit = "units/yc-420526", school = `${unit}-s01`, other = `${unit}-s02`;

const send = async (key, method, path, body) => {
  const answer = await fetch(`${base}/v1/${path}`, {
    method, body: body && JSON.stringify(body),
    headers: { Authorization: `Bearer ${key}`, ...(body && { "Content-Type": "application/json" }) },
  });
  return { status: answer.status, body: await answer.json() };
};
const call = async (...request) => {
  const { status, body } = await send(...request);
  assert.equal(status, 200, `${request.slice(1, 3)}: ${JSON.stringify(body)}`);
  return body;
};
const setTime = (now) => call(system, "POST", "clock:set", { now });
const report = (period, sequence, rows, more) => ({
  form: "reportForms/ledger-monthly", unit, period, source: "stranger", sequence: String(sequence),
  rows: rows.map(([unit, field, value]) => ({ unit, field, value: String(value) })), ...more,
});
const push = (...parts) => call(own, "POST", "reports", report(...parts));
const accept = async ({ name }) => assert.equal((await call(superior, "POST", `${name}:accept`, {})).state, "STATE_ACCEPTED");
const verdicts = (r) => r.rows.map((row) => row.verdict);
const figures = async () => {
  const cut = "cut.startDate=2026-12-01&cut.endDate=2027-02-28&metrics=metrics/problems_found&metrics=metrics/problems_closed";
  const { figures } = await call(own, "GET", `${unit}/status?${cut}`);
  return figures.map((figure) => Number(figure.value));
};

// The receiver keeps what it gets.
const got = [];
let arrived = () => {};
const receiver = createServer(async (req, res) => {
  let body = "";
  for await (const part of req.setEncoding("utf8")) body += part;
  got.push({ headers: req.headers, body });
  res.writeHead(204).end();
  arrived();
}).listen(0, "127.0.0.1");
await once(receiver, "listening");
const until = async (enough) => {
  while (!enough()) await new Promise((resolve) => (arrived = resolve));
};
const over = setTimeout(() => assert.fail(`after two minutes the webhook has got ${got.length} events`), 120_000);

assert.equal((await call(own, "GET", "caller")).principal, "machines/xingshan");
const { webhook, secret } = await call(own, "POST", "webhooks", {
  unit, url: `http://127.0.0.1:${receiver.address().port}/hook`, types: ["aggregation.report.accepted.v1"], full: true,
});
const before = await figures();

// December comes in time, and twice: the second time is answered as the first.
await setTime("2027-01-04T01:00:00Z");
const december = [[school, "found", 3], [school, "closed", 1], [other, "found", 2]];
const first = await push("2026-12", 1, december);
assert.deepEqual(verdicts(first), ["VERDICT_CREATED", "VERDICT_CREATED", "VERDICT_CREATED"]);
assert.equal(first.late, false);
assert.deepEqual(await push("2026-12", 1, december), first, "doubled, the report is another");
const changed = await send(own, "POST", "reports", report("2026-12", 1, [[school, "found", 9]]));
assert.equal(changed.status, 409, `other content under the same sequence: ${JSON.stringify(changed.body)}`);
assert.equal((await send(own, "POST", `${first.name}:accept`, {})).status, 403, "whoever reports does not accept");
await accept(first);

// January has a bad row, which is named; the correction stands in its place.
await setTime("2027-02-03T01:00:00Z");
const bad = await push("2027-01", 2, [[school, "found", 2], [school, "closed", -2], [other, "nothing", 1]]);
assert.deepEqual(verdicts(bad), ["VERDICT_CREATED", "VERDICT_REJECTED", "VERDICT_REJECTED"]);
assert.deepEqual(bad.rows.map((row) => [row.line, row.column, row.reason]), [
  [1, "", ""], [2, "value", "REPORT_VALUE_INVALID"], [3, "field", "REPORT_FIELD_UNKNOWN"],
]);
const corrected = await push("2027-01", 3, [[school, "found", 2], [school, "closed", 2], [other, "closed", 1]], { supersedes: bad.name });
assert.deepEqual(verdicts(corrected), ["VERDICT_CREATED", "VERDICT_CREATED", "VERDICT_CREATED"]);
assert.equal((await call(own, "GET", bad.name)).state, "STATE_SUPERSEDED");
await accept(corrected);

// February comes late, with a school by a code that nobody has mapped yet.
await setTime("2027-03-20T01:00:00Z");
const late = await call(own, "POST", "reports", {
  ...report("2027-02", 4, [[school, "found", 1]]),
  rows: [{ unit: school, field: "found", value: "1" }, { code: "B-17", field: "found", value: "4" }],
});
assert.deepEqual([late.late, late.dueDate, ...verdicts(late)], [true, "2027-03-05", "VERDICT_CREATED", "VERDICT_QUARANTINED"]);
const { reportSources } = await call(own, "GET", "reportSources");
const source = reportSources.find((s) => s.source === "stranger");
assert.deepEqual([source.lastSequence, source.missingTotal], ["4", "0"]);
await call(own, "POST", `${source.name}/codes:set`, { codes: [{ code: "B-17", unit: other }] });
let judged = late; // rows that wait for a code are judged again in the background
while (verdicts(judged).includes("VERDICT_QUARANTINED")) {
  await new Promise((resolve) => setTimeout(resolve, 100));
  judged = await call(own, "GET", late.name);
}
assert.deepEqual(verdicts(judged), ["VERDICT_CREATED", "VERDICT_CREATED"]);
await accept(late);

// The status has what was accepted, once.
assert.deepEqual(await figures(), [before[0] + 3 + 2 + 2 + 1 + 4, before[1] + 1 + 2 + 1]);
for (const [period, isLate] of [["2026-12", false], ["2027-01", false], ["2027-02", true]]) {
  const { reports } = await call(own, "GET", `reports?unit=${unit}&filter=${encodeURIComponent(`period = "${period}" AND state = ACCEPTED`)}`);
  assert.deepEqual(reports.map((r) => [r.source, r.late]), [["stranger", isLate]], period);
}

// The webhook got all three, signed; what is altered in any way is refused.
const ids = () => new Set(got.map((delivery) => delivery.headers["webhook-id"]));
await until(() => ids().size >= 3);
const told = got.map(({ headers, body }) => new Webhook(secret).verify(body, headers));
assert.deepEqual(new Set(told.map((event) => event.data.resource.name)), new Set([first.name, corrected.name, late.name]));
const [{ headers, body }] = got;
for (const [h, b] of [
  [headers, body.replace("STATE_ACCEPTED", "STATE_RETURNED")], [{ ...headers, "webhook-id": "another" }, body], [{ ...headers, "webhook-timestamp": "1" }, body],
]) assert.throws(() => new Webhook(secret).verify(b, h));

// A rotated secret signs beside the old one from then on.
const { secret: next } = await call(own, "POST", `${webhook.name}:rotateSecret`, {});
await call(own, "POST", `${webhook.name}:ping`, {});
const isPing = (delivery) => delivery.body.includes("event.webhook.pinged.v1");
await until(() => got.some(isPing));
const ping = got.find(isPing);
for (const valid of [secret, next]) assert.equal(new Webhook(valid).verify(ping.body, ping.headers).type, "event.webhook.pinged.v1");
assert.throws(() => new Webhook(next).verify(body, headers), "a new secret does not verify what was sent before it");

// Whoever missed them reads them: the same events, by the same ids.
const sent = ids();
sent.delete(ping.headers["webhook-id"]);
const events = [];
for (let after = "", current = false; !current; ) {
  const page = await call(own, "GET", `events?types=aggregation.report.accepted.v1&after=${encodeURIComponent(after)}`);
  events.push(...page.events);
  ({ next: after, current } = page);
}
assert.deepEqual(new Set(events.slice(-3).map((event) => event.id)), sent);

clearTimeout(over);
receiver.close();
console.log(`stranger: 3 months reported, corrected and counted; ${got.length} deliveries verified`);

// An example of a client in TypeScript: the types are made from openapi.json by
// openapi-typescript, calls by openapi-fetch check paths, parameters and bodies
// against them when they are compiled.
import createClient from "openapi-fetch";
import type { components, paths } from "./duban";

type Row = NonNullable<components["schemas"]["duban.aggregation.v1.Report"]["rows"]>[number];

/** Has a month's report checked without sending it, and returns the rows at fault. */
export async function check(base: string, key: string, unit: string, period: string, rows: Row[]): Promise<Row[]> {
  const client = createClient<paths>({ baseUrl: base, headers: { Authorization: `Bearer ${key}` } });
  const { data, error } = await client.POST("/v1/reports", {
    params: { query: { validateOnly: true } },
    body: { form: "reportForms/ledger-monthly", unit, period, source: "typescript", sequence: "1", rows },
  });
  if (error) throw new Error(JSON.stringify(error));
  return (data.rows ?? []).filter((row) => row.verdict !== "VERDICT_CREATED");
}

/** Reads a figure of a unit with all beneath it. */
export async function figure(base: string, key: string, unit: string, metric: string): Promise<number> {
  const client = createClient<paths>({ baseUrl: base, headers: { Authorization: `Bearer ${key}` } });
  const { data, error } = await client.GET("/v1/units/{unit}/status", { params: { path: { unit }, query: { metrics: [metric] } } });
  if (error) throw new Error(JSON.stringify(error));
  return Number(data.figures?.[0]?.value ?? 0);
}

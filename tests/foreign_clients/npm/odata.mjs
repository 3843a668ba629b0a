// The npm package @odata/client drives a sandbox; every step is a line of JSON: {"name", "ok", "error"}.
// Where the sandbox is and a token for it come as JSON on standard input.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { OData } from "@odata/client";

const { url, token } = JSON.parse(readFileSync(0, "utf8"));
const client = OData.New4({
  serviceEndpoint: `${url}/api/data/v9.2/`,
  commonHeaders: { Authorization: `Bearer ${token}`, Prefer: "return=representation" },
});
const accounts = client.getEntitySet("accounts");
const steps = [];
const step = (name, run) => steps.push({ name, run });
let id;

step("create", async () => {
  const made = await accounts.create({ name: "Adatum", accountnumber: "A1" });
  id = made.accountid;
  assert.match(id, /^[0-9a-f-]{36}$/);
});

step("update", async () => {
  await client.newRequest({ collection: "accounts", method: "PATCH", id: { type: "guid", value: id }, entity: { name: "Changed" } })
    .catch(() => accounts.update(id, { name: "Changed" }));
});

step("query with a filter, an order and few columns", async () => {
  const options = client.newOptions().filter(client.newFilter().field("accountnumber").eq("A1")).select(["name"]).orderby("name");
  const rows = await accounts.query(options);
  assert.equal(rows.length, 1);
  assert.equal(rows[0].accountid, id);
});

for (const { name, run } of steps) {
  let error = "";
  try {
    await run();
  } catch (failed) {
    error = String(failed.stack ?? failed).slice(0, 500);
  }
  console.log(JSON.stringify({ name, ok: !error, error }));
}

// The npm package dynamics-web-api drives a sandbox; every step is a line of JSON: {"name", "ok", "error"}.
// Where the sandbox is and a token for it come as JSON on standard input.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { DynamicsWebApi } from "dynamics-web-api";

const { url, token } = JSON.parse(readFileSync(0, "utf8"));
const api = new DynamicsWebApi({
  serverUrl: `${url}/`,
  dataApi: { version: "9.2" },
  onTokenRefresh: async () => token,
});

const account = "00000000-0000-4000-8000-00000000000a";
const steps = [];
const step = (name, run) => steps.push({ name, run });
const refused = async (promise, status, code) => {
  const error = await promise.then(() => assert.fail("it was not refused"), (one) => one);
  assert.equal(error.status, status, error.message);
  assert.equal(String(error.code).toLowerCase(), code);
};

step("callFunction WhoAmI", async () => {
  const me = await api.callFunction({ functionName: "WhoAmI" });
  assert.match(me.UserId, /^[0-9a-f-]{36}$/);
});

step("create", async () => {
  const id = await api.create({ collection: "accounts", data: { accountid: account, name: "Ünal's & Co" } });
  assert.equal(id, account);
});

step("create with representation", async () => {
  const row = await api.create({
    collection: "contacts", data: { firstname: "Ada", lastname: "Lindqvist" }, returnRepresentation: true,
    select: ["fullname"],
  });
  assert.equal(row.fullname, "Ada Lindqvist");
});

step("create twice is refused", () =>
  refused(api.create({ collection: "accounts", data: { accountid: account, name: "x" } }), 412, "0x80040237"));

step("an unknown column is refused", () =>
  refused(api.create({ collection: "accounts", data: { nosuch: 1 } }), 400, "0x80048d19"));

step("retrieve", async () => {
  const row = await api.retrieve({ collection: "accounts", key: account, select: ["name"] });
  assert.equal(row.name, "Ünal's & Co");
  assert.ok(row["@odata.etag"]);
});

step("retrieve what is not there is refused", () =>
  refused(api.retrieve({ collection: "accounts", key: "11111111-1111-1111-1111-111111111111" }), 404, "0x80040217"));

step("update with a stale version is refused", async () => {
  const row = await api.retrieve({ collection: "accounts", key: account, select: ["name"] });
  await api.update({ collection: "accounts", key: account, data: { name: "Changed" }, ifmatch: row["@odata.etag"] });
  const stale = api.update({
    collection: "accounts", key: account, data: { name: "Late" }, ifmatch: row["@odata.etag"],
  });
  assert.equal(await stale, false); // the package's own way to say 412
});

step("updateSingleProperty", async () => {
  await api.updateSingleProperty({ collection: "accounts", key: account, fieldValuePair: { telephone1: "1" } });
  const row = await api.retrieve({ collection: "accounts", key: account, select: ["telephone1"] });
  assert.equal(row.telephone1, "1");
});

step("upsert makes and changes, and does only one of them when told", async () => {
  const key = "00000000-0000-4000-8000-00000000000b";
  await api.upsert({ collection: "accounts", key, data: { name: "Made" } });
  await api.upsert({ collection: "accounts", key, data: { name: "Changed" } });
  assert.equal(await api.upsert({ collection: "accounts", key, data: { name: "x" }, ifnonematch: "*" }), null);
  const other = "00000000-0000-4000-8000-00000000000c";
  assert.equal(await api.upsert({ collection: "accounts", key: other, data: { name: "x" }, ifmatch: "*" }), null);
  assert.equal((await api.retrieve({ collection: "accounts", key, select: ["name"] })).name, "Changed");
});

step("retrieveMultiple with filter, order and formatted values", async () => {
  const page = await api.retrieveMultiple({
    collection: "accounts", select: ["name", "statecode"], filter: "contains(name,'CHANGED')", orderBy: ["name desc"],
    includeAnnotations: "*", count: true,
  });
  assert.equal(page["@odata.count"], 2);
  assert.equal(page.value[0]["statecode@OData.Community.Display.V1.FormattedValue"], "Active");
});

step("retrieveAll pages to the end", async () => {
  for (let n = 0; n < 7; n += 1) {
    await api.create({ collection: "contacts", data: { lastname: `Paged ${n}` } });
  }
  const filter = "startswith(lastname,'Paged')";
  const first = await api.retrieveMultiple({ collection: "contacts", select: ["lastname"], filter, maxPageSize: 3 });
  assert.equal(first.value.length, 3);
  assert.ok(first["@odata.nextLink"]);
  const all = await api.retrieveAll({ collection: "contacts", select: ["lastname"], filter, maxPageSize: 3 });
  assert.equal(new Set(all.value.map((row) => row.lastname)).size, 7);
});

step("count", async () => {
  assert.equal(await api.count({ collection: "contacts", filter: "startswith(lastname,'Paged')" }), 7);
  assert.equal(await api.countAll({ collection: "contacts", filter: "startswith(lastname,'Paged')" }), 7);
});

step("expand and bind", async () => {
  const id = await api.create({ collection: "contacts", data: { lastname: "Bound" } });
  await api.update({
    collection: "accounts", key: account, data: { "primarycontactid@odata.bind": `contacts(${id})` },
  });
  const row = await api.retrieve({
    collection: "accounts", key: account, select: ["name"],
    expand: [{ property: "primarycontactid", select: ["lastname"] }],
  });
  assert.equal(row.primarycontactid.lastname, "Bound");
});

step("associate and disassociate", async () => {
  const { value } = await api.retrieveMultiple({
    collection: "contacts", select: ["contactid"], filter: "lastname eq 'Bound'",
  });
  const request = {
    collection: "accounts", primaryKey: account, relationshipName: "contact_customer_accounts",
    relatedCollection: "contacts", relatedKey: value[0].contactid,
  };
  await api.associate(request);
  let row = await api.retrieve({ collection: "contacts", key: value[0].contactid, select: ["_parentcustomerid_value"] });
  assert.equal(row._parentcustomerid_value, account);
  await api.disassociate(request);
  row = await api.retrieve({ collection: "contacts", key: value[0].contactid, select: ["_parentcustomerid_value"] });
  assert.equal(row._parentcustomerid_value, null);
});

step("associateSingleValued and disassociateSingleValued", async () => {
  const id = await api.create({ collection: "contacts", data: { lastname: "Single" } });
  const request = { collection: "accounts", primaryKey: account, navigationProperty: "primarycontactid" };
  await api.associateSingleValued({ ...request, relatedCollection: "contacts", relatedKey: id });
  await api.disassociateSingleValued(request);
  const row = await api.retrieve({ collection: "accounts", key: account, select: ["_primarycontactid_value"] });
  assert.equal(row._primarycontactid_value, null);
});

step("batch with content ids", async () => {
  api.startBatch();
  api.create({ collection: "contacts", data: { lastname: "In a batch" }, contentId: "1" });
  api.create({ collection: "accounts", data: { name: "Batched", "primarycontactid@odata.bind": "$1" } });
  await api.executeBatch();
  const { value } = await api.retrieveMultiple({
    collection: "accounts", select: ["name"], filter: "primarycontactid/lastname eq 'In a batch'",
  });
  assert.equal(value[0].name, "Batched");
});

step("batch reads in order", async () => {
  api.startBatch();
  api.retrieve({ collection: "accounts", key: account, select: ["name"] });
  api.retrieveMultiple({ collection: "contacts", select: ["lastname"], top: 2 });
  const [row, page] = await api.executeBatch();
  assert.equal(row.name, "Changed");
  assert.equal(page.value.length, 2);
});

step("a change set is all or nothing", async () => {
  api.startBatch();
  api.create({ collection: "accounts", data: { name: "Half" } });
  api.create({ collection: "accounts", data: { name: "x".repeat(161) } });
  await assert.rejects(api.executeBatch());
  assert.equal(await api.count({ collection: "accounts", filter: "name eq 'Half'" }), 0);
});

step("change tracking", async () => {
  const first = await api.retrieveMultiple({ collection: "accounts", select: ["name"], trackChanges: true });
  assert.ok(first["@odata.deltaLink"]);
  await api.update({ collection: "accounts", key: account, data: { name: "Tracked" } });
  const delta = await api.retrieveMultiple({ collection: "accounts" }, first["@odata.deltaLink"]);
  assert.deepEqual(delta.value.map((row) => row.name), ["Tracked"]);
});

step("metadata", async () => {
  const entity = await api.retrieveEntity({ key: "LogicalName='account'", select: ["EntitySetName"] });
  assert.equal(entity.EntitySetName, "accounts");
  const attributes = await api.retrieveAttributes({
    entityKey: "LogicalName='account'", castType: "Microsoft.Dynamics.CRM.StringAttributeMetadata",
    select: ["LogicalName", "MaxLength"], filter: "LogicalName eq 'name'",
  });
  assert.equal(attributes.value[0].MaxLength, 160);
  const csdl = await api.retrieveCsdlMetadata();
  assert.match(csdl, /<EntityType Name="account"/);
});

step("callAction CreateMultiple", async () => {
  const answer = await api.callAction({
    collection: "accounts", actionName: "Microsoft.Dynamics.CRM.CreateMultiple",
    action: { Targets: [{ "@odata.type": "Microsoft.Dynamics.CRM.account", name: "Many" }] },
  });
  assert.equal(answer.Ids.length, 1);
});

step("impersonation is refused loudly", () =>
  refused(
    api.retrieve({ collection: "accounts", key: account, impersonate: "11111111-1111-1111-1111-111111111111" }),
    501, "0x80060888",
  ));

step("deleteRecord", async () => {
  await api.deleteRecord({ collection: "accounts", key: account, property: "telephone1" });
  await api.deleteRecord({ collection: "accounts", key: account });
  await refused(api.deleteRecord({ collection: "accounts", key: account }), 404, "0x80040217");
});

for (const { name, run } of steps) {
  try {
    await run();
    console.log(JSON.stringify({ name, ok: true }));
  } catch (error) {
    console.log(JSON.stringify({ name, ok: false, error: `${error.message}` }));
  }
}

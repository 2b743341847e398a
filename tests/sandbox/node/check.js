// The vendor's published client, unchanged, against a running sandbox: every call that we make, too, by its own code.
// Arguments: the sandbox's address, its API token. Prints one line a call; ends with 1 at the first that differs.

"use strict";

const assert = require("node:assert/strict");
const v1 = require("pipedrive/v1");
const v2 = require("pipedrive/v2");

const [root, token] = process.argv.slice(2);
const CALLBACK = "http://127.0.0.1:9/callback";

function clients(version, config, names) {
  return Object.fromEntries(names.map((name) => [name.toLowerCase(), new version[`${name}Api`](config)]));
}

async function done(what, call) {
  const answer = await call();
  assert.equal(answer.success, true, `${what}: ${JSON.stringify(answer)}`);
  console.log(`ok  ${what}`);
  return answer.data;
}

// The client rejects with the body of the answer and leaves the status out.
async function refused(what, words, call) {
  await assert.rejects(call, (body) => body.success === false && body.error.includes(words), what);
  console.log(`ok  ${what}`);
}

async function records() {
  const config2 = new v2.Configuration({ apiKey: token, basePath: `${root}/api/v2` });
  const config1 = new v1.Configuration({ apiKey: token, basePath: `${root}/api/v1` });
  const two = clients(v2, config2, ["Persons", "Organizations", "Deals", "Activities", "Pipelines", "Stages",
    "DealFields", "PersonFields", "OrganizationFields", "ItemSearch", "Products", "DealProducts", "Leads"]);
  const one = clients(v1, config1, ["Users", "Leads", "Notes", "Webhooks", "ActivityTypes", "LeadLabels", "Persons"]);

  const me = await done("v1 users/me", () => one.users.getCurrentUser());
  await done("v1 users", () => one.users.getUsers());
  await done("v1 activityTypes", () => one.activitytypes.getActivityTypes());
  await done("v1 leadLabels", () => one.leadlabels.getLeadLabels());
  await done("v2 pipelines", () => two.pipelines.getPipelines({}));
  const stages = await done("v2 stages", () => two.stages.getStages({}));
  await done("v2 dealFields", () => two.dealfields.getDealFields({ limit: 500 }));
  await done("v2 personFields", () => two.personfields.getPersonFields({}));
  await done("v2 organizationFields", () => two.organizationfields.getOrganizationFields({}));

  const org = await done("v2 organization, created", () =>
    two.organizations.addOrganization({ AddOrganizationRequest: { name: "Quayside Hotel" } }));
  const person = await done("v2 person, created", () => two.persons.addPerson({
    AddPersonRequest: { name: "Priya Raman", org_id: org.id, emails: [{ value: "priya@quayside.example", primary: true }] },
  }));
  const other = await done("v2 another person", () =>
    two.persons.addPerson({ AddPersonRequest: { name: "P. Raman" } }));
  await done("v2 person, updated", () =>
    two.persons.updatePerson({ id: person.id, UpdatePersonRequest: { name: "Priya R." } }));
  const found = await done("v2 person, searched", () =>
    two.persons.searchPersons({ term: "priya@quayside.example", fields: "email", exact_match: true }));
  assert.equal(found.items[0].item.id, person.id);
  const read = await done("v2 person, read", () => two.persons.getPerson({ id: person.id }));
  assert.equal(read.name, "Priya R.");
  await done("v2 persons, listed", () => two.persons.getPersons({ ids: `${person.id},${other.id}`, limit: 2 }));
  await done("v1 persons, merged", () =>
    one.persons.mergePersons({ id: other.id, MergePersonsRequest: { merge_with_id: person.id } }));

  const deal = await done("v2 deal, created", () => two.deals.addDeal({
    AddDealRequest: { title: "Hot water", person_id: person.id, org_id: org.id, value: 900, currency: "EUR" },
  }));
  await done("v2 deal, moved", () =>
    two.deals.updateDeal({ id: deal.id, UpdateDealRequest: { stage_id: stages[1].id } }));
  await done("v2 deals, newest first", () =>
    two.deals.getDeals({ sort_by: "update_time", sort_direction: "desc", limit: 5 }));
  await done("v2 deal follower", () =>
    two.deals.addDealFollower({ id: deal.id, AddDealFollowerRequest: { user_id: me.id } }));
  const product = await done("v2 product", () => two.products.addProduct({ AddProductRequest: { name: "Boiler" } }));
  await done("v2 deal product", () => two.dealproducts.addDealProduct({
    id: deal.id, AddDealProductRequest: { product_id: product.id, item_price: 450, quantity: 2 },
  }));
  await done("v2 activity", () => two.activities.addActivity({
    AddActivityRequest: { subject: "Call", type: "call", participants: [{ person_id: person.id, primary: true }] },
  }));
  await done("v2 itemSearch", () => two.itemsearch.searchItem({ term: "Hot water" }));

  const lead = await done("v1 lead", () => one.leads.addLead({ AddLeadRequest: { title: "Roof", person_id: person.id } }));
  await done("v1 lead, updated", () =>
    one.leads.updateLead({ id: lead.id, UpdateLeadRequest: { value: { amount: 10, currency: "EUR" } } }));
  await done("v2 lead, converted", () => two.leads.convertLeadToDeal({ id: lead.id, ConvertLeadToDealRequest: {} }));
  const note = await done("v1 note", () =>
    one.notes.addNote({ AddNoteRequest: { content: "<b>Hello</b>", deal_id: deal.id } }));
  await done("v1 note, updated", () =>
    one.notes.updateNote({ id: note.id, NoteRequest: { content: "Hello again" } }));

  const hook = await done("v1 webhook", () => one.webhooks.addWebhook({
    AddWebhookRequest: { subscription_url: "https://hooks.example/x", event_action: "*", event_object: "deal", name: "check", version: "2.0" },
  }));
  await done("v1 webhooks", () => one.webhooks.getWebhooks());
  await done("v1 webhook, removed", () => one.webhooks.deleteWebhook({ id: hook.id }));
  await done("v2 deal, deleted", () => two.deals.deleteDeal({ id: deal.id }));
  await refused("v2 deal that is not there", "not found", () => two.deals.getDeal({ id: 999999 }));
  const wrong = new v2.Configuration({ apiKey: "wrong", basePath: `${root}/api/v2` });
  await refused("a wrong token", "unauthorized", () => new v2.DealsApi(wrong).getDeals({}));
}

// -- permission

async function allowed(address) {
  const page = await fetch(address);
  const cookie = page.headers.get("set-cookie").split(";")[0];
  const form = new URLSearchParams({ decision: "allow" });
  for (const [, name, value] of (await page.text()).matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)) {
    form.set(name, value);
  }
  const sent = await fetch(`${root}/oauth/authorize`, {
    method: "POST", body: form, headers: { cookie }, redirect: "manual",
  });
  return new URL(sent.headers.get("location")).searchParams.get("code");
}

async function permission() {
  const oauth = new v2.OAuth2Configuration({
    clientId: "sandbox-client", clientSecret: "sandbox-client-secret", redirectUri: CALLBACK, host: root,
  });
  const first = await oauth.authorize(await allowed(oauth.authorizationUrl));
  assert.equal(first.token_type, "Bearer");
  console.log("ok  OAuth, allowed");
  const config = new v2.Configuration({ accessToken: oauth.getAccessToken, basePath: oauth.basePath });
  await done("OAuth, a call", () => new v2.PersonsApi(config).getPersons({}));
  const second = await oauth.tokenRefresh();
  assert.notEqual(second.access_token, first.access_token);
  assert.equal(second.refresh_token, first.refresh_token);
  console.log("ok  OAuth, refreshed");
  await oauth.revokeToken("refresh_token");
  await refused("OAuth, revoked", "unauthorized", () => new v2.PersonsApi(config).getPersons({}));
}

records().then(permission).catch((error) => {
  console.error("FAILED ", error.message ?? error);
  process.exit(1);
});

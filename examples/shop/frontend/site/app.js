"use strict";

const COLUMNS = [
  { key: "name" },
  { key: "price", number: true },
  { key: "stock", number: true },
];

const byId = (id) => document.getElementById(id);

async function getJson(path) {
  const response = await fetch(path);
  if (!response.ok) {
    throw new Error(`${path} answered ${response.status}`);
  }
  return response.json();
}

function rowOf(product) {
  const row = document.createElement("tr");
  for (const { key, number } of COLUMNS) {
    const cell = row.insertCell();
    cell.textContent = product[key] ?? "–";
    cell.classList.toggle("number", Boolean(number));
  }
  return row;
}

async function showConfig() {
  const config = await getJson("/config.json");
  document.title = config.title;
  byId("title").textContent = config.title;
  byId("environment").textContent = config.environment;
}

async function showRevision(path, id) {
  const { revision } = await getJson(path);
  byId(id).textContent = revision.slice(0, 12);
}

async function showProducts() {
  // The page's own ?tenant= goes on to the back end.
  const { tenant, products } = await getJson(`/api/products${location.search}`);
  byId("tenant").textContent = tenant;
  byId("products").replaceChildren(...products.map(rowOf));
}

async function main() {
  const parts = await Promise.allSettled([
    showConfig(),
    showRevision("/version.json", "frontend"),
    showRevision("/api/version", "backend"),
    showProducts(),
  ]);
  const problems = parts.filter((part) => part.status === "rejected");
  byId("problem").hidden = problems.length === 0;
  byId("problem").textContent = problems.map((part) => part.reason.message).join("; ");
}

main();

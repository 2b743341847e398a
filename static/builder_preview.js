// The truth beneath every field: one request for the whole recipe, a moment after typing stops. Nothing moves:
// every line has its place already, and only its text changes.
import { tellWords } from "./fields.js";

const WAIT_MS = 200;
let timer = 0;
let running = null;

/** Send the form as it stands to one of the recipe's addresses. */
export function ask(form, address, more = {}, signal = undefined) {
  const body = new URLSearchParams(new FormData(form));
  for (const [name, value] of Object.entries(more)) body.set(name, value);
  return fetch(`/recipes/${form.dataset.recipe}/${address}`, { method: "POST", body, signal, headers: { "X-Requested-With": "fetch" } });
}

export function startPreviews(form) {
  const recipe = () => document.getElementById("recipe");
  tellWords(JSON.parse(recipe().dataset.words));
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(() => preview(form), WAIT_MS);
    const answer = document.getElementById("test-answer");
    if (answer.querySelector(".test-outcome, .to-mend")) answer.classList.add("outdated");
  };
  form.addEventListener("input", later);
  form.addEventListener("change", later);
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id === "recipe" || document.getElementById("recipe") === event.target) tellWords(JSON.parse(recipe().dataset.words));
    if (event.detail.target?.id === "test-answer") event.detail.target.classList.remove("outdated");
    if (event.target.id === "sample" || event.detail.target?.id === "sample") later();
  });
}

async function preview(form) {
  running?.abort();
  running = new AbortController();
  const sent = new FormData(form);
  try {
    const answer = await ask(form, "preview", {}, running.signal);
    if (answer.ok) apply(await answer.json(), sent);
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}

function apply(found, sent) {
  const said = document.getElementById("said");
  const at = document.activeElement?.name;
  for (const line of document.querySelectorAll("[data-line]")) {
    const told = found.lines[line.dataset.line] || { state: "blank", text: "", type: "" };
    line.dataset.state = told.state;
    line.querySelector(".truth-text").textContent = told.text;
    line.querySelector(".truth-type").textContent = told.type;
    if (line.dataset.line === at) said.textContent = `${told.text} ${told.type}`;
  }
  for (const one of document.querySelectorAll("[data-outcome]")) showOutcome(one, found.conditions[one.dataset.outcome]);
  for (const one of document.querySelectorAll("[data-verdict]")) {
    const told = found.conditions[one.dataset.verdict];
    one.textContent = told?.text || "";
    one.dataset.passed = told?.text ? (told.passed ? "yes" : "no") : "";
  }
  showMistakes(found.problems.filter((one) => found.lines[one.place]?.text !== one.message));
  tellWords(found.words, sent);
  document.dispatchEvent(new CustomEvent("builder:previewed"));
}

function showOutcome(element, told) {
  const passed = told?.error ? "error" : { true: "yes", false: "no" }[told?.passed] || "";
  element.dataset.passed = passed;
  element.title = told?.sentence || "";
  element.querySelector(".outcome-seen").textContent = told?.error ? told.sentence : told?.seen || "";
}

function showMistakes(problems) {
  for (const element of document.querySelectorAll("[data-mistake]")) {
    const text = problems.filter((one) => one.place === element.dataset.mistake).map((one) => one.message).join(" ");
    element.textContent = text;
    element.hidden = !text;
  }
  for (const element of document.querySelectorAll("[data-wrong-in]")) {
    const count = problems.filter((one) => one.place.startsWith(element.dataset.wrongIn)).length;
    element.textContent = count ? `${count} to mend` : "";
  }
}

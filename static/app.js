// What the pages cannot do without a script, and no page depends on: copying, the reader's own time,
// telling that a request failed, and the key that leads to the search field.

class CopyField extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    if (!button || !navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(this.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
}
customElements.define("copy-field", CopyField);

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export function localiseTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    time.title = exact.format(at);
    const today = new Date().toDateString() === at.toDateString();
    if ("clock" in time.dataset && today) time.textContent = clock.format(at);
  }
}

export function tell(text) {
  const notice = document.createElement("p");
  notice.className = "problem bad";
  notice.textContent = text;
  document.getElementById("notices")?.replaceChildren(notice);
}

function answerText(request) {
  const answer = new DOMParser().parseFromString(request.responseText, "text/html");
  return answer.querySelector(".problem")?.textContent.trim();
}

localiseTimes(document);
document.addEventListener("htmx:afterSettle", (event) => {
  localiseTimes(event.target);
  document.getElementById("notices")?.replaceChildren();
});
document.addEventListener("htmx:responseError", (event) => {
  const request = event.detail.xhr;
  tell(answerText(request) || `The server answered ${request.status}. Load the page again.`);
});
document.addEventListener("htmx:sendError", () => tell("The server cannot be reached. It is tried again."));

// A page that nobody looks at asks for nothing.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.matches("[data-live]")) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  document.getElementById("search")?.focus();
});

// Sheets over the page: publishing, pasting, asking before a live test. They are dialogs, so Escape closes them and
// the focus comes back.

export function startSheets() {
  const sheet = document.getElementById("sheet");
  document.addEventListener("htmx:afterSwap", (event) => {
    const target = event.detail.target;
    if (target === sheet && sheet.childElementCount) show(sheet);
    if (target?.id === "test-answer") openQuestion(target, sheet);
    if (document.querySelector("#sample[data-close-sheet]")) {
      document.getElementById("sample").removeAttribute("data-close-sheet");
      sheet.close();
    }
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    // A paste that cannot be read answers with the sheet again.
    if (event.detail.requestConfig?.elt?.matches?.("[data-paste]") && !event.detail.serverResponse.includes('id="sample"')) {
      event.detail.target = sheet;
      event.detail.swapOverride = "innerHTML";
    }
  });
  document.addEventListener("click", (event) => {
    const closer = event.target.closest("[data-close]");
    if (closer) setTimeout(() => closer.closest("dialog")?.close());
    const opener = event.target.closest("[data-open]");
    if (opener) show(document.getElementById(opener.dataset.open));
    const link = event.target.closest("[data-go]");
    if (link) {
      event.preventDefault();
      sheet.close();
      goTo(link.dataset.go);
    }
  });
  if (location.hash.startsWith("#in-")) goTo(decodeURIComponent(location.hash.slice(4)));
}

function show(dialog) {
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("[autofocus]")?.focus();
}

function openQuestion(target, sheet) {
  const question = target.querySelector("template[data-sheet]");
  if (!question) return;
  sheet.replaceChildren(question.content.cloneNode(true));
  htmx.process(sheet);
  show(sheet);
}

/** Open whatever hides an input, and put the cursor into it. */
export function goTo(name) {
  const element = document.getElementById(`in-${name}`) || document.querySelector(`[data-at="${CSS.escape(name)}"]`);
  if (!element) return;
  for (let fold = element.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  const focusable = element.matches("input, select, textarea, summary") ? element : element.querySelector("input:not([type=hidden]), select, textarea, button");
  focusable?.focus();
  element.scrollIntoView({ block: "center" });
}

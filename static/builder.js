// The builder's page: what happens between its parts. Each part is a module of its own; the server renders all words.
import "./builder_chooser.js";
import "./fields.js";
import "./fields_tree.js";
import { startFilters } from "./fields_filters.js";
import { startEditor } from "./builder_editor.js";
import { startKeys } from "./builder_keys.js";
import { startPreviews } from "./builder_preview.js";
import { startSheets } from "./builder_sheets.js";
import { startKeeping } from "./builder_keeping.js";

const form = document.getElementById("builder");
const edits = form.dataset.edits === "1";
startKeys(form, edits);
startSheets();
if (edits) {
  startPreviews(form);
  startFilters(form);
  startEditor(form);
  startKeeping(form);
}
// For whoever drives the page: from here on it answers.
form.dataset.ready = "1";

// Documents: one picture, taken by hand.

import { Panel } from "./panel.js";

for (const form of document.querySelectorAll("form[data-camera]:not([data-challenge])")) new Panel(form);

"use strict";
const button = document.getElementById("copy");
const field = document.getElementById("token");
const told = document.getElementById("copied");
const byHand = "Select the token and copy it by hand.";
if (navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", () =>
    navigator.clipboard.writeText(field.value).then(
      () => { told.textContent = "Copied."; },
      () => { field.select(); told.textContent = byHand; },
    ));
}
field.addEventListener("focus", () => field.select());

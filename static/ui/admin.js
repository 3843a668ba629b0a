// What the administration's pages need beside Django's own scripts.
"use strict";

// Select all: on or off for every box of a group; on while all of them are.
for (const every of document.querySelectorAll("[data-checks]")) {
  const boxes = [...document.getElementById(every.dataset.checks).querySelectorAll("input[type=checkbox]")]
    .filter((box) => box !== every);
  every.addEventListener("change", () => boxes.forEach((box) => { box.checked = every.checked; }));
  boxes.forEach((box) => box.addEventListener("change", () => { every.checked = boxes.every((one) => one.checked); }));
  every.closest("[hidden]").hidden = false;
}

// The two lists of groups and permissions are made when the page has loaded. Their icons name the fields beside them,
// and only an image may have a name.
addEventListener("load", () => {
  document.querySelectorAll(".search-label-icon").forEach((icon) => icon.setAttribute("role", "img"));
});

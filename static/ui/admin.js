// What the administration's pages need beside Django's own scripts.
"use strict";

// The two lists of groups and permissions are made when the page has loaded. Their icons name the fields beside them,
// and only an image may have a name.
addEventListener("load", () => {
  document.querySelectorAll(".search-label-icon").forEach((icon) => icon.setAttribute("role", "img"));
});

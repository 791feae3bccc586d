"use strict";
const features = document.getElementById("features");

// The model's own example, to begin with.
async function begin() {
  const headers = token.value ? { Authorization: "Bearer " + token.value } : {};
  try {
    const told = await (await fetch("openapi.json", { headers })).json();
    const posted = told.paths["/predict"].post.requestBody.content["application/json"];
    if (posted.example && !features.value) features.value = JSON.stringify(posted.example.features);
  } catch (error) {
    // Without an example, one types it all.
  }
}

function predict() {
  forget();
  ask(() => '{"features": ' + features.value + "}", "application/json");
}

document.getElementById("ask").addEventListener("click", predict);
features.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) predict();
});
begin();

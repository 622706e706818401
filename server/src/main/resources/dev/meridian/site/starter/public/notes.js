// Sends the form as a JSON document to the data API, with the page's grant.
const form = document.querySelector("form.sign");
const problem = form.querySelector(".problem");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  const fields = new FormData(form);
  button.disabled = true;
  problem.hidden = true;
  try {
    const answer = await fetch("/data/notes", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Meridian-Grant": form.dataset.grant },
      body: JSON.stringify({
        name: fields.get("name"),
        text: fields.get("text"),
        created: new Date().toISOString(),
      }),
    });
    if (!answer.ok) {
      // Errors are problem documents (RFC 9457): 'detail' is written for people.
      throw new Error((await answer.json()).detail);
    }
    location.href = "/";
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
    button.disabled = false;
  }
});

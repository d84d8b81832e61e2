// The code stands behind the #, which browsers send to no server: it goes out only when the button is pressed.
const button = document.getElementById("sign-in");
const outcome = document.getElementById("outcome");

button.addEventListener("click", async () => {
  button.disabled = true;
  outcome.textContent = "Signing in…";
  try {
    const answer = await fetch("/auth/link", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code: location.hash.slice(1) }),
    });
    if (answer.ok) {
      location.replace("/");
      return;
    }
    outcome.textContent = (await answer.json()).error.message;
  } catch {
    outcome.textContent = "Roost cannot be reached. Check the connection, then try again.";
  }
  button.disabled = false;
});

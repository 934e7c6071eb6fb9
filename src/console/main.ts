const form = document.querySelector<HTMLFormElement>('#access');
const key = document.querySelector<HTMLInputElement>('#key');
const state = document.querySelector<HTMLOutputElement>('#state');

async function look(): Promise<string> {
  const headers = { authorization: `Bearer ${key?.value ?? ''}` };
  const response = await fetch('websocket/token?uniqueId=console', { headers });
  const { description } = (await response.json()) as { description: string };
  return description === '' ? 'The key is good.' : description;
}

form?.addEventListener('submit', (event) => {
  event.preventDefault();
  void look()
    .catch(String)
    .then((text) => {
      if (state !== null) state.textContent = text;
    });
});

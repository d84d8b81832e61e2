// Runs before the first paint, as a file because the content security policy refuses inline scripts.
(() => {
  let choice = 'system';
  try {
    choice = localStorage.getItem('roost.theme') ?? 'system';
  } catch {
    // Storage may be refused (private windows, policies): the system's theme is then the choice.
  }
  const dark =
    choice === 'dark' || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();

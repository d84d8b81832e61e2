/** Words of the shared controls. */
export const controls = {
  close: 'Close',
  cancel: 'Cancel',
  loading: 'Loading…',
  retry: 'Try again',
  prompt: 'Prompt',
  ownPrompt: 'Your own text',
  promptText: 'Prompt text',
  promptHint: 'Tells the bot who it is and how to answer. Your docs are added to it by themselves.',
  showPrompt: 'Show the text',
};

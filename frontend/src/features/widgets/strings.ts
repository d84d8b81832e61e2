/** Words of the Widgets page. */
export const widgets = {
  title: 'Widgets',
  intro:
    'A widget puts the chat on your own site: you paste one line, and visitors get answers from your docs, with their sources. It sets no cookie.',
  make: 'Make a widget',
  empty:
    'No widgets yet. Make one, name the sites it is for, and paste its line before </body> of their pages.',
  list: 'Your widgets',
  all: 'Widgets of this Roost',
  everySource: 'Every source',
  answersFrom: (name: string) => `answers as ${name}`,
  answersFromAll: 'answers from every source',
  goneBot: 'a bot',
  of: 'somebody else’s',
  made: (when: string) => `made ${when}`,
  edit: 'Change',
  editOf: (name: string) => `Change ${name}`,
  line: 'The line for your pages',
  copyOf: (name: string) => `Copy the line of ${name}`,
  insights: 'What was asked',
  revoke: 'Revoke',
  revokeOf: (name: string) => `Revoke ${name}`,
  revokeTitle: (name: string) => `Revoke ${name}?`,
  revokeWhat:
    'The chat vanishes from its sites when their pages are loaded next, and its key answers nothing from now on. It cannot be brought back; a new widget has a new line. What was asked stays in Insights.',
  policy: 'If your site has a Content-Security-Policy, allow this address in it:',
  policyLine: (origin: string) => `script-src ${origin}; connect-src ${origin}`,
  public:
    'The key in the line is public: everybody can read it in your pages. It opens asking alone, for the sites named here, so often a minute for each visitor.',
};

export const form = {
  newTitle: 'Make a widget',
  changeTitle: (name: string) => `Change ${name}`,
  name: 'Name',
  nameHint: 'For you: visitors never see it.',
  origins: 'Sites',
  originsHint: 'One address a line, such as https://docs.example.com. Pages elsewhere cannot use the widget.',
  bot: 'Answers',
  botHint: 'A bot brings its prompt, model and sources.',
  look: 'How it looks',
  titleOf: 'Title',
  greeting: 'Greeting',
  starters: 'Questions to begin with',
  startersHint: 'Up to three, one a line.',
  accent: 'Colour',
  logo: 'Logo',
  logoShown: 'The logo as it is now',
  logoChoose: 'Choose a picture',
  logoOther: 'Choose another',
  logoRemove: 'Remove',
  logoRemoveName: 'Remove the logo',
  logoHint: 'Drag a picture here, or choose one: PNG, JPEG, GIF or WebP, 512 KiB at most.',
  scheme: 'Light or dark',
  schemes: { auto: 'As the visitor’s system has it', light: 'Light', dark: 'Dark' },
  position: 'Corner',
  positions: { right: 'Right', left: 'Left' },
  preview: 'Preview',
  previewQuestion: 'How do I begin?',
  make: 'Make the widget',
  save: 'Save',
  saves: { create: 'New widget', change: 'Widget', logo: 'Logo of a widget', revoke: 'Revoke a widget' },
};

export const picture = {
  none: (name: string) => `${name} is not a PNG, JPEG, GIF or WebP picture. Choose one that is.`,
  tooLarge: (size_bytes: number) =>
    `The picture has ${Math.ceil(size_bytes / 1024).toLocaleString('en')} KiB; 512 are taken. Make it smaller.`,
  unreadable: (name: string) => `${name} cannot be read as a picture. Save it anew as PNG, and choose that.`,
  tooWide: (side_px: number) =>
    `The picture is ${side_px.toLocaleString('en')} pixels long; 4,096 are taken. Make it smaller.`,
};

export const ready = {
  title: 'Your widget is ready',
  paste: 'Paste this line before </body> of every page that is to have the chat.',
  noLogo: (why: string) => `The widget is made, yet without its logo. ${why}`,
  done: 'Done',
};

export const usualLook = {
  title: 'Ask the docs',
  greeting: 'Ask a question. The answer comes from our documentation, with its sources.',
  accent: '#0f5c56',
  scheme: 'auto',
  position: 'right',
  starters: [],
} as const;

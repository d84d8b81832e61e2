export const words = {
  title: 'Sign in',
  intro:
    'Roost runs your bots and answers from your docs. Everything you set up and say stays on this server.',
  local: 'Continue as the local owner',
  localHint: 'Offered because you open Roost on the machine it runs on.',
  google: 'Sign in with Google',
  link: 'Open the one-time link that Roost printed when it started. It works for 15 minutes. For a new one, run this on the server:',
  linkCommand: 'roost sign-in-link',
  linkReady: 'This link signs you in as the owner of this Roost. It works once.',
  useLink: 'Sign in as the owner',
  none: 'No way to sign in is set up. Set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET, or open Roost on the machine it runs on, then reload this page.',
};

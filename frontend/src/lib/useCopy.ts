import { useState } from 'react';
import { copyText } from './copyText';

const COPIED_MS = 2_000;

/** Copies text; `copied` is true for a moment after it was done. */
export function useCopy() {
  const [copied, setCopied] = useState(false);
  async function copy(text: string) {
    if (!(await copyText(text))) return;
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  }
  return { copied, copy };
}

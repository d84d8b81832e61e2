import { Check, Copy } from 'lucide-react';
import { useCopy } from '../lib/useCopy';
import { Button } from './Button';
import { controls } from './strings';

/** A line to be pasted elsewhere, with a button that copies it. */
export function CopyLine({ text, label }: { text: string; label?: string }) {
  const { copied, copy } = useCopy();
  return (
    <div className="flex min-w-0 flex-wrap items-center gap-2">
      <code className="min-w-0 flex-1 basis-60 rounded-1 bg-sunken px-3 py-2 font-mono text-sm break-all select-all">
        {text}
      </code>
      <Button aria-label={label} onClick={() => void copy(text)}>
        {copied ? <Check size={15} aria-hidden className="text-ok" /> : <Copy size={15} aria-hidden />}
        <span aria-live="polite">{copied ? controls.copied : controls.copy}</span>
      </Button>
    </div>
  );
}

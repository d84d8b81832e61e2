import { ExternalLink as Icon } from 'lucide-react';
import type { ReactNode } from 'react';

/** A link that leaves Roost, in a new tab. */
export function ExternalLink({ href, children }: { href: string; children: ReactNode }) {
  return (
    <a
      href={href}
      target="_blank"
      rel="noreferrer"
      className="inline-flex items-center gap-1 text-accent underline underline-offset-2"
    >
      {children}
      <Icon size={13} aria-hidden className="shrink-0" />
    </a>
  );
}

import { Send } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Platform } from '../lib/apiTypes';
import { platformNames } from './strings';

const ICON_PX = 14;

/** The platform of a bot, as icon and word. */
export function PlatformName({ platform, children }: { platform: Platform; children?: ReactNode }) {
  return (
    <span className="inline-flex items-center gap-1.5 whitespace-nowrap">
      {platform === 'discord' ? <DiscordIcon /> : <Send size={ICON_PX} aria-hidden className="shrink-0" />}
      {children ?? platformNames[platform]}
    </span>
  );
}

/** A face between two headphones, drawn with the strokes of the other icons. */
function DiscordIcon() {
  return (
    <svg
      width={ICON_PX}
      height={ICON_PX}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={2}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden
      className="shrink-0"
    >
      <path d="M8.5 5.5C6.8 5.8 5.4 6.4 4.5 7 2.5 10.4 1.7 13.8 2 17.5 3.6 18.7 5.2 19.4 6.7 19.8L8 17.5C10.6 18.2 13.4 18.2 16 17.5L17.3 19.8C18.8 19.4 20.4 18.7 22 17.5 22.3 13.8 21.5 10.4 19.5 7 18.6 6.4 17.2 5.8 15.5 5.5L14.5 7.2A14 14 0 0 0 9.5 7.2Z" />
      <circle cx="9" cy="13" r="0.9" />
      <circle cx="15" cy="13" r="0.9" />
    </svg>
  );
}

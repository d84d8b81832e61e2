import { MessageCircle } from 'lucide-react';
import type { WidgetLook } from '../../lib/apiTypes';
import { inkOn } from '../../lib/colours';
import { form as words } from './strings';

/** The chat in small, in the colours it will have. */
export function LookPreview({ look, logo }: { look: WidgetLook; logo: string | null }) {
  const dark =
    look.scheme === 'dark' || (look.scheme === 'auto' && document.documentElement.dataset.theme === 'dark');
  const paper = dark ? '#1d1d1a' : '#ffffff';
  const ink = dark ? '#eeece6' : '#1e1d1a';
  return (
    <figure
      aria-label={words.preview}
      className={`flex flex-col gap-2 rounded-1 bg-sunken p-3 ${look.position === 'left' ? 'items-start' : 'items-end'}`}
    >
      <div
        aria-hidden
        className="w-56 overflow-hidden rounded-2 border border-line text-sm shadow-float"
        style={{ backgroundColor: paper, color: ink }}
      >
        <p
          className="flex items-center gap-2 px-3 py-2 font-semibold"
          style={{ backgroundColor: look.accent, color: inkOn(look.accent) }}
        >
          {logo ? <img src={logo} alt="" className="h-6 max-w-24 rounded-1 object-contain" /> : null}
          <span className="truncate">{look.title || '\u00a0'}</span>
        </p>
        <p className="line-clamp-3 px-3 py-2">{look.greeting || words.previewQuestion}</p>
      </div>
      <span
        aria-hidden
        className="inline-flex size-10 items-center justify-center rounded-full shadow-float"
        style={{ backgroundColor: look.accent, color: inkOn(look.accent) }}
      >
        <MessageCircle size={20} />
      </span>
    </figure>
  );
}

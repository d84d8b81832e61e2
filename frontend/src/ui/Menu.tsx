import { type ReactNode, useId, useRef } from 'react';

export interface MenuItem {
  label: string;
  icon?: ReactNode;
  onSelect: () => void;
  danger?: boolean;
  disabled?: boolean;
}

const GAP_PX = 4;

/** A button that opens a menu: a native popover (closes on Esc and outside), arrows, Home, End and first letters move. */
export function Menu({
  label,
  children,
  items,
  className = '',
}: {
  label: string;
  children: ReactNode;
  items: readonly MenuItem[];
  className?: string;
}) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);

  const choices = () =>
    Array.from(menu.current?.querySelectorAll<HTMLElement>('[role=menuitem]:not(:disabled)') ?? []);

  function place() {
    if (!button.current || !menu.current) return;
    const anchor = button.current.getBoundingClientRect();
    const size = menu.current.getBoundingClientRect();
    const below = anchor.bottom + GAP_PX;
    const fits = below + size.height <= innerHeight;
    menu.current.style.top = `${Math.max(GAP_PX, fits ? below : anchor.top - GAP_PX - size.height)}px`;
    menu.current.style.left = `${Math.max(GAP_PX, Math.min(anchor.right - size.width, innerWidth - size.width - GAP_PX))}px`;
  }

  function onKeyDown(event: React.KeyboardEvent) {
    const all = choices();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = (index: number) => {
      event.preventDefault();
      all[(index + all.length) % all.length]?.focus();
    };
    if (event.key === 'ArrowDown') to(at + 1);
    else if (event.key === 'ArrowUp') to(at - 1);
    else if (event.key === 'Home') to(0);
    else if (event.key === 'End') to(all.length - 1);
    else if (event.key === 'Tab') menu.current?.hidePopover();
    else if (event.key.length === 1) {
      const letter = event.key.toLowerCase();
      const order = [...all.slice(at + 1), ...all.slice(0, at + 1)];
      order.find((each) => each.textContent?.trim().toLowerCase().startsWith(letter))?.focus();
    }
  }

  return (
    <>
      <button
        ref={button}
        type="button"
        popoverTarget={id}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        className={`inline-flex size-9 shrink-0 items-center justify-center rounded-1 text-ink-2 transition-colors duration-150 hover:bg-sunken hover:text-ink pointer-coarse:size-11 ${className}`}
      >
        {children}
      </button>
      <div
        ref={menu}
        id={id}
        popover="auto"
        role="menu"
        aria-label={label}
        tabIndex={-1}
        onKeyDown={onKeyDown}
        onToggle={(event) => {
          if (event.newState !== 'open') return;
          place();
          choices()[0]?.focus();
        }}
        className="fixed inset-auto m-0 min-w-44 rounded-2 border border-line bg-surface p-1 text-ink shadow-float"
      >
        {items.map((item) => (
          <button
            key={item.label}
            type="button"
            role="menuitem"
            tabIndex={-1}
            disabled={item.disabled}
            onClick={() => {
              menu.current?.hidePopover();
              item.onSelect();
            }}
            className={`flex min-h-9 w-full items-center gap-2 rounded-1 px-2.5 text-start hover:bg-sunken focus:bg-sunken disabled:opacity-50 pointer-coarse:min-h-11 ${item.danger ? 'text-bad' : ''}`}
          >
            {item.icon}
            {item.label}
          </button>
        ))}
      </div>
    </>
  );
}

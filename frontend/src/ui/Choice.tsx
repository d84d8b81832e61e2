import type { ComponentProps, ReactNode } from 'react';

/** One of several choices, with its words beside it: the whole line can be clicked. */
export function Choice({
  type,
  label,
  hint,
  ...rest
}: {
  type: 'radio' | 'checkbox';
  label: ReactNode;
  hint?: string;
} & ComponentProps<'input'>) {
  return (
    <label className="flex min-h-9 cursor-pointer items-start gap-2 py-1.5 pointer-coarse:min-h-11">
      <input type={type} className="mt-[3px] size-4 shrink-0 accent-accent" {...rest} />
      <span className="min-w-0 break-words">
        {label}
        {hint ? <span className="block text-sm text-ink-2">{hint}</span> : null}
      </span>
    </label>
  );
}

import type { ComponentProps } from 'react';

type Look = 'primary' | 'plain' | 'quiet' | 'danger';

const base =
  'inline-flex min-h-9 items-center justify-center gap-2 rounded-1 px-3 font-medium whitespace-nowrap ' +
  'transition-colors duration-150 disabled:cursor-not-allowed disabled:opacity-60 pointer-coarse:min-h-11';

const looks: Record<Look, string> = {
  primary: 'bg-accent text-accent-ink hover:bg-accent/90',
  plain: 'border border-line-strong/60 bg-surface text-ink hover:bg-sunken',
  quiet: 'text-ink-2 hover:bg-sunken hover:text-ink',
  danger: 'border border-bad/50 bg-surface text-bad hover:bg-bad-soft',
};

/** The class names of a button, for links that look like one. */
export function buttonLook(look: Look = 'plain'): string {
  return `${base} ${looks[look]}`;
}

export function Button({
  look = 'plain',
  className = '',
  type = 'button',
  ...rest
}: ComponentProps<'button'> & { look?: Look }) {
  return <button type={type} className={`${buttonLook(look)} ${className}`} {...rest} />;
}

/** A square button whose picture needs words: `label` is read aloud and shown on hover. */
export function IconButton({
  label,
  className = '',
  type = 'button',
  ...rest
}: Omit<ComponentProps<'button'>, 'aria-label' | 'title'> & { label: string }) {
  return (
    <button
      type={type}
      aria-label={label}
      title={label}
      className={`inline-flex size-9 shrink-0 items-center justify-center rounded-1 text-ink-2 transition-colors duration-150 hover:bg-sunken hover:text-ink disabled:opacity-60 pointer-coarse:size-11 ${className}`}
      {...rest}
    />
  );
}

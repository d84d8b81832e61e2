import { type ReactNode, useEffect, useId } from 'react';

/** Heading, actions and body of a page; sets the document's title. */
export function Page({
  title,
  actions,
  children,
  wide = false,
}: {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
  wide?: boolean;
}) {
  useTitle(title);
  return (
    <div
      className={`mx-auto flex w-full min-w-0 flex-col gap-5 px-4 py-5 sm:px-8 sm:py-8 ${wide ? 'max-w-6xl' : 'max-w-4xl'}`}
    >
      <header className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="min-w-0 text-xl font-semibold leading-tight break-words">{title}</h1>
        {actions ? <div className="flex flex-wrap gap-2 sm:justify-end">{actions}</div> : null}
      </header>
      {children}
    </div>
  );
}

/** A part of a page under a heading of its own, with what stands below and beside the heading. */
export function Section({
  title,
  hint,
  actions,
  children,
}: {
  title: string;
  hint?: string;
  actions?: ReactNode;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="flex min-w-0 flex-col gap-3">
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-1">
        <div className="min-w-0 flex-1 basis-60">
          <h2 id={id} className="text-lg font-semibold">
            {title}
          </h2>
          {hint ? <p className="max-w-prose text-sm text-ink-2">{hint}</p> : null}
        </div>
        {actions}
      </div>
      {children}
    </section>
  );
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Roost`;
  }, [title]);
}

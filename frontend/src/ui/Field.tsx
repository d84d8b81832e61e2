import { type ComponentProps, type ReactNode, useId } from 'react';

const control =
  'w-full rounded-1 border border-line-strong bg-surface px-3 text-ink placeholder:text-ink-3 ' +
  'aria-invalid:border-bad disabled:opacity-60';

interface FieldText {
  label: string;
  hint?: ReactNode;
  error?: string | null | undefined;
}

function Frame({ id, label, hint, error, children }: FieldText & { id: string; children: ReactNode }) {
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      {children}
      {hint ? (
        <p id={`${id}-hint`} className="text-sm text-ink-2">
          {hint}
        </p>
      ) : null}
      {error ? (
        <p id={`${id}-error`} role="alert" className="text-sm text-bad">
          {error}
        </p>
      ) : null}
    </div>
  );
}

function described(id: string, hint: ReactNode, error: unknown) {
  const ids = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ');
  return { 'aria-describedby': ids || undefined, 'aria-invalid': error ? true : undefined };
}

export function TextField({
  label,
  hint,
  error,
  className = '',
  ...rest
}: FieldText & ComponentProps<'input'>) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <input
        id={id}
        className={`${control} min-h-9 pointer-coarse:min-h-11 ${className}`}
        {...described(id, hint, error)}
        {...rest}
      />
    </Frame>
  );
}

export function TextArea({
  label,
  hint,
  error,
  className = '',
  ...rest
}: FieldText & ComponentProps<'textarea'>) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <textarea
        id={id}
        className={`${control} py-2 ${className}`}
        {...described(id, hint, error)}
        {...rest}
      />
    </Frame>
  );
}

export function SelectField({
  label,
  hint,
  error,
  className = '',
  ...rest
}: FieldText & ComponentProps<'select'>) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <select
        id={id}
        className={`${control} min-h-9 pointer-coarse:min-h-11 ${className}`}
        {...described(id, hint, error)}
        {...rest}
      />
    </Frame>
  );
}

export function Checkbox({
  label,
  hint,
  ...rest
}: { label: string; hint?: ReactNode } & ComponentProps<'input'>) {
  const id = useId();
  return (
    <div className="flex min-h-9 items-start gap-2 py-1.5 pointer-coarse:min-h-11">
      <input
        id={id}
        type="checkbox"
        className="mt-[3px] size-4 shrink-0 accent-accent"
        {...described(id, hint, null)}
        {...rest}
      />
      <div>
        <label htmlFor={id}>{label}</label>
        {hint ? (
          <p id={`${id}-hint`} className="text-sm text-ink-2">
            {hint}
          </p>
        ) : null}
      </div>
    </div>
  );
}

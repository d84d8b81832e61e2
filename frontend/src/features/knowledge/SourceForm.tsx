import { BookOpen, Plus } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import type { SourceKind } from '../../lib/apiTypes';
import { fieldError, formError } from '../../lib/formErrors';
import { Button } from '../../ui/Button';
import { SelectField, TextField } from '../../ui/Field';
import { useAddSource } from './knowledgeApi';
import { kinds, adding as words } from './strings';

type SiteKind = Exclude<SourceKind, 'manual'>;

const siteKinds: readonly SiteKind[] = ['website', 'gitbook', 'blog'];
const FIELDS = ['url'];

/** Adds a site, or the manual that comes with Roost. An address without a scheme is taken as https. */
export function SourceForm({ hasManual, onAdded }: { hasManual: boolean; onAdded?: () => void }) {
  const site = useAddSource();
  const manual = useAddSource();
  const [kind, setKind] = useState<SiteKind>('website');
  const [url, setUrl] = useState('');
  const [missing, setMissing] = useState(false);
  const busy = site.isPending || manual.isPending;
  const problem = formError(site.error, FIELDS) ?? manual.error?.message;

  function submit(event: FormEvent) {
    event.preventDefault();
    const address = url.trim();
    setMissing(address === '');
    if (address === '' || busy) return;
    const whole =
      /^[a-z][a-z0-9+.-]*:/i.test(address) && !/^[^/]*:\d/.test(address) ? address : `https://${address}`;
    site.mutate(
      { kind, url: whole },
      {
        onSuccess: () => {
          setUrl('');
          onAdded?.();
        },
      },
    );
  }

  return (
    <div className="flex flex-col gap-4">
      <form onSubmit={submit} noValidate className="flex flex-col gap-3">
        <div className="grid gap-3 sm:grid-cols-[9rem_minmax(0,1fr)]">
          <SelectField
            label={words.kind}
            value={kind}
            onChange={(event) => setKind(event.target.value as SiteKind)}
          >
            {siteKinds.map((each) => (
              <option key={each} value={each}>
                {kinds[each]}
              </option>
            ))}
          </SelectField>
          <TextField
            label={words.url}
            type="url"
            inputMode="url"
            autoFocus
            autoComplete="url"
            autoCapitalize="off"
            spellCheck={false}
            maxLength={2000}
            placeholder={words.placeholder}
            hint={words.urlHint}
            error={missing ? words.needUrl : fieldError(site.error, 'url')}
            value={url}
            onChange={(event) => {
              setUrl(event.target.value);
              setMissing(false);
              if (site.error) site.reset();
            }}
          />
        </div>
        {problem ? (
          <p role="alert" className="text-sm text-bad">
            {problem}
          </p>
        ) : null}
        <div className="flex flex-wrap items-center gap-3">
          <Button look="primary" type="submit" disabled={busy}>
            <Plus size={16} aria-hidden />
            {site.isPending
              ? words.adding
              : words.submitKind(kinds[kind].toLowerCase().replace('gitbook', 'GitBook'))}
          </Button>
          {hasManual ? null : (
            <>
              <span className="text-ink-2">{words.or}</span>
              <Button
                disabled={busy}
                onClick={() => manual.mutate({ kind: 'manual' }, { onSuccess: () => onAdded?.() })}
              >
                <BookOpen size={16} aria-hidden />
                {words.manual}
              </Button>
            </>
          )}
        </div>
      </form>
      {hasManual ? null : <p className="text-sm text-ink-2">{words.manualHint}</p>}
    </div>
  );
}

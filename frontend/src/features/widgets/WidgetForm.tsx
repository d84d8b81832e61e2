import { type FormEvent, useId, useState } from 'react';
import type { NewWidget, Widget, WidgetLook } from '../../lib/apiTypes';
import { useBots } from '../../lib/bots';
import { fieldError, formError } from '../../lib/formErrors';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { SelectField, TextArea, TextField } from '../../ui/Field';
import { FailedState } from '../../ui/States';
import { controls } from '../../ui/strings';
import { LogoField } from './LogoField';
import { LookPreview } from './LookPreview';
import type { Picture } from './picture';
import { usualLook, widgets, form as words } from './strings';

const FIELDS = ['name', 'origins', 'bot_id', 'accent', 'look.title', 'look.starters', 'image'];
const STARTERS_MOST = 3;

/** What a widget is: for a new one, and to change one. */
export function WidgetForm({
  widget,
  busy,
  error,
  onSubmit,
  onClose,
}: {
  widget: Widget | null;
  busy: boolean;
  error: Error | null;
  /** `logo` is null where it is taken away, undefined where it stays. */
  onSubmit: (widget: NewWidget, logo: Picture | null | undefined) => void;
  onClose: () => void;
}) {
  const formId = useId();
  const bots = useBots().data ?? [];
  const [name, setName] = useState(widget?.name ?? '');
  const [origins, setOrigins] = useState(widget?.origins.join('\n') ?? '');
  const [botId, setBotId] = useState(widget?.bot_id ?? '');
  const [look, setLook] = useState<WidgetLook>(widget?.look ?? { ...usualLook, starters: [] });
  const [starters, setStarters] = useState(widget?.look.starters.join('\n') ?? '');
  const [logo, setLogo] = useState<Picture | null>();
  const shownLogo = logo === undefined ? (widget ? logoAddress(widget) : null) : (logo?.dataUrl ?? null);
  const other = formError(error, FIELDS);
  const change = (part: Partial<WidgetLook>) => setLook((before) => ({ ...before, ...part }));

  function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    onSubmit(
      {
        name: name.trim(),
        origins: lines(origins),
        bot_id: botId || null,
        look: { ...look, starters: lines(starters).slice(0, STARTERS_MOST) },
      },
      logo,
    );
  }

  const complete = name.trim() !== '' && lines(origins).length > 0 && look.title.trim() !== '';
  return (
    <Dialog
      title={widget ? words.changeTitle(widget.name) : words.newTitle}
      onClose={onClose}
      footer={
        <>
          <Button look="quiet" onClick={onClose}>
            {controls.cancel}
          </Button>
          <Button look="primary" type="submit" form={formId} disabled={busy || !complete}>
            {widget ? words.save : words.make}
          </Button>
        </>
      }
    >
      <form id={formId} onSubmit={submit} noValidate className="flex flex-col gap-4">
        <TextField
          label={words.name}
          hint={words.nameHint}
          required
          maxLength={100}
          data-autofocus
          error={fieldError(error, 'name')}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <TextArea
          label={words.origins}
          hint={words.originsHint}
          required
          rows={2}
          placeholder="https://docs.example.com"
          error={fieldError(error, 'origins')}
          value={origins}
          onChange={(event) => setOrigins(event.target.value)}
        />
        <SelectField
          label={words.bot}
          hint={words.botHint}
          error={fieldError(error, 'bot_id')}
          value={botId}
          onChange={(event) => setBotId(event.target.value)}
        >
          <option value="">{widgets.everySource}</option>
          {bots.map((bot) => (
            <option key={bot.id} value={bot.id}>
              {bot.name}
            </option>
          ))}
        </SelectField>
        <fieldset className="flex flex-col gap-4 rounded-2 border border-line p-4">
          <legend className="px-1 font-medium">{words.look}</legend>
          <TextField
            label={words.titleOf}
            required
            maxLength={60}
            error={fieldError(error, 'look.title')}
            value={look.title}
            onChange={(event) => change({ title: event.target.value })}
          />
          <LogoField
            shown={shownLogo}
            error={fieldError(error, 'image')}
            onChange={(picture) => setLogo(picture === null && !widget?.logo ? undefined : picture)}
          />
          <TextArea
            label={words.greeting}
            rows={2}
            maxLength={300}
            value={look.greeting}
            onChange={(event) => change({ greeting: event.target.value })}
          />
          <TextArea
            label={words.starters}
            hint={words.startersHint}
            rows={3}
            maxLength={400}
            error={fieldError(error, 'look.starters')}
            value={starters}
            onChange={(event) => setStarters(event.target.value)}
          />
          <div className="grid grid-cols-2 gap-3">
            <TextField
              label={words.accent}
              type="color"
              className="cursor-pointer px-1"
              error={fieldError(error, 'accent')}
              value={look.accent}
              onChange={(event) => change({ accent: event.target.value })}
            />
            <SelectField
              label={words.position}
              value={look.position}
              onChange={(event) => change({ position: event.target.value === 'left' ? 'left' : 'right' })}
            >
              {(['right', 'left'] as const).map((each) => (
                <option key={each} value={each}>
                  {words.positions[each]}
                </option>
              ))}
            </SelectField>
          </div>
          <SelectField
            label={words.scheme}
            value={look.scheme}
            onChange={(event) => change({ scheme: event.target.value as WidgetLook['scheme'] })}
          >
            {(['auto', 'light', 'dark'] as const).map((each) => (
              <option key={each} value={each}>
                {words.schemes[each]}
              </option>
            ))}
          </SelectField>
          <LookPreview look={look} logo={shownLogo} />
        </fieldset>
        {other ? <FailedState error={new Error(other)} /> : null}
      </form>
    </Dialog>
  );
}

function logoAddress({ id, logo }: Widget): string | null {
  return logo === null ? null : `/api/widgets/${id}/logo?name=${logo}`;
}

function lines(text: string): string[] {
  return text
    .split(/[\n,]/)
    .map((each) => each.trim())
    .filter(Boolean);
}

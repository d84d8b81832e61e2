import type { Prompt } from '../lib/apiTypes';
import { SelectField, TextArea } from './Field';
import { controls } from './strings';

const OWN = '';
const LONGEST = 16_000;

/** Chooses a prompt template by its key, or takes a text. `value` is either, as the API has it. */
export function PromptField({
  prompts,
  value,
  onChange,
  error,
}: {
  prompts: readonly Prompt[];
  value: string;
  onChange: (value: string) => void;
  error?: string | null;
}) {
  const chosen = prompts.find(({ key }) => key === value);
  return (
    <div className="flex flex-col gap-2">
      <SelectField
        label={controls.prompt}
        error={chosen ? error : null}
        value={chosen ? chosen.key : OWN}
        onChange={(event) => onChange(event.target.value)}
      >
        {prompts.map(({ key, name }) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
        <option value={OWN}>{controls.ownPrompt}</option>
      </SelectField>
      {chosen ? (
        <details className="text-sm text-ink-2">
          <summary className="cursor-pointer py-1">{controls.showPrompt}</summary>
          <p className="max-h-48 overflow-y-auto rounded-1 bg-sunken p-3 whitespace-pre-wrap">
            {chosen.text}
          </p>
        </details>
      ) : (
        <TextArea
          label={controls.promptText}
          hint={controls.promptHint}
          error={error}
          rows={5}
          maxLength={LONGEST}
          required
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </div>
  );
}

import { ImagePlus } from 'lucide-react';
import { type DragEvent, useId, useRef, useState } from 'react';
import { Button } from '../../ui/Button';
import { PICTURE_TYPES, type Picture, readPicture } from './picture';
import { form as words } from './strings';

/** A picture that is chosen or dragged here, shown at once, and can be taken away again. */
export function LogoField({
  shown,
  error,
  onChange,
}: {
  /** The address of the picture there is. */
  shown: string | null;
  error: string | null;
  onChange: (picture: Picture | null) => void;
}) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [over, setOver] = useState(false);
  const wrong = refusal ?? error;

  async function take(file: File | undefined) {
    if (!file) return;
    setRefusal(null);
    try {
      onChange(await readPicture(file));
    } catch (failure) {
      setRefusal(failure instanceof Error ? failure.message : String(failure));
    }
  }

  function drop(event: DragEvent) {
    event.preventDefault();
    setOver(false);
    void take(event.dataTransfer.files[0]);
  }

  return (
    <fieldset
      aria-describedby={wrong ? `${id}-hint ${id}-error` : `${id}-hint`}
      className="flex flex-col gap-1"
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <legend className="mb-1 text-sm font-medium">{words.logo}</legend>
      <div
        className={`flex flex-wrap items-center gap-3 rounded-1 border border-dashed p-3 ${over ? 'border-accent bg-accent-soft' : 'border-line-strong'}`}
      >
        {shown ? (
          <img
            src={shown}
            alt={words.logoShown}
            className="h-12 max-w-32 rounded-1 bg-sunken object-contain"
          />
        ) : (
          <ImagePlus size={24} aria-hidden className="text-ink-2" />
        )}
        <Button onClick={() => input.current?.click()}>{shown ? words.logoOther : words.logoChoose}</Button>
        {shown ? (
          <Button
            look="quiet"
            aria-label={words.logoRemoveName}
            onClick={() => {
              setRefusal(null);
              onChange(null);
            }}
          >
            {words.logoRemove}
          </Button>
        ) : null}
      </div>
      <input
        ref={input}
        type="file"
        hidden
        accept={PICTURE_TYPES.join(',')}
        onChange={(event) => {
          void take(event.target.files?.[0]);
          // The same file may be chosen again, after it was mended.
          event.target.value = '';
        }}
      />
      <p id={`${id}-hint`} className="text-sm text-ink-2">
        {words.logoHint}
      </p>
      {wrong ? (
        <p id={`${id}-error`} role="alert" className="text-sm text-bad">
          {wrong}
        </p>
      ) : null}
    </fieldset>
  );
}

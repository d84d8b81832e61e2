import type { Source } from '../../lib/apiTypes';
import { count } from '../../lib/time';
import { progressText, stageShares } from './sourceText';
import { stages, source as words } from './strings';

const widths = { discovering: 1, fetching: 5, indexing: 1, embedding: 3 };

/** A crawl's four stages as one bar: what is done is filled, what runs without a count breathes. */
export function StageBar({ source }: { source: Source }) {
  const { stage, total, done, failed } = source;
  const now = `${stages[stage]}, ${progressText(source)}${failed > 0 ? `, ${words.failed(count(failed))}` : ''}`;
  return (
    <div
      role="progressbar"
      aria-label={stages[stage]}
      aria-valuetext={now}
      {...(total > 0
        ? { 'aria-valuemin': 0, 'aria-valuemax': total, 'aria-valuenow': Math.min(done, total) }
        : {})}
      className="flex h-1.5 w-full gap-0.5"
    >
      {stageShares(source).map(({ name, share }) => (
        <span
          key={name}
          title={stages[name]}
          className="relative overflow-hidden rounded-full bg-idle-soft"
          style={{ flexGrow: widths[name], flexBasis: 0 }}
        >
          <span
            className={`absolute inset-y-0 start-0 rounded-full bg-accent transition-[width] duration-150 ${share === null ? 'w-full animate-pulse' : ''}`}
            style={share === null ? {} : { width: `${share * 100}%` }}
          />
          {name === 'fetching' && failed > 0 && total > 0 && share !== null && share > 0 ? (
            <span
              className="absolute inset-y-0 start-0 bg-bad"
              style={{ width: `${Math.max(2, (failed / total) * 100)}%` }}
            />
          ) : null}
        </span>
      ))}
    </div>
  );
}

import type { Insights } from '../../lib/apiTypes';
import { count } from '../../lib/time';
import { type Bar, barsOf, ceilingOf } from './bars';
import { chart as words } from './strings';

const WIDE = 720;
const NARROW = 360;
const HEIGHT = 180;
const LEFT = 40;
const TOP = 10;
const BOTTOM = 24;
const LABEL_EVERY = 110;

/** Questions over time as bars; the same numbers stand in a table below. */
export function Chart({ insights }: { insights: Insights }) {
  const { bars, weeks } = barsOf(insights.days, insights.since, insights.until);
  const highest = bars.reduce((best, each) => (total(each) > total(best) ? each : best), bars[0]!);
  const ceiling = ceilingOf(total(highest));
  // Drawn half as wide on phones, so that its words are not made too small to read.
  const whole = matchMedia('(max-width: 640px)').matches ? NARROW : WIDE;
  const step = (whole - LEFT) / bars.length;
  const width = Math.max(1.5, Math.min(28, step * 0.72));
  const y = (value: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / ceiling);
  const x = (place: number) => LEFT + step * (place + 0.5);
  const every = Math.ceil(LABEL_EVERY / step);
  const { asked, unanswered } = insights.totals;
  const summary = (weeks ? words.summaryWeeks : words.summary)(
    count(asked),
    count(unanswered),
    count(total(highest)),
    dayName(highest.day),
  );
  return (
    <figure className="flex min-w-0 flex-col gap-2">
      <svg viewBox={`0 0 ${whole} ${HEIGHT}`} role="img" aria-label={summary} className="w-full text-ink-2">
        {(ceiling % 2 === 0 ? [0, ceiling / 2, ceiling] : [0, ceiling]).map((value) => (
          <g key={value}>
            <line x1={LEFT} x2={whole} y1={y(value)} y2={y(value)} className="stroke-line" strokeWidth="1" />
            <text x={LEFT - 6} y={y(value) + 4} textAnchor="end" fontSize="11" fill="currentColor">
              {count(value)}
            </text>
          </g>
        ))}
        {bars.map((bar, place) => (
          <g key={bar.day}>
            <title>{`${dayName(bar.day)}: ${words.answered} ${bar.answered}, ${words.unanswered} ${bar.unanswered}`}</title>
            <rect
              x={x(place) - width / 2}
              width={width}
              y={y(bar.answered)}
              height={y(0) - y(bar.answered)}
              className="fill-accent"
            />
            <rect
              x={x(place) - width / 2}
              width={width}
              y={y(total(bar))}
              height={y(bar.answered) - y(total(bar))}
              className="fill-warn"
            />
            {place % every === 0 && x(place) < whole - 20 ? (
              <text x={x(place)} y={HEIGHT - 6} textAnchor="middle" fontSize="11" fill="currentColor">
                {dayName(bar.day)}
              </text>
            ) : null}
          </g>
        ))}
      </svg>
      <figcaption className="flex flex-wrap items-center gap-x-5 gap-y-1 text-sm text-ink-2">
        <Key colour="bg-accent">{words.answered}</Key>
        <Key colour="bg-warn">{words.unanswered}</Key>
        <details className="min-w-0 basis-full">
          <summary className="w-fit cursor-pointer underline underline-offset-2">{words.table}</summary>
          <Table bars={bars} weeks={weeks} />
        </details>
      </figcaption>
    </figure>
  );
}

function Key({ colour, children }: { colour: string; children: string }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <span aria-hidden className={`size-3 rounded-[3px] ${colour}`} />
      {children}
    </span>
  );
}

function Table({ bars, weeks }: { bars: readonly Bar[]; weeks: boolean }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <div className="mt-2 max-h-64 w-fit max-w-full overflow-auto rounded-2 border border-line" tabIndex={0}>
      <table className="text-sm tabular-nums">
        <thead>
          <tr className="border-b border-line text-start">
            {[weeks ? words.week : words.day, words.answered, words.unanswered].map((name) => (
              <th key={name} scope="col" className="px-3 py-1 text-start font-medium">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {bars
            .filter((bar) => total(bar) > 0)
            .map((bar) => (
              <tr key={bar.day}>
                <th scope="row" className="px-3 py-1 text-start font-normal">
                  {bar.day}
                </th>
                <td className="px-3 py-1 text-end">{count(bar.answered)}</td>
                <td className="px-3 py-1 text-end">{count(bar.unanswered)}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}

function total(bar: Bar): number {
  return bar.answered + bar.unanswered;
}

function dayName(day: string): string {
  const locale = document.documentElement.lang || 'en';
  return new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(
    new Date(`${day}T00:00:00Z`),
  );
}

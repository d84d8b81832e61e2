export const periods = [7, 30, 90, 365] as const;
export type PeriodDays = (typeof periods)[number];

/** What the Insights page is about, as its address says it. */
export interface InsightSearch {
  days?: PeriodDays;
  bot?: string;
  widget?: string;
  source?: string;
}

export function insightSearch(search: Record<string, unknown>): InsightSearch {
  const days = periods.find((each) => each === Number(search.days));
  const text = (name: string) => (typeof search[name] === 'string' ? { [name]: search[name] } : {});
  return { ...(days ? { days } : {}), ...text('bot'), ...text('widget'), ...text('source') };
}

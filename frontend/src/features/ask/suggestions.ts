const DO = new Set(
  'add ask back build change check choose configure connect create customise customize debug delete deploy download edit enable export fix get import install invite keep manage migrate move open pin publish read remove rename reset restart restore rotate run search secure send set share sign start stop switch test track troubleshoot turn update upgrade upload use verify watch write'.split(
    ' ',
  ),
);
const DULL = /^(home|index|overview|welcome|untitled|introduction|documentation|docs|readme|manual)$/i;
const LONGEST = 60;

/** Up to `count` questions made from the titles of real pages, from as many parts of the list as there are. */
export function questionsFrom(titles: readonly string[], count = 3): string[] {
  const questions = new Map<string, string>();
  for (const title of titles) {
    const plain = plainTitle(title);
    if (plain.length < 3 || plain.length > LONGEST || DULL.test(plain)) continue;
    questions.set(plain.toLowerCase(), question(plain));
  }
  const all = [...questions.values()];
  const step = Math.max(1, all.length / count);
  return Array.from({ length: Math.min(count, all.length) }, (_, at) => all[Math.floor(at * step)]!);
}

/** A page's own title, without the name of the site behind it. */
function plainTitle(title: string): string {
  const [first = ''] = title.split(/\s+[|–—·»]\s+|\s+-\s+/);
  return first.replace(/\s+/g, ' ').trim();
}

function question(title: string): string {
  if (title.endsWith('?')) return title;
  if (/^how to /i.test(title)) return `How do I ${title.slice('how to '.length)}?`;
  const [verb = '', ...rest] = title.split(' ');
  if (DO.has(verb.toLowerCase()) && rest.length > 0)
    return `How do I ${[verb.toLowerCase(), ...rest].join(' ')}?`;
  return `What do the docs say about “${title}”?`;
}

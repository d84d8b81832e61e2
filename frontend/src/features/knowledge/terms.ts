const COMMON = new Set(
  'a about an and are as at be but by can do does for from had has have how i if in into is it its me my no not of on or our so that the their them then there these they this to was we what when where which who why will with you your'.split(
    ' ',
  ),
);
const WORD = /[\p{L}\p{N}]+/gu;
const ENDINGS = /(?:ations?|ings?|ers?|ed|es|ly|s|e)$/;
const SHORTEST_STEM = 3;

/** A stretch of text, and whether it is a word the question asked for. */
export interface Stretch {
  text: string;
  hit: boolean;
}

/** Cuts `text` so that the words of `question`, in any of their endings, can be marked. */
export function marked(text: string, question: string): Stretch[] {
  const stems = new Set([...words(question)].filter((word) => !COMMON.has(word)).map(stem));
  const stretches: Stretch[] = [];
  let from = 0;
  for (const match of text.matchAll(WORD)) {
    if (!stems.has(stem(match[0].toLowerCase()))) continue;
    if (match.index > from) stretches.push({ text: text.slice(from, match.index), hit: false });
    stretches.push({ text: match[0], hit: true });
    from = match.index + match[0].length;
  }
  if (from < text.length) stretches.push({ text: text.slice(from), hit: false });
  return stretches;
}

function* words(text: string): Iterable<string> {
  for (const match of text.toLowerCase().matchAll(WORD)) yield match[0];
}

function stem(word: string): string {
  const short = word.replace(ENDINGS, '');
  return short.length >= SHORTEST_STEM ? short : word;
}

const NUMBER = /^-?\d{1,20}$/;

/** The chats somebody typed, each once, in order; `wrong` is the first line that is no number. */
export function readChats(text: string): { chats: string[]; wrong: string | null } {
  const lines = text.split(/[\s,;]+/).filter((line) => line !== '');
  return {
    chats: [...new Set(lines)],
    wrong: lines.find((line) => !NUMBER.test(line)) ?? null,
  };
}

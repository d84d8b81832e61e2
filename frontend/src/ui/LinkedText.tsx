const ADDRESS = /(https:\/\/[^\s<>"']*[^\s<>"'.,;:!?)])/;

/** A sentence whose https addresses can be followed. */
export function LinkedText({ children }: { children: string }) {
  return children.split(ADDRESS).map((part, place) =>
    place % 2 === 1 ? (
      <a
        // biome-ignore lint/suspicious/noArrayIndexKey: a part is its place in the sentence
        key={place}
        href={part}
        target="_blank"
        rel="noopener noreferrer"
        className="relative wrap-anywhere text-accent underline underline-offset-2"
      >
        {part}
      </a>
    ) : (
      part
    ),
  );
}

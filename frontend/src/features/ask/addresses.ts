/**
 * Addresses a person may be sent to: pages, mail, and Roost's own manual by its path. Everything else is null:
 * javascript: and data:, and paths that only their own site could resolve.
 */
export function safeAddress(
  address: string | null | undefined,
  base: string = location.origin,
): string | null {
  if (!address) return null;
  let url: URL;
  try {
    url = address.startsWith('/manual/') ? new URL(address, base) : new URL(address);
  } catch {
    return null;
  }
  return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : null;
}

/** True where two addresses lie on the same site; a mail address never does. */
export function sameSite(
  address: string,
  others: readonly string[],
  base: string = location.origin,
): boolean {
  const origin = originOf(address, base);
  return origin !== null && [base, ...others].some((other) => originOf(other, base) === origin);
}

function originOf(address: string, base: string): string | null {
  try {
    const { origin, protocol } = new URL(address, base);
    return protocol === 'http:' || protocol === 'https:' ? origin : null;
  } catch {
    return null;
  }
}

/** "docs.example.com/guide", for people: no scheme, no anchor, no final slash. */
export function shortAddress(address: string, base: string = location.origin): string {
  try {
    const url = new URL(address, base);
    const path = decodeURI(url.pathname).replace(/\/$/, '');
    return url.origin === base ? path : url.host + path;
  } catch {
    return address;
  }
}

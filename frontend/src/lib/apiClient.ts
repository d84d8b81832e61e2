import { uuid7 } from './ids';

/** The server answered, and refused. `code` and `field` are the server's own words for programs. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    readonly field: string | null = null,
    readonly retryAfter_s: number | null = null,
  ) {
    super(message);
  }
}

/** No answer arrived: the server is away, or the network is. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** True where the same request may succeed later, unchanged. */
export function mayRetry(error: unknown): boolean {
  if (error instanceof UnreachableError) return true;
  if (!(error instanceof ApiError)) return false;
  return error.status >= 500 || error.status === 429 || error.status === 408 || error.code === 'in_flight';
}

export interface ApiClientOptions {
  fetch: typeof fetch;
  /** Resolves after so many milliseconds, rejects when the signal aborts. */
  pause: (delay_ms: number, signal?: AbortSignal) => Promise<void>;
  newKey: () => string;
}

export interface ReadOptions {
  query?: Record<string, string | number | boolean | null | undefined>;
  signal?: AbortSignal | undefined;
}

export interface WriteOptions {
  /** The same key and body may be sent any number of times: the server does it once. */
  idempotencyKey?: string | undefined;
  signal?: AbortSignal | undefined;
}

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

const REQUEST_TIMEOUT_MS = 30_000;
const LONGEST_WAIT_S = 5;
const READ_TRIES = 5;
const WRITE_TRIES = 3;

/** Codes of a server that is being replaced, or waits for its data: what is refused now is taken in a moment. */
const MOVING = new Set(['restoring', 'standby', 'handover']);
const MOVING_PAUSE_MS = 1_000;
const MOVING_TRIES = 120;

/** Speaks JSON with the server; a Blob is sent as it is. Every write carries an Idempotency-Key; 503 with Retry-After is tried again. */
export class ApiClient {
  private readonly unauthorized = new Set<() => void>();
  private readonly moving = new Set<() => void>();

  constructor(private readonly options: ApiClientOptions) {}

  /** Calls `listener` whenever the server answers 401. Returns the function that stops it. */
  onUnauthorized(listener: () => void): () => void {
    this.unauthorized.add(listener);
    return () => this.unauthorized.delete(listener);
  }

  /** Calls `listener` whenever a request waits for a server that is being replaced. Returns what stops it. */
  onMoving(listener: () => void): () => void {
    this.moving.add(listener);
    return () => this.moving.delete(listener);
  }

  get<T>(path: string, { query, signal }: ReadOptions = {}): Promise<T> {
    const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
      value === null || value === undefined || value === '' ? [] : [[name, String(value)]],
    );
    const search = pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : '';
    return this.tried<T>('GET', path + search, undefined, {}, READ_TRIES, signal);
  }

  post<T>(path: string, body?: unknown, options: WriteOptions = {}): Promise<T> {
    return this.write<T>('POST', path, body, options);
  }

  patch<T>(path: string, body: unknown, options: WriteOptions = {}): Promise<T> {
    return this.write<T>('PATCH', path, body, options);
  }

  put<T>(path: string, body: unknown, options: WriteOptions = {}): Promise<T> {
    return this.write<T>('PUT', path, body, options);
  }

  delete(path: string, options: WriteOptions = {}): Promise<void> {
    return this.write<void>('DELETE', path, undefined, options);
  }

  /** The text of a file the server makes (exports), with the name the server gives it. */
  async download(path: string, signal?: AbortSignal): Promise<{ blob: Blob; filename: string | null }> {
    const response = await this.answer('GET', path, undefined, {}, signal);
    if (!response.ok) throw await this.refusal(response);
    const name = /filename="?([^";]+)"?/.exec(response.headers.get('Content-Disposition') ?? '');
    return { blob: await response.blob(), filename: name?.[1] ?? null };
  }

  private write<T>(method: Method, path: string, body: unknown, options: WriteOptions): Promise<T> {
    const headers = { 'Idempotency-Key': options.idempotencyKey ?? this.options.newKey() };
    return this.tried<T>(method, path, body, headers, WRITE_TRIES, options.signal);
  }

  private async tried<T>(
    method: Method,
    path: string,
    body: unknown,
    headers: Record<string, string>,
    tries: number,
    signal?: AbortSignal,
  ): Promise<T> {
    let patience = method === 'GET' ? 0 : MOVING_TRIES;
    for (let left = tries, moved = false; ; left--) {
      let response: Response;
      try {
        response = await this.answer(method, path, body, headers, signal);
      } catch (error) {
        // The old container has gone, and the way to the new one is not open yet.
        if (!moved || !(error instanceof UnreachableError) || patience-- <= 0) throw error;
        await this.options.pause(MOVING_PAUSE_MS, signal);
        continue;
      }
      if (response.ok) return await parsed<T>(response);
      const refusal = await this.refusal(response);
      const wait_s = refusal.retryAfter_s;
      if (refusal.status === 503 && MOVING.has(refusal.code)) {
        for (const listener of this.moving) listener();
        if (patience-- > 0) {
          moved = true;
          const wait_ms = (refusal.retryAfter_s ?? 1) * 1000;
          await this.options.pause(Math.min(wait_ms, LONGEST_WAIT_S * 1000), signal);
          continue;
        }
      }
      const waits = (refusal.status === 503 || refusal.code === 'in_flight') && wait_s !== null;
      if (!waits || wait_s > LONGEST_WAIT_S || left <= 1) throw refusal;
      await this.options.pause(wait_s * 1000, signal);
    }
  }

  private async answer(
    method: Method,
    path: string,
    body: unknown,
    headers: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<Response> {
    const limit = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    try {
      return await this.options.fetch(path, {
        method,
        credentials: 'same-origin',
        headers: {
          Accept: 'application/json',
          ...(body === undefined
            ? {}
            : { 'Content-Type': body instanceof Blob ? body.type : 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: body instanceof Blob ? body : JSON.stringify(body) }),
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new UnreachableError('Roost does not answer. Check that it runs and that you are online.', {
        cause: error,
      });
    }
  }

  private async refusal(response: Response): Promise<ApiError> {
    if (response.status === 401) for (const listener of this.unauthorized) listener();
    return await refusalOf(response);
  }
}

/** Reads `{"error": {code, message, field}}`; an answer of another shape (a proxy's page) gets a sentence of ours. */
export async function refusalOf(response: Response): Promise<ApiError> {
  const retryAfter = response.headers.get('Retry-After');
  const seconds = retryAfter === null ? Number.NaN : Number(retryAfter);
  const retryAfter_s = Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
  const body: unknown = await response.json().catch(() => null);
  const error = isRecord(body) && isRecord(body.error) ? body.error : {};
  return new ApiError(
    typeof error.message === 'string'
      ? error.message
      : `Roost answered ${response.status}. Try again in a moment.`,
    response.status,
    typeof error.code === 'string' ? error.code : 'unknown',
    typeof error.field === 'string' ? error.field : null,
    retryAfter_s,
  );
}

async function parsed<T>(response: Response): Promise<T> {
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch (error) {
    throw new UnreachableError('The answer of Roost was cut off. Try again.', { cause: error });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

export function pause(delay_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, delay_ms);
    function stop() {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** The one client of the page. */
export const api = new ApiClient({ fetch: (...args) => fetch(...args), pause, newKey: () => uuid7() });

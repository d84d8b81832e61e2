import { ApiError } from './apiClient';

/** The sentence of a refusal that belongs under `field`. */
export function fieldError(error: Error | null, field: string): string | null {
  return error instanceof ApiError && error.field === field ? error.message : null;
}

/** The sentence of a failure that belongs to none of the fields shown. */
export function formError(error: Error | null, fields: readonly string[]): string | null {
  if (!error) return null;
  if (error instanceof ApiError && error.field !== null && fields.includes(error.field)) return null;
  return error.message;
}

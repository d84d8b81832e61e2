/** A list of rows in one frame, and a row of it. */
export const listLook = 'divide-y divide-line rounded-2 border border-line bg-surface';
export const rowLook = 'flex min-h-11 flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2';

import { picture as words } from './strings';

/** A picture that a browser has read: as it is sent, and as it is shown before that. */
export interface Picture {
  file: Blob;
  dataUrl: string;
}

export const PICTURE_TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
const LIMIT_BYTES = 512 * 1024;
const SIDE_MOST = 4096;

/** Rejects with a sentence for people where the file is no picture, or too large a one. */
export async function readPicture(file: File): Promise<Picture> {
  if (!PICTURE_TYPES.includes(file.type)) throw new Error(words.none(file.name));
  if (file.size > LIMIT_BYTES) throw new Error(words.tooLarge(file.size));
  let drawn: ImageBitmap;
  try {
    drawn = await createImageBitmap(file);
  } catch (error) {
    throw new Error(words.unreadable(file.name), { cause: error });
  }
  const side = Math.max(drawn.width, drawn.height);
  drawn.close();
  if (side > SIDE_MOST) throw new Error(words.tooWide(side));
  return { file, dataUrl: await dataUrlOf(file) };
}

function dataUrlOf(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

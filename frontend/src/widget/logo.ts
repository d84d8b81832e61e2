const HEIGHT_PX = 28;
const WIDTH_MOST_PX = 120;

/**
 * The picture as the chat's header has it. It is drawn from bytes, not named by an address: a page's policy on
 * pictures (img-src) does not apply to it. Rejects for what is no picture.
 */
export async function drawnLogo(bytes: Blob): Promise<HTMLCanvasElement> {
  const picture = await createImageBitmap(bytes);
  const scale = Math.min(HEIGHT_PX / picture.height, WIDTH_MOST_PX / picture.width);
  const canvas = document.createElement('canvas');
  const sharpness = Math.max(2, window.devicePixelRatio);
  canvas.className = 'logo';
  // The title stands beside it.
  canvas.setAttribute('aria-hidden', 'true');
  canvas.width = Math.max(1, Math.round(picture.width * scale * sharpness));
  canvas.height = Math.max(1, Math.round(picture.height * scale * sharpness));
  canvas.style.width = `${picture.width * scale}px`;
  canvas.style.height = `${picture.height * scale}px`;
  const context = canvas.getContext('2d')!;
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return canvas;
}

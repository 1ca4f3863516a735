/**
 * Text from a user's file on its way to the screen. Names may hold markup, newlines and direction marks: they go to
 * the page as text nodes only (lit does that), isolated from the text around them, with invisible characters shown.
 */
import { html, type TemplateResult } from 'lit';
import { visible } from '../../src/app/render/text';

export { visible };

/** A name from the file, isolated in both directions. */
export const nameOf = (text: string): TemplateResult => html`<bdi class="name">${visible(text)}</bdi>`;

/** `–` for what was not measured; the three non-finite words as they are; else up to `digits` significant digits. */
export function figure(value: number | string | null | undefined, digits = 3): string {
  if (value === null || value === undefined) {
    return '–';
  }
  if (typeof value === 'string' || !Number.isFinite(value)) {
    return String(value).replace('-', '−');
  }
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 1e-3 || size >= 1e6)
      ? value
          .toExponential(digits - 1)
          .replace(/\.?0+e/, 'e')
          .replace('e+', 'e')
      : String(Number(value.toPrecision(digits)));
  return text.replace(/^-/, '−').replace('e-', 'e−');
}

export const plural = (count: number, noun: string): string => `${String(count)} ${noun}${count === 1 ? '' : 's'}`;

/**
 * Escaping for GitHub's Markdown. A report is pasted into issues, where a name from a model could otherwise close a
 * table cell, start HTML, mention people or hide text. Characters that cannot be seen become visible escapes first.
 */
import { visible } from './text';

const entity = (character: string): string => `&#${String(character.codePointAt(0) ?? 0)};`;

/** A name as code. Backslashes, pipes and backticks need entities, which only HTML's `<code>` understands. */
export function code(name: string): string {
  const text = visible(name);
  return text === '' || text !== text.trim() || /[`|\\]/.test(text)
    ? `<code>${text.replace(/[^\p{L}\p{N}]/gu, entity)}</code>`
    : `\`${text}\``;
}

/** Prose that may quote names: no markup, no HTML, no mention, no link and no list can come out of it. */
export const prose = (text: string): string =>
  visible(text)
    .trim()
    .replace(/[&<>|@$~]|#(?=\d)/g, entity)
    .replace(/[\\`*[\]]/g, '\\$&')
    // Inside a word an underscore means nothing, and names read better without backslashes.
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\_')
    .replace(/:(?=\/\/)|\/(?=\/)/g, entity)
    .replace(/(?<=www)\./gi, entity)
    .replace(/^(?=[-+](?:\s|$)|[-=]{2}|#)/, '\\')
    .replace(/^(\d+)([.)])(?=\s|$)/, '$1\\$2');

/** A table in GitHub's flavour; cells are markdown already. The first column is text, the others are aligned left. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A fenced block; the fence is longer than any run of backticks inside. */
export function fenced(text: string, language: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map((match) => match[0].length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return `${fence}${language}\n${text}\n${fence}`;
}

/** The field guide in words: for a terminal, and as Markdown. */
import type { Mechanism } from '../../core/guide/index';
import { guideTo, mechanisms } from '../../core/guide/index';
import type { Style } from './style';
import { padTo, wrap } from './text';

const kinds = {
  birth: 'Births: NaN where none was read',
  crossing: 'Crossings: NaN reaches clean positions',
  silent: 'Silent: nothing to see in the outputs',
} as const;

/** Every mechanism with its title, by kind. */
export function renderGuideList(style: Style, width: number): string {
  const column = Math.max(...mechanisms.map(({ id }) => id.length)) + 2;
  const parts = Object.entries(kinds).map(([kind, heading]) =>
    [
      style.heading(heading),
      ...mechanisms
        .filter((entry) => entry.kind === kind)
        .map(({ id }) => `  ${padTo(id, column)}${wrap(guideTo(id).title, width - column - 2, column + 2)}`),
    ].join('\n'),
  );
  return `${parts.join('\n\n')}\n\n${style.quiet('One of them: nanoscope explain fully-masked-row')}\n`;
}

/** One entry. @param width columns to wrap at */
export function renderGuideEntry(mechanism: Mechanism, style: Style, width: number): string {
  const text = (words: string): string => `  ${wrap(words, width - 2, 2)}`;
  const item = (words: string): string => `  · ${wrap(words, width - 4, 4)}`;
  const entry = guideTo(mechanism);
  const lists = sectionsOf(mechanism).map(({ heading, items }) =>
    [style.heading(heading), ...items.map(item)].join('\n'),
  );
  return `${[
    `${style.strong(entry.title)}\n${style.quiet(mechanism)}`,
    [text(entry.formula), '', text(entry.what)].join('\n'),
    ...lists,
  ].join('\n\n')}\n`;
}

export function renderGuideMarkdown(mechanism: Mechanism): string {
  const entry = guideTo(mechanism);
  const lists = sectionsOf(mechanism).map(({ heading, items }) =>
    [`**${heading}**`, '', ...items.map((words) => `- ${words}`)].join('\n'),
  );
  return `${[`## ${entry.title} (\`${mechanism}\`)`, `\`${entry.formula}\``, entry.what, ...lists].join('\n\n')}\n`;
}

/** The entry that a page shows beside a finding. */
export interface GuideWords {
  readonly title: string;
  readonly formula: string;
  readonly what: string;
  readonly sections: readonly GuideSection[];
}
export function guideWords(mechanism: Mechanism): GuideWords {
  const { title, formula, what } = guideTo(mechanism);
  return { title, formula, what, sections: sectionsOf(mechanism) };
}

export interface GuideSection {
  readonly heading: string;
  readonly items: readonly string[];
}

/** The lists of an entry, in the order in which they are read; empty ones are left out. */
export function sectionsOf(mechanism: Mechanism): GuideSection[] {
  const entry = guideTo(mechanism);
  return [
    { heading: 'How to recognise it', items: entry.recognise },
    {
      heading: 'Not to be confused with',
      items: entry.notToBeConfused.map((other) => `${other.mechanism}: ${other.difference}`),
    },
    { heading: 'What mends it', items: entry.mends },
    { heading: 'What does not', items: entry.doesNotMend },
    { heading: 'As people met it', items: entry.reports.map((report) => `${report.at}: ${report.says}`) },
  ].filter((section) => section.items.length > 0);
}

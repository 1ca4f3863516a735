/**
 * Advice that names a flag of the terminal, as a page gives it: with its own field or button. Reports and errors are
 * the same for every face, so their advice is, too; a page turns it into its own.
 */
const ways: readonly (readonly [RegExp, string])[] = [
  [/--pad-id N writes another\./g, '“Pad id” in the batch bar writes another.'],
  [/--pad-id (\d+) writes that\./g, '“Pad id” $1 in the batch bar writes that.'],
  [/Run it cast to float32: nanoscope diagnose MODEL --cast float32\./g, 'Run it in float32 with the button below.'],
  [/make a batch with --lengths\./g, 'make a batch from “Lengths” in the batch bar.'],
  [/ \(--cast float32\)/g, ''],
  [/ \(--expand-attention\)/g, ''],
  [/Say it with --mask \S+?\[:inverted\]/g, 'Say it under “Mask” in the batch bar'],
  [/ The lines for it: nanoscope fix MODEL \S+ --snippet/g, ''],
  // “raise the time-out: --timeout in a terminal, nanoscope.engine.timeoutSeconds in the settings”: the setting is left.
  [/--(timeout|memory-limit) in a terminal, /g, ''],
  [
    /Say which one counts and what it means: --mask \S+?\[:inverted\] or --mask \S+?\[:inverted\]\./g,
    'Say which one counts and what it means under “Mask” in the batch bar.',
  ],
];

export const forPanel = (advice: string): string =>
  ways.reduce((text, [flag, field]) => text.replace(flag, field), advice);

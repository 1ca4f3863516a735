/** The few ways in which a terminal emphasises; built from an explicit switch, never from the environment here. */
import picocolors from 'picocolors';

type Paint = (text: string) => string;

export interface Style {
  readonly heading: Paint;
  readonly quiet: Paint;
  readonly good: Paint;
  readonly warning: Paint;
  readonly bad: Paint;
  readonly strong: Paint;
}

export function createStyle(colour: boolean): Style {
  const colours = picocolors.createColors(colour);
  return {
    heading: colours.bold,
    quiet: colours.dim,
    good: colours.green,
    warning: colours.yellow,
    bad: (text) => colours.bold(colours.red(text)),
    strong: colours.bold,
  };
}

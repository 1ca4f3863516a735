/**
 * One Python file in an editor: its hazards, looked for again a little after each change, in slices, so that nobody who
 * types waits for it.
 */
import { examine, mayHaveHazards, type Examined, type Hazard } from '../../core/python/findings';
import { classesIn, type ClassesOf } from '../../core/python/modules/classes';
import type { PythonTree } from '../../core/python/syntax';
import type { IncrementalPython } from './ports';

export interface OpenFileParts {
  readonly python: () => Promise<IncrementalPython>;
  /** Rules that are switched off. */
  readonly off: () => ReadonlySet<string>;
  /** Resolves when what waits has had its turn. */
  readonly pause: () => Promise<void>;
  /** Calls back after this many milliseconds, unless the answer is called before. */
  readonly later: (ms: number, call: () => void) => () => void;
  readonly found: (hazards: readonly Hazard[], version: number) => void;
  readonly failed: (error: unknown) => void;
}

/** What was found, in which state of the text. */
export class Found {
  readonly hazards: Examined['hazards'];
  readonly landmarks: Examined['landmarks'];
  private known: ClassesOf | null = null;

  constructor(
    readonly version: number,
    readonly tree: PythonTree,
    { hazards, landmarks }: Examined,
  ) {
    this.hazards = hazards;
    this.landmarks = landmarks;
  }

  /** Read when somebody asks for it. */
  get classes(): ClassesOf {
    return (this.known ??= classesIn(this.tree));
  }
}

/** Keys follow one another faster than this, most of the time. */
const quietMs = 250;

export class OpenFile {
  private parser: Promise<IncrementalPython> | null = null;
  private cancel: () => void = () => undefined;
  private wanted: { readonly text: string; readonly version: number } | null = null;
  private busy = false;
  private closed = false;
  private readonly waiting: (() => void)[] = [];
  /** Null until the text was read, and where it holds no word that a rule asks for. */
  found: Found | null = null;

  constructor(private readonly parts: OpenFileParts) {}

  /** @param ms until it is looked at; 0 when the file was opened or a setting changed */
  changed(text: string, version: number, ms = quietMs): void {
    this.wanted = { text, version };
    this.cancel();
    this.cancel = this.parts.later(ms, () => void this.look());
  }

  /** Resolves when the newest text was looked at, or could not be, or the file was closed. */
  async settled(): Promise<void> {
    if (this.closed || !(this.wanted ?? this.busy)) return;
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  close(): void {
    this.closed = true;
    this.cancel();
    this.release();
    this.parser?.then(
      (parser) => {
        parser.dispose();
      },
      () => undefined,
    );
  }

  private async look(): Promise<void> {
    // One look at a time: it sees at its next pause that there is a newer text.
    if (this.busy) return;
    this.busy = true;
    try {
      for (let next = this.wanted; next && !this.closed; next = this.wanted) {
        this.wanted = null;
        await this.read(next.text, next.version);
      }
    } catch (error) {
      this.parts.failed(error);
    } finally {
      this.busy = false;
      if (!this.wanted) this.release();
      // What failed was an older text.
      else if (!this.closed) void this.look();
    }
  }

  private release(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private async read(text: string, version: number): Promise<void> {
    if (!mayHaveHazards(text)) {
      this.found = null;
      this.parts.found([], version);
      return;
    }
    this.parser ??= this.parts.python();
    const parser = await this.parser.catch((error: unknown) => {
      this.parser = null;
      throw error;
    });
    const tree = await this.inSlices(parser.parsing(text));
    if (!tree) return;
    const examined = await this.inSlices(examine(tree, this.parts.off()));
    if (!examined) return;
    this.found = new Found(version, tree, examined);
    this.parts.found(examined.hazards, version);
  }

  /** Null where a newer text, or the end, came between. */
  private async inSlices<Result>(steps: Generator<void, Result>): Promise<Result | null> {
    try {
      for (let step = steps.next(); ; step = steps.next()) {
        if (step.done === true) return step.value;
        await this.parts.pause();
        if (this.wanted || this.closed) return null;
      }
    } finally {
      // A generator that is left early has a cursor to free.
      steps.return(undefined as Result);
    }
  }
}

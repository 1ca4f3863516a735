/**
 * Reads tensors out of a stopped JavaScript program. Each question carries its code along, bundled into an expression,
 * so nothing is left in the program. Variables of a frame cannot be listed from inside, so the adapter names them.
 */
import type { Adapter, FrameRef, ReadOptions, TensorReader } from '../app/live/ports';
import type { LiveDetail, LiveScope } from '../core/live/tensor';
import { readDetail, readScope } from './answer';
import { answerOf } from './answerOf';
import entry from './javascript/entry.ts?expression';

export class JavascriptReader implements TensorReader {
  constructor(private readonly adapter: Adapter) {}

  async scope(frame: FrameRef, { budgetMs }: ReadOptions): Promise<LiveScope | null> {
    const names = await this.names(frame);
    const answer = await this.ask(frame, `scope(${names},${JSON.stringify({ budgetMs })})`);
    return readScope(answer);
  }

  async detail(
    frame: FrameRef,
    expression: string,
    { budgetMs, index }: ReadOptions & { readonly index?: readonly number[] },
  ): Promise<LiveDetail | null> {
    const names = await this.names(frame);
    const options = JSON.stringify(index === undefined ? { budgetMs } : { budgetMs, index });
    const call = `detail(()=>(${expression}),${JSON.stringify(expression)},${names},${options})`;
    return readDetail(await this.ask(frame, call), index ?? []);
  }

  private async ask({ frameId }: FrameRef, call: string): Promise<string> {
    return answerOf(this.adapter.evaluate, frameId, `${entry}.${call}`);
  }

  /** `[["x",()=>x],…]`: what has no value yet must not cost the others. */
  private async names(frame: FrameRef): Promise<string> {
    const names = [...new Set(await this.adapter.names(frame))].filter(isVariable).slice(0, mostNames);
    return `[${names.map((name) => `[${JSON.stringify(name)},()=>${name}]`).join(',')}]`;
  }
}

const mostNames = 500;

/** What cannot stand alone as an expression somewhere, and what Node gives every module. */
const reserved = new Set(
  (
    'await break case catch class const continue debugger default delete do else enum export extends false finally ' +
    'for function if implements import in instanceof interface let new null package private protected public return ' +
    'static super switch throw true try typeof var void while with yield ' +
    'exports require module __filename __dirname'
  ).split(' '),
);

const isVariable = (name: string): boolean =>
  /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u.test(name) && !reserved.has(name);

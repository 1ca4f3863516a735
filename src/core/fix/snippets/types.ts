/**
 * A fix as lines of PyTorch, for people who own the source of the model. The Python is data: it must run with torch 1.13
 * and with the newest, needs nothing else, and stays exportable to ONNX.
 */
export interface FixSnippet {
  /** Id of a fix of the graph or of the batch. */
  readonly id: string;
  readonly title: string;
  /** Functions to paste; they import nothing but torch. */
  readonly code: string;
  /** Where it goes, as half a sentence behind the modules: `in …, where the mask is made`. */
  readonly where: string;
  /** The lines that call it, as they stand in the module; names in them are the usual ones. */
  readonly use: string;
  /** Which modules it goes into: those that hold an attention, those where NaN is born, none of them. */
  readonly into: 'attention' | 'origin' | 'caller';
  /** What a reader must know beside. */
  readonly note?: string;
}

/** ONNX Runtime's own words, without the C++ around them. */

/** A run that failed inside a node. */
export interface NodeFailure {
  readonly op: string;
  readonly node: string;
  readonly detail: string;
}

const LONGEST = 300;

/** `Non-zero status code returned while running Add node. Name:'/layers.1/Add' Status Message: …` */
export function nodeFailure(text: string): NodeFailure | null {
  const match =
    /Non-zero status code returned while running (\S+) node\. Name:'([\s\S]*?)' Status Message: ([\s\S]*)/.exec(text);
  return match ? { op: match[1] ?? '', node: match[2] ?? '', detail: engineSentence(match[3] ?? '') } : null;
}

/**
 * First line of an engine's message without source paths, line numbers, function signatures and failed conditions:
 * `/onnxruntime_src/…/model.cc:202 onnxruntime::Model::Model(onnx::ModelProto&&, …) Unsupported model IR version`
 * becomes `Unsupported model IR version`.
 */
export function engineSentence(text: string): string {
  const withoutPlaces = text
    .replace(/^Exception during initialization:\s*/, '')
    .replace(/(?:^|(?<=[\s.:]))\S*?\w+\.(?:cc|cpp|h|hpp):\d+\s+/g, PLACE)
    .split(PLACE)
    .map((part, i) => (i === 0 ? part : afterSignature(part)))
    .join(' ');
  const line = withoutPlaces.trim().split('\n')[0] ?? '';
  const sentence = line
    .replace(/^.{0,200}? was false\.\s+(?=\S)/, '')
    .replace(/\s+/g, ' ')
    .trim();
  const capped = sentence.length > LONGEST ? `${sentence.slice(0, LONGEST)}…` : sentence;
  return capped === '' || /[.!?…]$/.test(capped) ? capped : `${capped}.`;
}

const PLACE = '\u0000';

/** What follows `file.cc:12 `: a whole signature with return type and parameters, or a bare function name. */
function afterSignature(text: string): string {
  const open = text.indexOf('(');
  // In front of a parameter list stand only words of C++; a message has plain ones.
  if (open > 0 && text.slice(0, open).includes('::')) {
    const close = closingBracket(text, open);
    if (close > 0)
      return text
        .slice(close + 1)
        .replace(/^\s*const\b/, '')
        .trimStart();
  }
  return text.replace(/^[A-Za-z_][\w:~]*\s+/, '');
}

function closingBracket(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')' && --depth === 0) return i;
  }
  return -1;
}

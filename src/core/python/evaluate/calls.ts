/** Calls: functions of this file, layers, functions of torch and methods of tensors. */
import type { Argument } from '../rules/types';
import { fieldOf, type Syntax } from '../syntax';
import { merged, seenAs, value, type Value } from '../values';
import type { Context } from './context';
import { attributeOfSelf, libraries, withName } from './names';
import { builtLayer, layerCall, layerOf } from './layers';
import { operations, type Called } from './operations';
import { dictOf, ofTable } from './tables';

const dtypes = new Map([
  ['float16', 'float16'],
  ['half', 'float16'],
  ['bfloat16', 'bfloat16'],
  ['float32', 'float32'],
  ['float', 'float32'],
  ['float64', 'float64'],
  ['double', 'float64'],
  ['bool', 'bool'],
]);

/** `object.attribute`, where it is not called. */
export function attributeOf(object: Value, node: Syntax, context: Context): Value {
  const attribute = context.text(fieldOf(node, 'attribute') ?? node);
  const own = attributeOfSelf(node, context);
  if (own !== null) {
    const held = context.attributes.get(own) ?? (context.owner && context.heldBy(context.owner, own));
    if (held) return held;
    const method = context.owner && context.methodOf(context.owner, own);
    return method ? value({ definition: method }) : value({ path: `self.${own}`, named: own });
  }
  if (object.path !== undefined) {
    const path = `${object.path}.${attribute}`;
    if (/^(finfo|iinfo)$/.test(object.path)) {
      const type = object.dtype === 'float32' ? 'float32' : 'own';
      if (attribute === 'max') return value({ highest: type, sign: 'positive' });
      if (attribute === 'min') return value({ lowest: type, sign: 'any' });
      if (attribute === 'tiny' || attribute === 'eps' || attribute === 'smallest_normal')
        return value({ path: 'eps', named: 'eps' });
      return value();
    }
    if (libraries.test(object.path)) {
      if (attribute === 'inf' || attribute === 'Inf') return value({ number: Infinity, sign: 'positive' });
      if (attribute === 'nan') return value({ number: Number.NaN });
      const dtype = dtypes.get(attribute);
      if (dtype !== undefined && /^(torch|numpy|jax)(\.numpy)?$/.test(object.path))
        return value({ path, dtype, isType: true });
    }
    if (libraries.test(object.path)) return value({ path, named: attribute });
    if (attribute.endsWith('dtype')) return value({ isType: true, dtype: 'own' });
    return value({ path, named: attribute, of: object });
  }
  // `Attention.NEG_INF`, `config.fill`
  const [owner, ...otherwise] =
    object.definition?.type === 'class_definition' ? [object.definition] : (object.builtFrom ?? []);
  const ofClass = owner && otherwise.length === 0 ? context.heldBy(owner, attribute) : null;
  if (ofClass) return ofClass;
  if (attribute === 'dtype') return value({ isType: true, dtype: object.dtype ?? 'own' });
  if (/^(T|mT|H|data|real|values)$/.test(attribute)) return seenAs(object);
  return value({ named: attribute, of: object });
}

export function callOf(node: Syntax, called: Value, given: readonly Argument[], context: Context): Value {
  const callee = fieldOf(node, 'function');
  const isMethod = callee?.type === 'attribute';
  const name = callee ? context.text(isMethod ? (fieldOf(callee, 'attribute') ?? callee) : callee) : '';
  context.see('called', { node, name, given });
  if (name === 'register_buffer') {
    const [buffer, held] = given;
    if (buffer?.value.text !== undefined && held)
      context.attributes.set(buffer.value.text, withName(held.value, buffer.value.text));
    return value();
  }
  const classes = called.definition?.type === 'class_definition' ? [called.definition] : called.oneOf;
  if (classes) {
    const constructors = classes.flatMap((owner) => context.methodOf(owner, '__init__') ?? []);
    if (constructors.length > 0) followed(constructors, name, given, context);
    return value({ builtFrom: classes });
  }
  const functions = called.definition ? [called.definition] : (called.builtFrom ?? []).flatMap(forward(context));
  if (functions.length > 0) return followed(functions, name, given, context);
  if (called.layer !== undefined) return layerCall(node, called, given, context);
  const path = called.path ?? '';
  // A list of modules is the list that it is made of.
  if (/(^|\.)Module(List|Dict)$/.test(path)) return given[0]?.value ?? value();
  if (path === 'dict') return dictOf(given);
  const table = isMethod && called.of?.entries ? ofTable(name, called.of, given) : null;
  if (table) {
    const kept = callee && fieldOf(callee, 'object');
    if (kept && table.after) rebind(kept, table.after, context);
    return table.held;
  }
  const layer = layerOf(path);
  if (layer !== null) return builtLayer(layer, given);
  // A distribution's `std` is no tensor's.
  if (path.startsWith('scipy.stats')) return value();
  const isLibrary = libraries.test(path) || (callee?.type === 'identifier' && path === name);
  // `from torch.nn.functional import softmax as soft`
  const known = isLibrary ? (path.split('.').at(-1) ?? name) : name;
  const operation = operations.get(plainName(known));
  if (!operation) return unfollowed(name, given);
  const object = isMethod ? fieldOf(callee, 'object') : null;
  const receiver = object && called.of ? { node: object, held: called.of } : null;
  if (!receiver && !isLibrary) return unfollowed(name, given);
  // `math.sqrt` is of one number, and raises where torch gives NaN.
  if (path.startsWith('math.') && given[0]?.value.number === undefined && name !== 'exp') return value({ named: name });
  const asGiven: Called = {
    node,
    name: known,
    context,
    given: receiver ? [{ name: null, node: receiver.node, value: receiver.held }, ...given] : given,
    library: path.startsWith('numpy') ? 'numpy' : 'torch',
  };
  const result = operation(asGiven);
  if (/[^_]_$/.test(known)) {
    // `torch.nan_to_num_(x)` changes x as `x.nan_to_num_()` does.
    const target = receiver?.node ?? given[0]?.node;
    if (target) rebind(target, result, context);
  }
  return result;
}

/** What runs when a module of this file is called. */
const forward =
  ({ methodOf }: Context) =>
  (owner: Syntax): readonly Syntax[] => {
    const method = methodOf(owner, 'forward') ?? methodOf(owner, '__call__');
    return method ? [method] : [];
  };

/** More is a table of everything that a library has. */
const mostForwards = 4;

function followed(functions: readonly Syntax[], name: string, given: readonly Argument[], context: Context): Value {
  const positional = given.filter((one) => one.name === null).map((one) => one.value);
  const named = new Map(given.flatMap((one) => (one.name === null ? [] : [[one.name, one.value] as const])));
  const [first, ...others] = functions
    .slice(0, mostForwards)
    .flatMap((definition) => context.call(definition, positional, named) ?? []);
  return first ? others.reduce((all, one) => merged(all, one), first) : unfollowed(name, given);
}

const plainName = (name: string): string => name.replace(/^_+(?=safe_softmax|softmax)|(?<=[^_])_$/g, '');

/** What a function that is not followed gives: rows opened, where its name says so. */
function unfollowed(name: string, given: readonly Argument[]): Value {
  if (/unmask/i.test(name)) {
    const masked = given.find((one) => one.value.mask)?.value;
    if (masked?.mask) return seenAs(masked, { mask: { ...masked.mask, guarded: true } });
  }
  return value();
}

/** `mask.fill_(...)` changes what `mask` is. */
function rebind(target: Syntax, held: Value, context: Context): void {
  if (target.type === 'identifier') context.names.set(context.text(target), held);
  const own = target.type === 'attribute' ? attributeOfSelf(target, context) : null;
  if (own !== null) context.attributes.set(own, held);
}

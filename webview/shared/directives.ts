/**
 * Lit directives that a strict content security policy forces on us: `style-src` without 'unsafe-inline' blocks
 * style *attributes*, not the object model, so figures reach the style sheet as custom properties.
 */
import { noChange } from 'lit';
import { directive, Directive, PartType, type ElementPart, type PartInfo } from 'lit/directive.js';

class CssVars extends Directive {
  constructor(part: PartInfo) {
    super(part);
    if (part.type !== PartType.ELEMENT) {
      throw new Error('cssVars belongs on an element');
    }
  }
  override render(..._: [Readonly<Record<`--${string}`, string>>]): unknown {
    return noChange;
  }
  override update(part: ElementPart, [values]: [Readonly<Record<`--${string}`, string>>]): unknown {
    if (part.element instanceof HTMLElement) {
      for (const [name, value] of Object.entries(values)) {
        part.element.style.setProperty(name, value);
      }
    }
    return noChange;
  }
}

/** `<div ${cssVars({ '--share': '40%' })}>` */
export const cssVars = directive(CssVars);

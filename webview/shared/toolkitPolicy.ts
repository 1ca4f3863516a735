/**
 * Must be imported before the control toolkit. On import it asks whether the browser knows `:focus-visible` by
 * appending an empty `<style>` to the head and inserting a rule. Our policy blocks that element, so the toolkit would
 * log a violation, conclude "no" and show focus rings on every click. For as long as the toolkit is being loaded, an
 * empty style element gets a constructed sheet instead of a place in the document: the same question, answered
 * by the same browser, without 'unsafe-inline'.
 */
const head = document.head;

head.appendChild = <T extends Node>(node: T): T => {
  if (!(node instanceof HTMLStyleElement) || node.textContent !== '') {
    return Node.prototype.appendChild.call(head, node) as T;
  }
  Object.defineProperty(node, 'sheet', { value: new CSSStyleSheet() });
  return node;
};
head.removeChild = <T extends Node>(node: T): T =>
  node.parentNode === head ? (Node.prototype.removeChild.call(head, node) as T) : node;

/** Puts the head back as it was. */
export function endToolkitLoading(): void {
  Reflect.deleteProperty(head, 'appendChild');
  Reflect.deleteProperty(head, 'removeChild');
}

const SPACE = "http://www.w3.org/2000/svg";

/** A shape of a picture, with attributes and children. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Text with MathML from our own data files: text goes in as text, formulas element by element from a whitelist.

const tags = new Set(("math mrow mi mn mo mtext mspace msup msub msubsup mfrac msqrt mroot mover munder munderover " +
  "mtable mtr mtd mstyle").split(" "));
const space = "http://www.w3.org/1998/Math/MathML";

export function rich(text) {
  return text.split(/(<math[\s>][^]*?<\/math>)/).filter(Boolean).flatMap((part) => {
    if (!part.startsWith("<math")) return code(part);
    const parsed = new DOMParser().parseFromString(part, "application/xml").documentElement;
    return copy(parsed) ?? part;
  });
}

// `name` as code.
function code(text) {
  return text.split(/`([^`]+)`/).map((part, i) => {
    const node = document.createElement("code");
    node.textContent = part;
    return i % 2 ? node : part;
  });
}

function copy(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.textContent;
  if (node.nodeType !== Node.ELEMENT_NODE || !tags.has(node.localName)) return null;
  const made = document.createElementNS(space, node.localName);
  const variant = node.getAttribute("mathvariant");
  if (variant === "normal") made.setAttribute("mathvariant", variant);
  made.append(...[...node.childNodes].map(copy).filter((child) => child !== null));
  return made;
}

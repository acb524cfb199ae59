// The page's fonts as rules that a picture takes along: a picture outside of the page has no others.

// @font-face rules with their files inside, for the families and characters of the texts in `svg`.
export async function fontFaces(svg) {
  const wanted = [...svg.querySelectorAll("text")].map((text) => ({
    families: (text.getAttribute("font-family") ?? "").split(",").map(bare),
    italic: text.getAttribute("font-style") === "italic",
    points: [...text.textContent].map((sign) => sign.codePointAt(0)),
  }));
  const faces = [...document.styleSheets].flatMap(rules).filter((rule) => rule instanceof CSSFontFaceRule);
  const used = faces.filter((face) => wanted.some((text) => fits(face, text)));
  return (await Promise.all(used.map(embedded))).join("\n");
}

function rules(sheet) {
  try { return [...sheet.cssRules]; } catch { return []; }
}

const bare = (family) => family.trim().replace(/^["']|["']$/g, "");

function fits({ style }, { families, italic, points }) {
  const slanted = /italic|oblique/.test(style.getPropertyValue("font-style"));
  const ranges = style.getPropertyValue("unicode-range") || "U+0-10FFFF";
  const spans = ranges.split(",").map((range) => range.trim().slice(2).split("-").map((hex) => parseInt(hex, 16)));
  const holds = (point) => spans.some(([from, to = from]) => point >= from && point <= to);
  return slanted === italic && families.includes(bare(style.getPropertyValue("font-family"))) && points.some(holds);
}

async function embedded(face) {
  const [, address] = face.style.getPropertyValue("src").match(/url\(["']?([^"')]+)/) ?? [];
  if (!address) return "";
  const file = await (await fetch(new URL(address, face.parentStyleSheet.href ?? document.baseURI))).blob();
  const data = await new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(file);
  });
  return face.cssText.replace(/src:[^;]+;/, `src: url(${data});`);
}

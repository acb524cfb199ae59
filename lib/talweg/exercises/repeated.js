// Draws an exercise with the script of another one, the first of the notebook, so that the file holds it once.
async function render(context) {
  const model = context.model;
  const first = await model.widget_manager.get_model(model.get("first").slice("IPY_MODEL_".length));
  const url = URL.createObjectURL(new Blob([first.get("_esm")], { type: "text/javascript" }));
  const { default: script } = await import(url);
  URL.revokeObjectURL(url);
  return script.render(context);
}

export default { render };

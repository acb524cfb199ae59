// Draws an exercise with the script of another one, the first of the notebook, so that the file holds it once.
async function scriptOf(reference, model, host) {
  const first = host
    ? await host.getModel(reference)
    : await model.widget_manager.get_model(reference.slice("IPY_MODEL_".length));
  return first.get("_esm");
}

async function render(context) {
  const source = await scriptOf(context.model.get("first"), context.model, context.host);
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: script } = await import(url);
  URL.revokeObjectURL(url);
  return script.render(context);
}

export default { render };

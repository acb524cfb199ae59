"""What has been tried: models, data and losses, and what `Objective.of` and what takes an objective make of them.

Written by `tests/library/objective/test_models.py`, which tries each in `Objective.of`, `line`, `plane`,
`eigenpairs`, `random_directions`, `connect`, `initialize`, `signals`, `train`. "Works" means that values and
gradients are those of the model itself with θ written into it, eigenvalues those of differences of gradients. Where
something is refused, the error begins as it is quoted here.

Notes
-----
- chain of dense layers (MLP): works.
- convolutions, batch normalization: works, except — `connect`: “f must be made with batch_norm='data' to connect
  networks with batch normalization: the running statistics of one network do not hold between two”.
- ResNet of talweg: works, except — `connect`: “f must be made with batch_norm='data' to connect networks with batch
  normalization: the running statistics of one network do not hold between two”.
- torchvision ResNet (basic blocks): works, except — `connect`: “f must be made with batch_norm='data' to connect
  networks with batch normalization: the running statistics of one network do not hold between two”.
- torchvision ResNet (bottlenecks): works, except — `connect`: “f must be made with batch_norm='data' to connect
  networks with batch normalization: the running statistics of one network do not hold between two”.
- torchvision VGG: works, except — `connect`: “f must be made with batch_norm='data' to connect networks with batch
  normalization: the running statistics of one network do not hold between two”.
- torchvision DenseNet: works, except — `connect`: “f must be made with batch_norm='data' to connect networks with
  batch normalization: the running statistics of one network do not hold between two”.
- torchvision ViT: works, except — `initialize`: “parameter 'class_token' belongs to VisionTransformer, whose fans are
  not defined here: initialize it yourself and pass skip=('class_token',).”.
- one module used twice: works.
- weights tied to an embedding, tokens: works.
- frozen layer: works.
- frozen layer, parameters='trainable': works.
- parameters the loss does not use: works.
- nn.Embedding, tokens: works.
- nn.EmbeddingBag, tokens: works.
- nn.RNN: works, except — `initialize`: “parameter 'rnn.weight_ih_l0' belongs to RNN, whose fans are not defined here:
  initialize it yourself and pass skip=('rnn.weight_ih_l0',).”.
- nn.LSTM: works, except — `initialize`: “parameter 'rnn.weight_ih_l0' belongs to LSTM, whose fans are not defined
  here: initialize it yourself and pass skip=('rnn.weight_ih_l0',).”.
- nn.GRU: works, except — `initialize`: “parameter 'rnn.weight_ih_l0' belongs to GRU, whose fans are not defined here:
  initialize it yourself and pass skip=('rnn.weight_ih_l0',).”.
- nn.MultiheadAttention: works.
- nn.TransformerEncoderLayer: works.
- weight normalization (parametrizations): works, except — `initialize`: “layer '0' has a parametrization (weight),
  which recomputes its weights: initialize the model before registering it, or name the layer in skip.”.
- weight normalization (the old one): works, except — `initialize`: “layer '0' recomputes its weight before each
  forward pass (weight_norm, spectral_norm or pruning of torch.nn.utils), so that nothing written there …”.
- spectral normalization (parametrizations): works, except — `initialize`: “layer '0' has a parametrization (weight),
  which recomputes its weights: initialize the model before registering it, or name the layer in skip.”.
- spectral normalization (the old one): works, except — `initialize`: “layer '0' recomputes its weight before each
  forward pass (weight_norm, spectral_norm or pruning of torch.nn.utils), so that nothing written there …”.
- pruned weights: works, except — `initialize`: “layer '0' recomputes its weight before each forward pass
  (weight_norm, spectral_norm or pruning of torch.nn.utils), so that nothing written there …”.
- model that keeps an activation: works.
- dropout by F.dropout(training=self.training), eval mode: works.
- chance in eval mode: refused — `Objective.of`: “model or loss draws random numbers, so that f(θ) would differ from
  call to call: draw them once before, and give them as part of x or as a buffer”.
- layers in a plain list: refused — `Objective.of`: “loss or model uses tensors that need gradients and are not in θ
  (of shape (3, 5), (3,), (5, 6), (5,)), such as layers in a plain list: f would miss …”.
- complex parameters: refused — `Objective.of`: “parameters must be real numbers, since θ is a vector of them; `turn`
  is torch.complex128: hold real and imaginary part (torch.view_as_real), and …”; `train`: “SGD: params must be real
  floating-point tensors; got torch.complex128.”.
- tuple outputs: works.
- named tuple outputs: works.
- dataclass outputs: works.
- dict outputs: works.
- data: DataLoader: refused — `Objective.of`: “x must be a tensor or a NumPy array, samples first; got DataLoader: put
  its batches together, x, y = map(torch.cat, zip(*loader)), and let …”; `signals`: “x must be a tensor or a NumPy
  array, a batch of inputs; got DataLoader.”; `train`: “tried: x_train must be a tensor or a NumPy array with one row
  for each sample; got DataLoader. Samples of a DataLoader, a list or a dict are to be …”.
- data: dict: refused — `Objective.of`: “x must be a tensor or a NumPy array, samples first; got dict: let a module
  that wraps the model take one tensor apart and hand it on by name”; `signals`: “x must be a tensor or a NumPy array,
  a batch of inputs; got dict.”; `train`: “tried: x_train must be a tensor or a NumPy array with one row for each
  sample; got dict. Samples of a DataLoader, a list or a dict are to be put …”.
- data: lists: refused — `Objective.of`: “x must be a tensor or a NumPy array, samples first; got list:
  torch.tensor(x) makes one of numbers, torch.stack(x) of tensors”; `signals`: “x must be a tensor or a NumPy array, a
  batch of inputs; got list.”; `train`: “tried: x_train must be a tensor or a NumPy array with one row for each
  sample; got list. Samples of a DataLoader, a list or a dict are to be put …”.
- data: NumPy arrays: works.
- data: another dtype than the model's: refused — `Objective.of`: “x is torch.float32 and the model computes in
  torch.float64, which fails (mat1 and mat2 must have the same dtype, but got Float and Double). Convert …”;
  `signals`: “x is torch.float32 and the model's parameters are torch.float64: convert one of them (mat1 and mat2 must
  have the same dtype, but got Float and …”; `train`: “model and dataset must have one dtype; the model has
  torch.float64, the data torch.float32. Use data.load(…, dtype=…) or model.to(dtype).”.
- loss: a sum: works.
- loss: a sum, batch_size: refused — `Objective.of`: “batch_size=5 needs a loss that is the mean over samples, and
  this one is not: its reduction is 'sum', not 'mean'. Take all samples at once, or write …”.
- loss: class weights: works.
- loss: class weights, batch_size: refused — `Objective.of`: “batch_size=5 needs a loss that is the mean over samples,
  and this one is not: the loss of all samples is not the mean of the losses of batches. Take …”.
- loss: ignored labels: works.
- loss: ignored labels, batch_size: refused — `Objective.of`: “batch_size=5 needs a loss that is the mean over
  samples, and this one is not: the loss of all samples is not the mean of the losses of batches. Take …”.
- loss: plain mean, batch_size: works.
- loss: one that holds the parameters: refused — `Objective.of`: “loss reads the parameter `0.weight` of the model
  itself, not through θ (it holds the model, or keeps the parameter in a list): it would be a …”.
- targets: regression: works.
- targets: one-hot: works.
- targets: sequences: works.
"""

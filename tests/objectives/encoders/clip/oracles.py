"""CLIP a second time, as functions of a state dictionary, and small checkpoints made by a fixed recipe.

Written from the published layouts, with torch's own multi-head attention; nothing here uses the networks under test.
"""

import gzip
import zlib

import torch
import torch.nn.functional as F

CONTEXT = 77
EMBEDDING = 64


def transformer_layout(prefix, width, layers):
    shapes = {}
    for layer in range(layers):
        block = f"{prefix}resblocks.{layer}."
        shapes |= {
            f"{block}attn.in_proj_weight": (3 * width, width),
            f"{block}attn.in_proj_bias": (3 * width,),
            f"{block}attn.out_proj.weight": (width, width),
            f"{block}attn.out_proj.bias": (width,),
            f"{block}mlp.c_fc.weight": (4 * width, width),
            f"{block}mlp.c_fc.bias": (4 * width,),
            f"{block}mlp.c_proj.weight": (width, 4 * width),
            f"{block}mlp.c_proj.bias": (width,),
        }
        for norm in ("ln_1", "ln_2"):
            shapes |= {f"{block}{norm}.weight": (width,), f"{block}{norm}.bias": (width,)}
    return shapes


def text_layout(width, layers, vocabulary):
    return {
        "positional_embedding": (CONTEXT, width),
        "text_projection": (width, EMBEDDING),
        "logit_scale": (),
        "token_embedding.weight": (vocabulary, width),
        "ln_final.weight": (width,),
        "ln_final.bias": (width,),
    } | transformer_layout("transformer.", width, layers)


def vit_layout(width=96, layers=2, patch=16, grid=4, text_width=48, text_layers=2, vocabulary=512):
    """The defaults are the sizes at which OpenAI's vision transformer was listed."""
    return {
        "visual.class_embedding": (width,),
        "visual.positional_embedding": (grid**2 + 1, width),
        "visual.proj": (width, EMBEDDING),
        "visual.conv1.weight": (width, 3, patch, patch),
        **{
            f"visual.{norm}.{part}": (width,) for norm in ("ln_pre", "ln_post") for part in ("weight", "bias")
        },
        **transformer_layout("visual.transformer.", width, layers),
        **text_layout(text_width, text_layers, vocabulary),
    }


def resnet_layout(width=16, blocks=(1, 1, 1, 1), grid=2, text_width=48, text_layers=2, vocabulary=512):
    """The defaults are the sizes at which CLIP-IQA's residual network was listed."""
    shapes = convolution("visual.", 1, width // 2, 3, 3) | convolution(
        "visual.", 2, width // 2, width // 2, 3
    )
    shapes |= convolution("visual.", 3, width, width // 2, 3)
    inputs = width
    for stage, count in enumerate(blocks, start=1):
        inner = width * 2 ** (stage - 1)
        for index in range(count):
            block = f"visual.layer{stage}.{index}."
            shapes |= convolution(block, 1, inner, inputs, 1) | convolution(block, 2, inner, inner, 3)
            shapes |= convolution(block, 3, 4 * inner, inner, 1)
            if index == 0:
                shapes[f"{block}downsample.0.weight"] = (4 * inner, inputs, 1, 1)
                shapes |= batch_norm(f"{block}downsample.1.", 4 * inner)
            inputs = 4 * inner
    shapes["visual.attnpool.positional_embedding"] = (grid**2 + 1, inputs)
    for letter, outputs in (("k", inputs), ("q", inputs), ("v", inputs), ("c", EMBEDDING)):
        shapes[f"visual.attnpool.{letter}_proj.weight"] = (outputs, inputs)
        shapes[f"visual.attnpool.{letter}_proj.bias"] = (outputs,)
    return shapes | text_layout(text_width, text_layers, vocabulary)


def convolution(prefix, number, outputs, inputs, size):
    weight = {f"{prefix}conv{number}.weight": (outputs, inputs, size, size)}
    return weight | batch_norm(f"{prefix}bn{number}.", outputs)


def batch_norm(prefix, channels):
    names = ("weight", "bias", "running_mean", "running_var")
    return {f"{prefix}{name}": (channels,) for name in names} | {f"{prefix}num_batches_tracked": ()}


def made_state(layout):
    """Numbers that depend on a tensor's name and shape alone, and keep activations near 1."""
    state = {}
    for name, shape in layout.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(3)
            continue
        count = torch.Size(shape).numel()
        phase = zlib.crc32(name.encode()) % 1000
        # Products of two slow sines, in float64: the same everywhere to the last bits of float32.
        index = torch.arange(count, dtype=torch.float64)
        values = (torch.sin(index * 1.7 + phase) + torch.sin(index**1.5 * 0.37 + 2 * phase)).view(shape)
        if name == "logit_scale":
            values = torch.tensor(3.0)
        elif name.endswith("running_var"):
            values = 1 + values / 4
        elif len(shape) == 1 and name.endswith("weight"):
            values = 1 + values / 5
        elif len(shape) > 1:
            values = values * values[0].numel() ** -0.5
        else:
            values = values / 5
        state[name] = values.float()
    return state


def made_pixels(height, width, count=2):
    """Normalised pixels by a formula."""
    index = torch.arange(count * 3 * height * width, dtype=torch.float64)
    return (torch.sin(index * 0.013) + torch.sin(index**1.3 * 0.11)).view(count, 3, height, width).float()


def made_table(path, merges):
    """A table of merges in OpenAI's form, for a vocabulary of 514 and as many as there are."""
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(['"bpe_simple_vocab_16e6.txt#version: 0.2', *merges]))


def attention(x, state, prefix, heads, mask=None):
    """Self-attention with torch's own module. Length first, as it has it."""
    width = x.shape[2]
    module = torch.nn.MultiheadAttention(width, heads)
    module.load_state_dict(
        {
            key.removeprefix(prefix): value
            for key, value in state.items()
            if key.startswith((prefix + "in_proj", prefix + "out_proj"))
        }
    )
    return module(x, x, x, need_weights=False, attn_mask=mask)[0]


def layer_norm(x, state, name):
    return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"])


def transformer(x, state, prefix, heads, mask=None, quick=True):
    layer = 0
    while f"{prefix}resblocks.{layer}.ln_1.weight" in state:
        block = f"{prefix}resblocks.{layer}."
        x = x + attention(layer_norm(x, state, f"{block}ln_1"), state, f"{block}attn.", heads, mask)
        inner = F.linear(
            layer_norm(x, state, f"{block}ln_2"),
            state[f"{block}mlp.c_fc.weight"],
            state[f"{block}mlp.c_fc.bias"],
        )
        inner = (
            inner / (1 + torch.exp(-1.702 * inner))
            if quick
            else 0.5 * inner * (1 + torch.erf(inner / 2**0.5))
        )
        x = x + F.linear(inner, state[f"{block}mlp.c_proj.weight"], state[f"{block}mlp.c_proj.bias"])
        layer += 1
    return x


def positions(table, tokens):
    """The table resized as a picture of one channel."""
    picture = table.unsqueeze(0).unsqueeze(0)
    return F.interpolate(picture, size=(tokens, table.shape[1]), mode="bicubic").squeeze()


def encode_vit(state, pixels, heads, with_positions, quick=True):
    patch = state["visual.conv1.weight"].shape[2]
    x = F.conv2d(pixels, state["visual.conv1.weight"], stride=patch).flatten(2).permute(2, 0, 1)
    x = torch.cat([state["visual.class_embedding"].repeat(1, len(pixels), 1), x])
    if with_positions:
        x = x + positions(state["visual.positional_embedding"], len(x)).unsqueeze(1)
    x = transformer(layer_norm(x, state, "visual.ln_pre"), state, "visual.transformer.", heads, quick=quick)
    return layer_norm(x[0], state, "visual.ln_post") @ state["visual.proj"]


def normed_convolution(x, state, prefix, conv, bn, padding=0, stride=1):
    x = F.conv2d(x, state[f"{prefix}{conv}.weight"], stride=stride, padding=padding)
    norm = f"{prefix}{bn}."
    mean, variance = state[f"{norm}running_mean"], state[f"{norm}running_var"]
    return F.batch_norm(x, mean, variance, state[f"{norm}weight"], state[f"{norm}bias"])


def encode_resnet(state, pixels, heads, with_positions):
    x = normed_convolution(pixels, state, "visual.", "conv1", "bn1", 1, 2).relu()
    x = normed_convolution(x, state, "visual.", "conv2", "bn2", 1).relu()
    x = F.avg_pool2d(normed_convolution(x, state, "visual.", "conv3", "bn3", 1).relu(), 2)
    for stage in (1, 2, 3, 4):
        index = 0
        while f"visual.layer{stage}.{index}.conv1.weight" in state:
            x = bottleneck(x, state, f"visual.layer{stage}.{index}.", 2 if stage > 1 and index == 0 else 1)
            index += 1
    return pooled(x.flatten(2).permute(2, 0, 1), state, heads, with_positions)


def bottleneck(x, state, prefix, stride):
    y = normed_convolution(x, state, prefix, "conv1", "bn1").relu()
    y = normed_convolution(y, state, prefix, "conv2", "bn2", 1).relu()
    y = normed_convolution(F.avg_pool2d(y, stride), state, prefix, "conv3", "bn3")
    if f"{prefix}downsample.0.weight" in state:
        x = normed_convolution(F.avg_pool2d(x, stride), state, prefix, "downsample.0", "downsample.1")
    return (x + y).relu()


def pooled(x, state, heads, with_positions):
    """All tokens ask all, of which the first answer is kept."""
    pool = "visual.attnpool."
    x = torch.cat([x.mean(0, keepdim=True), x])
    if with_positions:
        x = x + positions(state[f"{pool}positional_embedding"], len(x)).unsqueeze(1)
    return F.multi_head_attention_forward(
        x, x, x, x.shape[2], heads, None,
        torch.cat([state[f"{pool}{letter}_proj.bias"] for letter in "qkv"]),
        None, None, False, 0.0, state[f"{pool}c_proj.weight"], state[f"{pool}c_proj.bias"],
        training=False, need_weights=False, use_separate_proj_weight=True,
        q_proj_weight=state[f"{pool}q_proj.weight"], k_proj_weight=state[f"{pool}k_proj.weight"],
        v_proj_weight=state[f"{pool}v_proj.weight"],
    )[0][0]  # fmt: skip


def encode_text(state, tokens, heads, quick=True):
    """Tokens as numbers, zeros behind the end, which is the largest number of its row."""
    x = (state["token_embedding.weight"][tokens] + state["positional_embedding"]).transpose(0, 1)
    mask = torch.full((CONTEXT, CONTEXT), float("-inf")).triu(1)
    x = layer_norm(transformer(x, state, "transformer.", heads, mask, quick), state, "ln_final").transpose(
        0, 1
    )
    return x[torch.arange(len(x)), tokens.argmax(1)] @ state["text_projection"]


def encode_by_name(name, state, pixels, with_positions):
    """Unit vectors of the networks of default sizes."""
    if name == "vit":
        return F.normalize(encode_vit(state, pixels, 1, with_positions))
    return F.normalize(encode_resnet(state, pixels, 8, with_positions))

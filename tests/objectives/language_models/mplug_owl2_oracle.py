"""mPLUG-Owl2 written a second time, plainly: NumPy, float64, one image, one head and one layer after the other.

The tensors come from a fixed recipe, so that what the authors' implementation gave on them could be recorded.
"""

import json
import math

import numpy as np
import torch

CONFIG = {
    "model_type": "mplug_owl2",
    "vocab_size": 64,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-5,
    "visual_config": {
        "visual_model": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 56,
            "patch_size": 14,
            "hidden_act": "quick_gelu",
            "layer_norm_eps": 1e-6,
        },
        "visual_abstractor": {
            "num_learnable_queries": 5,
            "hidden_size": 32,
            "encoder_hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "grid_size": 4,
            "layer_norm_eps": 1e-6,
        },
    },
}
"""The tiny size, as a config.json says it."""


def _attention_keys(prefix):
    at = f"{prefix}.crossattention."
    yield f"{at}attention.q_pos_embed", (5, 32)
    yield f"{at}attention.k_pos_embed", (17, 32)
    for name in ("attention.query", "attention.key", "attention.value", "output.out_proj"):
        yield f"{at}{name}.weight", (32, 32)
        yield f"{at}{name}.bias", (32,)
    for name, width in (("output.norm2", 32), ("output.mlp.ffn_ln", 48), ("norm1", 32), ("normk", 32)):
        yield f"{at}{name}.weight", (width,)
        yield f"{at}{name}.bias", (width,)
    for name, shape in (("w1", (48, 32)), ("w2", (32, 48)), ("w3", (48, 32))):
        yield f"{at}output.mlp.{name}.weight", shape
        yield f"{at}output.mlp.{name}.bias", shape[:1]


def _vision_keys(at):
    yield f"{at}.embeddings.cls_token", (1, 1, 32)
    yield f"{at}.embeddings.position_embedding", (1, 17, 32)
    yield f"{at}.embeddings.patch_embed.weight", (32, 3, 14, 14)
    norms = [f"{at}.embeddings.pre_layernorm", f"{at}.post_layernorm"]
    for layer in range(2):
        here = f"{at}.encoder.layers.{layer}"
        norms += [f"{here}.input_layernorm", f"{here}.post_attention_layernorm"]
        for name, shape in (
            ("self_attn.query_key_value", (96, 32)),
            ("self_attn.dense", (32, 32)),
            ("mlp.fc1", (64, 32)),
            ("mlp.fc2", (32, 64)),
        ):
            yield f"{here}.{name}.weight", shape
            yield f"{here}.{name}.bias", shape[:1]
    for norm in norms:
        yield f"{norm}.weight", (32,)
        yield f"{norm}.bias", (32,)


def _language_keys(at):
    yield f"{at}.embed_tokens.weight", (64, 48)
    yield f"{at}.norm.weight", (48,)
    for layer in range(2):
        here = f"{at}.layers.{layer}"
        for name in ("q_proj", "o_proj", *(f"{kv}_proj.multiway.{way}" for kv in "kv" for way in (0, 1))):
            yield f"{here}.self_attn.{name}.weight", (48, 48)
        yield f"{here}.mlp.gate_proj.weight", (96, 48)
        yield f"{here}.mlp.up_proj.weight", (96, 48)
        yield f"{here}.mlp.down_proj.weight", (48, 96)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            for way in (0, 1):
                yield f"{here}.{norm}.multiway.{way}.weight", (48,)


def official_shapes():
    """Every name of the official layout at the tiny size, with its shape."""
    at = "model.visual_abstractor"
    shapes = {
        "lm_head.weight": (64, 48),
        f"{at}.query_embeds": (1, 5, 32),
        f"{at}.vit_eos": (1, 1, 48),
        f"{at}.visual_fc.weight": (48, 32),
        f"{at}.visual_fc.bias": (48,),
        **dict(_vision_keys("model.vision_model")),
        **dict(_language_keys("model")),
    }
    for layer in range(2):
        shapes.update(_attention_keys(f"{at}.encoder.layers.{layer}"))
    return dict(sorted(shapes.items()))


def tensors_by_recipe():
    """A chirp in every tensor, each with a phase of its own: no two rows are alike."""
    state = {}
    for number, (name, shape) in enumerate(official_shapes().items()):
        count = math.prod(shape)
        index = np.arange(count, dtype=np.float64)
        wave = np.sin(0.37 * (index**2 % 9973) + 0.11 * index + number)
        fan_in = math.prod(shape[1:]) if len(shape) > 1 else 1
        scale = 1.4 / math.sqrt(fan_in) if len(shape) in (2, 4) else 0.3
        if ("norm" in name and name.endswith("weight")) or "ffn_ln.weight" in name:
            wave = 1 / scale + wave
        if "embed" in name and "patch" not in name:
            scale = 0.7
        state[name] = torch.from_numpy((scale * wave).reshape(shape)).float()
    return state


def pixels_by_recipe(count):
    """Normalised pixels [count, 3, 56, 56]."""
    index = np.arange(count * 3 * 56 * 56, dtype=np.float64)
    return (
        torch.from_numpy(1.5 * np.sin(0.05 * index + 0.0007 * (index**2 % 7919))).float().view(-1, 3, 56, 56)
    )


def write_folder(folder, state, config=None, tokenizer=None):
    """A checkpoint's folder as published: configuration, tokenizer, one file of safetensors."""
    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG if config is None else config))
    (folder / "tokenizer.json").write_text(json.dumps(tiny_tokenizer() if tokenizer is None else tokenizer))
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / "model.safetensors")
    return folder


def tiny_tokenizer():
    """Byte pairs for the prompt's words: 64 pieces, of which the level words are whole ones."""
    words = ["excellent", "good", "fair", "poor", "bad"]
    letters = sorted(
        set("USER:How would you rate the quality of this image?ASSISTANT:The aesthetics is\n") - {" "}
    )
    letters = [*letters, *sorted(set("".join(words)) - set(letters))]
    merges, grown = [], []
    for word in words:
        for place in range(len(word)):
            merges.append([f"\u2581{word[:place]}", word[place]])
            grown.append(f"\u2581{word}")
    # What lies on the way to a word needs no number: no word of the prompt begins like one of the five.
    pieces = ["<s>", "\u2581", *letters, *dict.fromkeys(grown)]
    return {"model": {"type": "BPE", "vocab": {piece: n for n, piece in enumerate(pieces)}, "merges": merges}}


def logits(state, pixels, before, after):
    """Logits of the word after the prompt, one image after the other."""
    tensors = {name: tensor.double().numpy() for name, tensor in state.items()}
    return np.stack([_Owl(tensors).next_word(image, before, after) for image in pixels.double().numpy()])


class _Owl:
    def __init__(self, tensors):
        self.t = tensors

    def next_word(self, image, before, after):
        picture = self.abstract(self.see(image))
        table = self.t["model.embed_tokens.weight"]
        x = np.concatenate([table[before], picture, table[after]])
        way = np.array([0] * len(before) + [1] * len(picture) + [0] * len(after))
        for layer in range(2):
            x = self.language_layer(x, way, f"model.layers.{layer}")
        return self.t["lm_head.weight"] @ (rms(x[-1]) * self.t["model.norm.weight"])

    def linear(self, x, name):
        y = x @ self.t[f"{name}.weight"].T
        return y + self.t[f"{name}.bias"] if f"{name}.bias" in self.t else y

    def norm(self, x, name, epsilon):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
        return scaled * self.t[f"{name}.weight"] + self.t[f"{name}.bias"]

    def see(self, image):
        at = "model.vision_model"
        kernel = self.t[f"{at}.embeddings.patch_embed.weight"].reshape(32, -1)
        patches = [
            kernel @ image[:, 14 * row : 14 * row + 14, 14 * column : 14 * column + 14].ravel()
            for row in range(4)
            for column in range(4)
        ]
        x = np.stack([self.t[f"{at}.embeddings.cls_token"][0, 0], *patches])
        x = self.norm(
            x + self.t[f"{at}.embeddings.position_embedding"][0], f"{at}.embeddings.pre_layernorm", 1e-6
        )
        for layer in range(2):
            here = f"{at}.encoder.layers.{layer}"
            fused = self.linear(
                self.norm(x, f"{here}.input_layernorm", 1e-6), f"{here}.self_attn.query_key_value"
            )
            heads = []
            for head in range(4):
                q, k, v = (fused[:, 24 * head + 8 * part : 24 * head + 8 * part + 8] for part in range(3))
                heads.append(softmax(q @ k.T / math.sqrt(8)) @ v)
            x = x + self.linear(np.concatenate(heads, 1), f"{here}.self_attn.dense")
            inner = self.linear(self.norm(x, f"{here}.post_attention_layernorm", 1e-6), f"{here}.mlp.fc1")
            x = x + self.linear(inner / (1 + np.exp(-1.702 * inner)), f"{here}.mlp.fc2")
        return self.norm(x, f"{at}.post_layernorm", 1e-6)

    def abstract(self, patches):
        at = "model.visual_abstractor"
        x = self.t[f"{at}.query_embeds"][0]
        for layer in range(2):
            here = f"{at}.encoder.layers.{layer}.crossattention"
            x = self.norm(x, f"{here}.norm1", 1e-5)
            seen = np.concatenate([x, self.norm(patches, f"{here}.normk", 1e-5)])
            own, others = (self.t[f"{here}.attention.{name}_pos_embed"] for name in "qk")
            query = self.linear(x + own, f"{here}.attention.query")
            key = self.linear(seen + np.concatenate([own, others]), f"{here}.attention.key")
            value = self.linear(seen, f"{here}.attention.value")
            heads = [
                softmax(query[:, cut] @ key[:, cut].T / math.sqrt(8)) @ value[:, cut]
                for cut in (slice(8 * head, 8 * head + 8) for head in range(4))
            ]
            x = x + self.linear(np.concatenate(heads, 1), f"{here}.output.out_proj")
            inner = self.norm(x, f"{here}.output.norm2", 1e-5)
            gate = self.linear(inner, f"{here}.output.mlp.w1")
            gated = gate / (1 + np.exp(-gate)) * self.linear(inner, f"{here}.output.mlp.w3")
            x = x + self.linear(self.norm(gated, f"{here}.output.mlp.ffn_ln", 1e-6), f"{here}.output.mlp.w2")
        return np.concatenate([self.linear(x, f"{at}.visual_fc"), self.t[f"{at}.vit_eos"][0]])

    def language_layer(self, x, way, at):
        inner = self.by_way(rms(x), way, f"{at}.input_layernorm", lambda row, weight: row * weight)
        query = self.linear(inner, f"{at}.self_attn.q_proj")
        key, value = (
            self.by_way(inner, way, f"{at}.self_attn.{name}_proj", lambda row, weight: weight @ row)
            for name in "kv"
        )
        heads = []
        for cut in (slice(12 * head, 12 * head + 12) for head in range(4)):
            similar = turned(query[:, cut]) @ turned(key[:, cut]).T / math.sqrt(12)
            similar[np.triu_indices(len(x), 1)] = -np.inf
            heads.append(softmax(similar) @ value[:, cut])
        x = x + self.linear(np.concatenate(heads, 1), f"{at}.self_attn.o_proj")
        inner = self.by_way(rms(x), way, f"{at}.post_attention_layernorm", lambda row, weight: row * weight)
        gate = self.linear(inner, f"{at}.mlp.gate_proj")
        gated = gate / (1 + np.exp(-gate)) * self.linear(inner, f"{at}.mlp.up_proj")
        return x + self.linear(gated, f"{at}.mlp.down_proj")

    def by_way(self, x, way, name, apply):
        rows = zip(x, way, strict=True)
        return np.stack([apply(row, self.t[f"{name}.multiway.{number}.weight"]) for row, number in rows])


def rms(x):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def turned(x):
    """Rotary positions as complex numbers: channel i and channel i + half are real and imaginary part."""
    tokens, channels = x.shape
    half = channels // 2
    angles = np.arange(tokens)[:, None] * 10_000.0 ** (-np.arange(half) / half)
    z = (x[:, :half] + 1j * x[:, half:]) * np.exp(1j * angles)
    return np.concatenate([z.real, z.imag], 1)

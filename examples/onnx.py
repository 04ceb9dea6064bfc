"""An exported network in onnxruntime. Needs onnxruntime, numpy and pillow.

    cargo harness export TRIAL --format onnx -o net.onnx
    python examples/onnx.py net.onnx digit.png other.png

A line for each image, as `cargo harness predict TRIAL digit.png other.png` prints it.
"""

import json
import sys

import numpy
import onnxruntime
from PIL import Image

network = onnxruntime.InferenceSession(sys.argv[1])
[channels, height, width] = network.get_inputs()[0].shape[1:]
classes = json.loads(network.get_modelmeta().custom_metadata_map.get("classes", "null"))

for path in sys.argv[2:]:
    image = Image.open(path).convert("L" if channels == 1 else "RGB")
    pixels = numpy.asarray(image, numpy.float32).reshape(height, width, channels) / 255
    [[logits]] = network.run(["logits"], {"input": pixels.transpose(2, 0, 1)[None]})
    shares = numpy.exp(logits - logits.max())
    shares /= shares.sum()
    best = shares.argmax()
    print(path, classes[best] if classes else best, f"{shares[best]:.4f}", sep="\t")

"""Writes embeddings.csv and alignments.csv beside this file; needs numpy and onnxruntime.

WARIFU_EXPORT=DIR cargo test --release -p warifu-models --lib export_for_other_runtimes -- --ignored
python3 make.py DIR
"""

import pathlib
import sys

import numpy
import onnxruntime

export, here = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent
session = onnxruntime.InferenceSession(str(export / "embedder.onnx"), providers=["CPUExecutionProvider"])
with open(here / "embeddings.csv", "w") as out:
    for name in ["ramp", "rings", "ellipses", "p04_1.jpg", "p09_2.jpg", "p24_1.jpg"]:
        pixels = numpy.fromfile(export / f"{name}.rgb", dtype=numpy.uint8).reshape(150, 150, 3)
        planes = pixels.transpose(2, 0, 1)[None].astype(numpy.float32)
        (values,) = session.run(None, {"input": planes})
        out.write(",".join([name] + [f"{value:.6f}" for value in values[0]]) + "\n")

# The chip's points by the definition of each template, then the similarity (a, -b, c; b, a, d) that maps them onto the
# picture's points, by an ordinary least-squares solver in double precision.
mean = [(0.225492, 0.215990), (0.754761, 0.215990), (0.490127, 0.515625), (0.254149, 0.780233), (0.726104, 0.780233)]
templates = {
    "dlib150": [((0.25 + x) / 1.5 * 150, (0.25 + y) / 1.5 * 150) for x, y in mean],
    "arcface112": [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)],
}
random = numpy.random.default_rng(25)
with open(here / "alignments.csv", "w") as out:
    for align, template in templates.items():
        for _ in range(4):
            angle, size = random.uniform(-0.8, 0.8), random.uniform(0.4, 5.0)
            turn = size * numpy.array([[numpy.cos(angle), -numpy.sin(angle)], [numpy.sin(angle), numpy.cos(angle)]])
            points = numpy.array(template) @ turn.T + random.uniform(0, 600, 2) + random.normal(0, 3 * size, (5, 2))
            points = points.round(3)
            rows, target = [], []
            for (x, y), (u, v) in zip(template, points):
                rows += [[x, -y, 1, 0], [y, x, 0, 1]]
                target += [u, v]
            (a, b, c, d), *_ = numpy.linalg.lstsq(numpy.array(rows), numpy.array(target), rcond=None)
            out.write(",".join([align] + [f"{v:.3f}" for v in points.ravel()] + [f"{v:.6f}" for v in (a, -b, c, b, a, d)]) + "\n")

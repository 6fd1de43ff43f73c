//! Reads TensorFlow.js models: the graph as JSON, the weights as one binary file.
//!
//! Weights may be stored as `float32`, or quantised to `float16`, `uint8` or `uint16` with scale and minimum. The
//! graph is turned from NHWC into NCHW. Only the operators of the pinned models are known; any other is an error.

use std::collections::HashMap;

use serde::Deserialize;
use tract_onnx::pb::ModelProto;

use crate::ModelsError;
use crate::graph::{Builder, Kernel, Padding, Value};

/// Named tensors as 32-bit floats (integers included).
#[derive(Debug)]
pub(crate) struct Tensors {
    model: &'static str,
    by_name: HashMap<String, Tensor>,
}

/// One tensor of the weights file.
#[derive(Debug, Clone)]
pub(crate) struct Tensor {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// A graph with its weights.
#[derive(Debug)]
pub(crate) struct GraphModel {
    model: &'static str,
    nodes: HashMap<String, Node>,
    tensors: Tensors,
}

#[derive(Debug, Deserialize)]
struct ModelJson {
    #[serde(rename = "modelTopology")]
    topology: Topology,
    #[serde(rename = "weightsManifest")]
    weights: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Topology {
    node: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    name: String,
    op: String,
    #[serde(default)]
    input: Vec<String>,
    #[serde(default)]
    attr: HashMap<String, serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Group {
    weights: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    shape: Vec<usize>,
    dtype: String,
    quantization: Option<Quantization>,
}

#[derive(Debug, Deserialize)]
struct Quantization {
    dtype: String,
    #[serde(default)]
    scale: f64,
    #[serde(default)]
    min: f64,
}

/// Longest chain of nodes followed from an output to the input.
const MAX_DEPTH: usize = 2000;

impl Tensors {
    /// Reads a weights manifest alone (a list of groups) and its binary file.
    pub(crate) fn parse(model: &'static str, json: &[u8], bin: &[u8]) -> Result<Self, ModelsError> {
        let groups: Vec<Group> = serde_json::from_slice(json).map_err(|error| malformed(model, error.to_string()))?;
        Self::read(model, groups, bin)
    }

    fn read(model: &'static str, groups: Vec<Group>, bin: &[u8]) -> Result<Self, ModelsError> {
        let mut by_name = HashMap::new();
        let mut rest = bin;
        for entry in groups.into_iter().flat_map(|group| group.weights) {
            let count = entry
                .shape
                .iter()
                .try_fold(1usize, |product, &size| product.checked_mul(size))
                .ok_or_else(|| malformed(model, format!("tensor `{}` is too large", entry.name)))?;
            let stored = entry.quantization.as_ref().map_or(entry.dtype.as_str(), |how| how.dtype.as_str());
            let width = match stored {
                "float32" | "int32" => 4,
                "float16" | "uint16" => 2,
                "uint8" => 1,
                other => return Err(malformed(model, format!("unknown element type `{other}`"))),
            };
            let (bytes, after) = count
                .checked_mul(width)
                .and_then(|length| rest.split_at_checked(length))
                .ok_or_else(|| malformed(model, format!("weights end inside tensor `{}`", entry.name)))?;
            rest = after;
            let (scale, min) = entry.quantization.as_ref().map_or((1.0, 0.0), |how| (how.scale, how.min));
            let affine = |quantised: f64| (quantised * scale + min) as f32;
            let values = match stored {
                "float32" => bytes.as_chunks::<4>().0.iter().map(|&four| f32::from_le_bytes(four)).collect(),
                "int32" => bytes.as_chunks::<4>().0.iter().map(|&four| i32::from_le_bytes(four) as f32).collect(),
                "float16" => bytes.as_chunks::<2>().0.iter().map(|&two| half(u16::from_le_bytes(two))).collect(),
                "uint16" => {
                    bytes.as_chunks::<2>().0.iter().map(|&two| affine(f64::from(u16::from_le_bytes(two)))).collect()
                }
                _ => bytes.iter().map(|&one| affine(f64::from(one))).collect(),
            };
            by_name.insert(entry.name, Tensor { shape: entry.shape, values });
        }
        if rest.is_empty() {
            Ok(Self { model, by_name })
        } else {
            Err(malformed(model, format!("{} bytes of weights are left over", rest.len())))
        }
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<&Tensor, ModelsError> {
        self.by_name.get(name).ok_or_else(|| malformed(self.model, format!("no tensor `{name}`")))
    }

    /// Convolution weights, turned from `[height, width, in, out]` to `[out, in, height, width]`.
    pub(crate) fn kernel(&self, name: &str) -> Result<Kernel, ModelsError> {
        let tensor = self.tensor(name)?;
        let &[height, width, inputs, outputs] = tensor.shape.as_slice() else {
            return Err(malformed(self.model, format!("tensor `{name}` has not four axes")));
        };
        let mut weights = Vec::with_capacity(tensor.values.len());
        for o in 0..outputs {
            for i in 0..inputs {
                for at in 0..height * width {
                    weights.push(tensor.values[(at * inputs + i) * outputs + o]);
                }
            }
        }
        Ok(Kernel { shape: [outputs, inputs, height, width], weights, bias: None, groups: 1 })
    }

    /// Depthwise weights, turned from `[height, width, channels, multiplier]` to
    /// `[channels * multiplier, 1, height, width]`.
    fn depthwise_kernel(&self, name: &str) -> Result<Kernel, ModelsError> {
        let tensor = self.tensor(name)?;
        let &[height, width, channels, multiplier] = tensor.shape.as_slice() else {
            return Err(malformed(self.model, format!("tensor `{name}` has not four axes")));
        };
        let outputs = channels * multiplier;
        let mut weights = Vec::with_capacity(tensor.values.len());
        for o in 0..outputs {
            for at in 0..height * width {
                weights.push(tensor.values[at * outputs + o]);
            }
        }
        Ok(Kernel { shape: [outputs, 1, height, width], weights, bias: None, groups: channels })
    }
}

impl GraphModel {
    /// Reads `model.json` and its binary file.
    pub(crate) fn parse(model: &'static str, json: &[u8], bin: &[u8]) -> Result<Self, ModelsError> {
        let parsed: ModelJson = serde_json::from_slice(json).map_err(|error| malformed(model, error.to_string()))?;
        let tensors = Tensors::read(model, parsed.weights, bin)?;
        let nodes = parsed.topology.node.into_iter().map(|node| (node.name.clone(), node)).collect();
        Ok(Self { model, nodes, tensors })
    }

    /// The part of the graph that the named outputs need, for an NCHW input of the given shape.
    pub(crate) fn to_onnx(&self, input: [usize; 4], outputs: &[&str]) -> Result<ModelProto, ModelsError> {
        let mut walk = Walk { source: self, builder: Builder::default(), done: HashMap::new(), input };
        let values =
            outputs.iter().map(|name| walk.value(name, 0).map(|made| made.value)).collect::<Result<Vec<_>, _>>()?;
        Ok(walk.builder.finish(&values))
    }
}

/// A depth-first walk from the outputs: the nodes in the JSON are in no order.
struct Walk<'a> {
    source: &'a GraphModel,
    builder: Builder,
    done: HashMap<String, Made>,
    input: [usize; 4],
}

/// A value of the new graph and whether it is an NCHW picture (else its axes are as in the source).
#[derive(Debug, Clone)]
struct Made {
    value: Value,
    picture: bool,
}

impl Walk<'_> {
    fn value(&mut self, name: &str, depth: usize) -> Result<Made, ModelsError> {
        if let Some(made) = self.done.get(name) {
            return Ok(made.clone());
        }
        if depth > MAX_DEPTH {
            return Err(self.malformed("the graph is too deep or has a circle".into()));
        }
        let source = self.source;
        let node = source.nodes.get(name).ok_or_else(|| self.malformed(format!("no node `{name}`")))?;
        let made = self.make(node, depth)?;
        self.done.insert(name.to_owned(), made.clone());
        Ok(made)
    }

    fn make(&mut self, node: &Node, depth: usize) -> Result<Made, ModelsError> {
        let picture = |value| Made { value, picture: true };
        match node.op.as_str() {
            "Placeholder" => Ok(picture(self.builder.input(&self.input))),
            "Identity" => self.operand(node, 0, depth),
            "_FusedConv2D" => {
                let x = self.operand(node, 0, depth)?.value;
                let mut kernel = self.source.tensors.kernel(constant(node, 1))?;
                let fused = self.fused(node)?;
                if !fused.iter().any(|op| op == "BiasAdd") {
                    return Err(self.malformed(format!("`{}` fuses no bias", node.name)));
                }
                kernel.bias = Some(self.tensor(node, 2)?.values.clone());
                let out = self.builder.conv(&x, &kernel, self.stride(node)?, self.padding(node)?);
                self.activation(node, &fused, out).map(picture)
            }
            "DepthwiseConv2dNative" => {
                let x = self.operand(node, 0, depth)?.value;
                let kernel = self.source.tensors.depthwise_kernel(constant(node, 1))?;
                Ok(picture(self.builder.conv(&x, &kernel, self.stride(node)?, self.padding(node)?)))
            }
            "MaxPool" => {
                let x = self.operand(node, 0, depth)?.value;
                let size = self.middle(node, "ksize")?;
                Ok(picture(self.builder.max_pool(&x, size, self.stride(node)?, self.padding(node)?)))
            }
            "AddV2" => {
                let (a, b) = (self.operand(node, 0, depth)?, self.operand(node, 1, depth)?);
                Ok(Made { value: self.builder.add(&a.value, &b.value), picture: a.picture && b.picture })
            }
            "Relu" => {
                let x = self.operand(node, 0, depth)?;
                Ok(Made { value: self.builder.relu(&x.value), ..x })
            }
            "Sigmoid" => {
                let x = self.operand(node, 0, depth)?;
                Ok(Made { value: self.builder.sigmoid(&x.value), ..x })
            }
            "Prelu" => {
                let x = self.operand(node, 0, depth)?.value;
                let slope = self.slope(node, 1)?;
                Ok(picture(self.builder.prelu(&x, &slope)))
            }
            "Pad" => {
                let x = self.operand(node, 0, depth)?.value;
                let amounts = &self.tensor(node, 1)?.values;
                let amounts: [f32; 8] = amounts
                    .as_slice()
                    .try_into()
                    .map_err(|_| self.malformed(format!("`{}` does not pad four axes", node.name)))?;
                // Pairs in the order N, H, W, C become N, C, H, W.
                let side = |offset: usize| [0, 3, 1, 2].map(|axis| amounts[2 * axis + offset] as i64);
                Ok(picture(self.builder.pad(&x, side(0), side(1))))
            }
            "Reshape" => {
                let x = self.operand(node, 0, depth)?;
                let shape: Vec<i64> = self.tensor(node, 1)?.values.iter().map(|&size| size as i64).collect();
                let rows = if x.picture { self.builder.transpose(&x.value, &[0, 2, 3, 1]) } else { x.value };
                Ok(Made { value: self.builder.reshape(&rows, &shape), picture: false })
            }
            other => Err(self.malformed(format!("unknown operator `{other}`"))),
        }
    }

    fn operand(&mut self, node: &Node, index: usize, depth: usize) -> Result<Made, ModelsError> {
        self.value(constant(node, index), depth + 1)
    }

    fn tensor(&self, node: &Node, index: usize) -> Result<&Tensor, ModelsError> {
        self.source.tensors.tensor(constant(node, index))
    }

    /// Slopes of a rectifier: one a channel, whatever the stored shape.
    fn slope(&self, node: &Node, index: usize) -> Result<Vec<f32>, ModelsError> {
        let tensor = self.tensor(node, index)?;
        if tensor.shape.last() != Some(&tensor.values.len()) {
            return Err(self.malformed(format!("`{}` has slopes that differ by position", node.name)));
        }
        Ok(tensor.values.clone())
    }

    fn activation(&mut self, node: &Node, fused: &[String], x: Value) -> Result<Value, ModelsError> {
        match fused.iter().map(String::as_str).find(|&op| op != "BiasAdd") {
            None => Ok(x),
            Some("Relu") => Ok(self.builder.relu(&x)),
            Some("Prelu") => {
                let slope = self.slope(node, 3)?;
                Ok(self.builder.prelu(&x, &slope))
            }
            Some(other) => Err(self.malformed(format!("unknown fused operator `{other}`"))),
        }
    }

    fn fused(&self, node: &Node) -> Result<Vec<String>, ModelsError> {
        let list = node.attr.get("fused_ops").and_then(|attr| attr.pointer("/list/s")).and_then(|list| list.as_array());
        let names = list.map(|list| list.iter().map(|item| item.as_str().and_then(decode_base64)).collect());
        names.unwrap_or(Some(vec![])).ok_or_else(|| self.malformed(format!("`{}` has odd fused_ops", node.name)))
    }

    fn padding(&self, node: &Node) -> Result<Padding, ModelsError> {
        let text = node.attr.get("padding").and_then(|attr| attr.get("s")).and_then(|text| text.as_str());
        match text.and_then(decode_base64).as_deref() {
            Some("SAME") => Ok(Padding::Same),
            Some("VALID") => Ok(Padding::Each(0)),
            _ => Err(self.malformed(format!("`{}` has unknown padding", node.name))),
        }
    }

    fn stride(&self, node: &Node) -> Result<i64, ModelsError> {
        self.middle(node, "strides")
    }

    /// The equal values for height and width of an NHWC attribute.
    fn middle(&self, node: &Node, name: &str) -> Result<i64, ModelsError> {
        let at = |index: usize| -> Option<i64> {
            let value = node.attr.get(name)?.pointer(&format!("/list/i/{index}"))?;
            value.as_i64().or_else(|| value.as_str()?.parse().ok())
        };
        match (at(1), at(2)) {
            (Some(height), Some(width)) if height == width => Ok(height),
            _ => Err(self.malformed(format!("`{}` has an odd `{name}`", node.name))),
        }
    }

    fn malformed(&self, reason: String) -> ModelsError {
        malformed(self.source.model, reason)
    }
}

/// Name of an operand without its output index.
fn constant(node: &Node, index: usize) -> &str {
    let name = node.input.get(index).map_or("", String::as_str);
    name.split(':').next().unwrap_or(name)
}

fn decode_base64(text: &str) -> Option<String> {
    use base64ct::{Base64, Encoding};
    String::from_utf8(Base64::decode_vec(text).ok()?).ok()
}

/// IEEE 754 half precision to single.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1F);
    let fraction = f32::from(bits & 0x3FF);
    let magnitude = match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    };
    sign * magnitude
}

fn malformed(model: &'static str, reason: String) -> ModelsError {
    ModelsError::Malformed { model, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision() {
        for (bits, value) in
            [(0x3C00, 1.0), (0xC000, -2.0), (0x0001, 2f32.powi(-24)), (0x7BFF, 65504.0), (0x3555, 0.333_251_95)]
        {
            assert_eq!(half(bits), value, "{bits:04x}");
        }
        assert!(half(0x7E00).is_nan());
    }

    #[test]
    fn stored_types_and_exact_length() {
        let json = br#"[{"weights":[
            {"name":"a","shape":[2],"dtype":"float32","quantization":{"dtype":"uint8","scale":0.5,"min":-1.0}},
            {"name":"b","shape":[1],"dtype":"int32"}]}]"#;
        let tensors = Tensors::parse("test", json, &[0, 4, 7, 0, 0, 0]).unwrap();
        assert_eq!(tensors.tensor("a").unwrap().values, [-1.0, 1.0]);
        assert_eq!(tensors.tensor("b").unwrap().values, [7.0]);
        assert!(Tensors::parse("test", json, &[0, 4, 7, 0, 0]).is_err());
        assert!(Tensors::parse("test", json, &[0, 4, 7, 0, 0, 0, 0]).is_err());
    }
}

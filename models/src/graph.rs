//! Builds a network in memory as an ONNX graph (opset 13), the form that tract reads.
//!
//! Only the operators that the face and liveness networks need. Activations are NCHW, convolution weights
//! `[out, in / groups, height, width]`. Values are named by the node that makes them.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};

/// ONNX element types (onnx.proto, `TensorProto.DataType`).
const FLOAT: i32 = 1;
const INT64: i32 = 7;

/// A graph under construction.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    graph: GraphProto,
}

/// A value inside the graph: the name of the node that makes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Value(String);

/// How a window meets the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Padding {
    /// TensorFlow `SAME`: the output has ceil(input / stride) positions, the odd pixel is added at the end.
    Same,
    /// This many zeros on each of the four sides; 0 is TensorFlow `VALID`.
    Each(i64),
}

/// Weights of a convolution.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// `[out, in / groups, height, width]`.
    pub(crate) shape: [usize; 4],
    /// Row-major values.
    pub(crate) weights: Vec<f32>,
    /// One value an output channel, or none.
    pub(crate) bias: Option<Vec<f32>>,
    /// 1, or the number of channels for a depthwise convolution.
    pub(crate) groups: usize,
}

impl Kernel {
    /// Multiplies each output channel and adds to it: how a following batch normalisation or scale is folded in.
    pub(crate) fn fold(&mut self, factor: &[f32], offset: &[f32]) {
        let per_channel = self.weights.len() / self.shape[0].max(1);
        for (channel, factor) in self.weights.chunks_mut(per_channel.max(1)).zip(factor) {
            channel.iter_mut().for_each(|weight| *weight *= factor);
        }
        let bias = self.bias.get_or_insert_with(|| vec![0.0; self.shape[0]]);
        for ((bias, factor), offset) in bias.iter_mut().zip(factor).zip(offset) {
            *bias = *bias * factor + offset;
        }
    }
}

impl Builder {
    /// The input of the graph.
    pub(crate) fn input(&mut self, shape: &[usize]) -> Value {
        let dim = shape
            .iter()
            .map(|&size| Dimension { value: Some(dimension::Value::DimValue(size as i64)), ..Dimension::default() })
            .collect();
        let tensor = type_proto::Tensor { elem_type: FLOAT, shape: Some(TensorShapeProto { dim }) };
        self.graph.input.push(ValueInfoProto {
            name: "input".into(),
            r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() }),
            ..ValueInfoProto::default()
        });
        Value("input".into())
    }

    pub(crate) fn conv(&mut self, x: &Value, kernel: &Kernel, stride: i64, padding: Padding) -> Value {
        let weights = self.floats(&kernel.shape, &kernel.weights);
        let mut inputs = vec![x.clone(), weights];
        if let Some(bias) = &kernel.bias {
            inputs.push(self.floats(&[bias.len()], bias));
        }
        let mut attributes = window(stride, padding);
        attributes.push(ints("kernel_shape", &[kernel.shape[2] as i64, kernel.shape[3] as i64]));
        attributes.push(int("group", kernel.groups as i64));
        self.node("Conv", &inputs, attributes)
    }

    pub(crate) fn max_pool(&mut self, x: &Value, size: i64, stride: i64, padding: Padding) -> Value {
        let mut attributes = window(stride, padding);
        attributes.push(ints("kernel_shape", &[size, size]));
        self.node("MaxPool", std::slice::from_ref(x), attributes)
    }

    pub(crate) fn average_pool(&mut self, x: &Value, size: i64, stride: i64) -> Value {
        let mut attributes = window(stride, Padding::Each(0));
        attributes.push(ints("kernel_shape", &[size, size]));
        self.node("AveragePool", std::slice::from_ref(x), attributes)
    }

    pub(crate) fn relu(&mut self, x: &Value) -> Value {
        self.node("Relu", std::slice::from_ref(x), vec![])
    }

    pub(crate) fn sigmoid(&mut self, x: &Value) -> Value {
        self.node("Sigmoid", std::slice::from_ref(x), vec![])
    }

    /// Leaky rectifier with one slope a channel.
    pub(crate) fn prelu(&mut self, x: &Value, slope: &[f32]) -> Value {
        let slope = self.floats(&[slope.len(), 1, 1], slope);
        self.node("PRelu", &[x.clone(), slope], vec![])
    }

    pub(crate) fn add(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Add", &[a.clone(), b.clone()], vec![])
    }

    pub(crate) fn mul(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Mul", &[a.clone(), b.clone()], vec![])
    }

    /// Adds a constant to every channel, `offset` having one value a channel.
    pub(crate) fn add_channels(&mut self, x: &Value, offset: &[f32]) -> Value {
        let offset = self.floats(&[1, offset.len(), 1, 1], offset);
        self.add(x, &offset)
    }

    /// Zeros around an NCHW value: `before` and `after` for each of the four axes.
    pub(crate) fn pad(&mut self, x: &Value, before: [i64; 4], after: [i64; 4]) -> Value {
        let pads: Vec<i64> = before.into_iter().chain(after).collect();
        let pads = self.integers(&pads);
        self.node("Pad", &[x.clone(), pads], vec![])
    }

    /// Mean over height and width, which stay as axes of size one.
    pub(crate) fn global_mean(&mut self, x: &Value) -> Value {
        self.node("GlobalAveragePool", std::slice::from_ref(x), vec![])
    }

    pub(crate) fn transpose(&mut self, x: &Value, order: &[i64]) -> Value {
        self.node("Transpose", std::slice::from_ref(x), vec![ints("perm", order)])
    }

    pub(crate) fn reshape(&mut self, x: &Value, shape: &[i64]) -> Value {
        let shape = self.integers(shape);
        self.node("Reshape", &[x.clone(), shape], vec![])
    }

    /// `[n, in]` times a constant `[in, out]`.
    pub(crate) fn matmul(&mut self, x: &Value, shape: [usize; 2], weights: &[f32]) -> Value {
        let weights = self.floats(&shape, weights);
        self.node("MatMul", &[x.clone(), weights], vec![])
    }

    pub(crate) fn softmax(&mut self, x: &Value) -> Value {
        self.node("Softmax", std::slice::from_ref(x), vec![int("axis", -1)])
    }

    /// The finished graph with its outputs in the given order.
    pub(crate) fn finish(mut self, outputs: &[Value]) -> ModelProto {
        self.graph.name = "graph".into();
        self.graph.output =
            outputs.iter().map(|value| ValueInfoProto { name: value.0.clone(), ..ValueInfoProto::default() }).collect();
        ModelProto {
            ir_version: 8,
            opset_import: vec![OperatorSetIdProto { version: 13, ..OperatorSetIdProto::default() }],
            graph: Some(self.graph),
            ..ModelProto::default()
        }
    }

    fn node(&mut self, op: &str, inputs: &[Value], attribute: Vec<AttributeProto>) -> Value {
        let name = format!("n{}", self.graph.node.len());
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|value| value.0.clone()).collect(),
            output: vec![name.clone()],
            name: name.clone(),
            op_type: op.into(),
            attribute,
            ..NodeProto::default()
        });
        Value(name)
    }

    fn floats(&mut self, shape: &[usize], values: &[f32]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(FLOAT, shape.iter().map(|&size| size as i64).collect(), bytes)
    }

    fn integers(&mut self, values: &[i64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(INT64, vec![values.len() as i64], bytes)
    }

    fn constant(&mut self, data_type: i32, dims: Vec<i64>, raw_data: Vec<u8>) -> Value {
        let name = format!("c{}", self.graph.initializer.len());
        self.graph.initializer.push(TensorProto {
            dims,
            data_type,
            name: name.clone(),
            raw_data,
            ..TensorProto::default()
        });
        Value(name)
    }
}

fn window(stride: i64, padding: Padding) -> Vec<AttributeProto> {
    let edge = match padding {
        Padding::Same => AttributeProto {
            name: "auto_pad".into(),
            s: b"SAME_UPPER".to_vec(),
            r#type: AttributeType::String as i32,
            ..AttributeProto::default()
        },
        Padding::Each(zeros) => ints("pads", &[zeros; 4]),
    };
    vec![ints("strides", &[stride, stride]), edge]
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        ints: values.to_vec(),
        r#type: AttributeType::Ints as i32,
        ..AttributeProto::default()
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: value, r#type: AttributeType::Int as i32, ..AttributeProto::default() }
}

//! The passive-liveness networks: MiniFASNet V2 and V1 SE (Silent-Face-Anti-Spoofing, Minivision, 2020).
//!
//! A chain of bottlenecks (1x1, depthwise 3x3, 1x1) in four stages, halving from 80x80 to 5x5, then a depthwise 5x5
//! down to one position and a linear layer to three classes. The SE variant weighs the channels of the last block of a
//! stage by two small layers. Numbers of channels come from the tensors, so one description serves both. Batch
//! normalisation is folded into the convolutions.

use std::collections::HashMap;

use tract_onnx::pb::ModelProto;

use crate::ModelsError;
use crate::graph::{Builder, Kernel, Padding, Value};
use crate::torch::{self, Tensor};

/// PyTorch's default `eps` of batch normalisation.
const EPSILON: f32 = 1e-5;

/// The graph: NCHW `[1, 3, 80, 80]` BGR 0 to 255 in, `[1, 3]` class probabilities out, class 1 being live.
pub(crate) fn graph(model: &'static str, bytes: &[u8]) -> Result<ModelProto, ModelsError> {
    let tensors = torch::read(bytes).map_err(|error| ModelsError::Malformed { model, reason: error.to_string() })?;
    let mut net = Net { model, tensors, builder: Builder::default() };

    let x = net.builder.input(&[1, 3, 80, 80]);
    let x = net.conv_block(&x, "conv1", 2, 1)?;
    let x = net.conv_block(&x, "conv2_dw", 1, 1)?;
    let x = net.bottleneck(&x, "conv_23", 2)?;
    let x = net.residual_stage(&x, "conv_3")?;
    let x = net.bottleneck(&x, "conv_34", 2)?;
    let x = net.residual_stage(&x, "conv_4")?;
    let x = net.bottleneck(&x, "conv_45", 2)?;
    let x = net.residual_stage(&x, "conv_5")?;
    let x = net.conv_block(&x, "conv_6_sep", 1, 0)?;
    let x = net.conv_norm(&x, "conv_6_dw", 1, 0)?;
    let out = net.head(&x)?;
    Ok(net.builder.finish(&[out]))
}

struct Net {
    model: &'static str,
    tensors: HashMap<String, Tensor>,
    builder: Builder,
}

impl Net {
    /// Convolution, batch normalisation, rectifier with one slope a channel.
    fn conv_block(&mut self, x: &Value, name: &str, stride: i64, padding: i64) -> Result<Value, ModelsError> {
        let y = self.conv_norm(x, name, stride, padding)?;
        let slope = self.tensor(&format!("{name}.prelu.weight"))?.values.clone();
        Ok(self.builder.prelu(&y, &slope))
    }

    /// Convolution and batch normalisation.
    fn conv_norm(&mut self, x: &Value, name: &str, stride: i64, padding: i64) -> Result<Value, ModelsError> {
        let kernel = self.kernel(&format!("{name}.conv"), &format!("{name}.bn"))?;
        Ok(self.builder.conv(x, &kernel, stride, Padding::Each(padding)))
    }

    /// Widen (1x1), depthwise 3x3, narrow (1x1), and where the file has them channel weights.
    fn bottleneck(&mut self, x: &Value, name: &str, stride: i64) -> Result<Value, ModelsError> {
        let y = self.conv_block(x, &format!("{name}.conv"), 1, 0)?;
        let y = self.conv_block(&y, &format!("{name}.conv_dw"), stride, 1)?;
        let y = self.conv_norm(&y, &format!("{name}.project"), 1, 0)?;
        let weighing = format!("{name}.se_module");
        if !self.has(&format!("{weighing}.fc1.weight")) {
            return Ok(y);
        }
        let mean = self.builder.global_mean(&y);
        let narrow = self.kernel(&format!("{weighing}.fc1"), &format!("{weighing}.bn1"))?;
        let wide = self.kernel(&format!("{weighing}.fc2"), &format!("{weighing}.bn2"))?;
        let z = self.builder.conv(&mean, &narrow, 1, Padding::Each(0));
        let z = self.builder.relu(&z);
        let z = self.builder.conv(&z, &wide, 1, Padding::Each(0));
        let z = self.builder.sigmoid(&z);
        Ok(self.builder.mul(&y, &z))
    }

    /// Bottlenecks that each add to their input, as many as the file has.
    fn residual_stage(&mut self, x: &Value, name: &str) -> Result<Value, ModelsError> {
        let mut x = x.clone();
        for index in 0.. {
            let block = format!("{name}.model.{index}");
            if !self.has(&format!("{block}.conv.conv.weight")) {
                break;
            }
            let y = self.bottleneck(&x, &block, 1)?;
            x = self.builder.add(&x, &y);
        }
        Ok(x)
    }

    /// Linear layer, batch normalisation, linear layer to the classes, probabilities.
    fn head(&mut self, x: &Value) -> Result<Value, ModelsError> {
        // The normalisation is folded into the first layer as if that were a 1x1 convolution.
        let mut first = self.kernel_of("linear")?;
        let (factor, offset) = self.normalisation("bn")?;
        first.fold(&factor, &offset);
        let last = self.kernel_of("prob")?;
        let y = self.builder.conv(x, &first, 1, Padding::Each(0));
        let y = self.builder.conv(&y, &last, 1, Padding::Each(0));
        let y = self.builder.reshape(&y, &[1, last.shape[0] as i64]);
        Ok(self.builder.softmax(&y))
    }

    /// Convolution weights with the batch normalisation folded in.
    fn kernel(&self, conv: &str, norm: &str) -> Result<Kernel, ModelsError> {
        let mut kernel = self.kernel_of(conv)?;
        let (factor, offset) = self.normalisation(norm)?;
        if factor.len() != kernel.shape[0] {
            return Err(self.malformed(format!("`{norm}` does not fit `{conv}`")));
        }
        kernel.fold(&factor, &offset);
        Ok(kernel)
    }

    /// Weights of a convolution or, as a 1x1 convolution, of a linear layer.
    fn kernel_of(&self, name: &str) -> Result<Kernel, ModelsError> {
        let tensor = self.tensor(&format!("{name}.weight"))?;
        let shape = match *tensor.shape.as_slice() {
            [outputs, inputs, height, width] => [outputs, inputs, height, width],
            [outputs, inputs] => [outputs, inputs, 1, 1],
            _ => return Err(self.malformed(format!("`{name}` is no convolution"))),
        };
        // A kernel over a window that sees one channel is depthwise: no layer here has a single input channel.
        let groups = if shape[1] == 1 { shape[0] } else { 1 };
        let bias = self.tensors.get(&format!("module.{name}.bias")).map(|bias| bias.values.clone());
        Ok(Kernel { shape, weights: tensor.values.clone(), bias, groups })
    }

    /// Factor and offset a channel: `y = x * factor + offset`.
    fn normalisation(&self, name: &str) -> Result<(Vec<f32>, Vec<f32>), ModelsError> {
        let weight = &self.tensor(&format!("{name}.weight"))?.values;
        let bias = &self.tensor(&format!("{name}.bias"))?.values;
        let mean = &self.tensor(&format!("{name}.running_mean"))?.values;
        let variance = &self.tensor(&format!("{name}.running_var"))?.values;
        let factor: Vec<f32> = weight.iter().zip(variance).map(|(w, v)| w / (v + EPSILON).sqrt()).collect();
        let offset = factor.iter().zip(bias).zip(mean).map(|((f, b), m)| b - m * f).collect();
        Ok((factor, offset))
    }

    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(&format!("module.{name}"))
    }

    fn tensor(&self, name: &str) -> Result<&Tensor, ModelsError> {
        self.tensors.get(&format!("module.{name}")).ok_or_else(|| self.malformed(format!("no tensor `{name}`")))
    }

    fn malformed(&self, reason: String) -> ModelsError {
        ModelsError::Malformed { model: self.model, reason }
    }
}

//! The face embedder: dlib's residual network with 29 convolutions (King, 2017).
//!
//! The package stores the weights without a graph, so the graph is laid out here: a 7x7 convolution, a 3x3 maximum,
//! then fourteen residual blocks of 32 to 256 channels, a global mean and a 256x128 product. Where a block halves the
//! picture, its shortcut is a 2x2 mean; channels and edge positions that only one branch has are zero in the other.
//! Every convolution is followed by a scale and an offset a channel, which are folded into it.

use tract_onnx::pb::ModelProto;

use crate::ModelsError;
use crate::graph::{Builder, Kernel, Padding, Value};
use crate::tfjs::Tensors;

/// Name of the model in identifiers of templates.
pub(crate) const NAME: &str = "dlib-resnet29-v1";

/// Mean red, green and blue of the training pictures.
const MEAN: [f32; 3] = [122.782, 117.001, 104.298];

/// Residual blocks in order; `true` where the block halves the picture.
const BLOCKS: [(&str, bool); 14] = [
    ("conv32_1", false),
    ("conv32_2", false),
    ("conv32_3", false),
    ("conv64_down", true),
    ("conv64_1", false),
    ("conv64_2", false),
    ("conv64_3", false),
    ("conv128_down", true),
    ("conv128_1", false),
    ("conv128_2", false),
    ("conv256_down", true),
    ("conv256_1", false),
    ("conv256_2", false),
    ("conv256_down_out", true),
];

/// The graph: NCHW `[1, 3, 150, 150]` RGB 0 to 255 in, `[1, 128]` out.
pub(crate) fn graph(json: &[u8], bin: &[u8]) -> Result<ModelProto, ModelsError> {
    let tensors = Tensors::parse(NAME, json, bin)?;
    let mut net = Net { tensors, builder: Builder::default() };

    let input = net.builder.input(&[1, 3, 150, 150]);
    // The means are subtracted before the (unpadded) first convolution, whose weights take the division by 255.
    let centred = net.builder.add_channels(&input, &MEAN.map(|mean| -mean));
    let mut first = net.kernel("conv32_down")?;
    first.weights.iter_mut().for_each(|weight| *weight /= 255.0);
    let x = net.builder.conv(&centred, &first, 2, Padding::Each(0));
    let x = net.builder.relu(&x);
    let mut x = net.builder.max_pool(&x, 3, 2, Padding::Each(0));

    // Side of the picture: 150 -> 72 -> 35.
    let mut side: i64 = 35;
    let mut channels: i64 = 32;
    for (name, halves) in BLOCKS {
        (x, side, channels) = net.block(name, halves, &x, side, channels)?;
    }

    let mean = net.builder.global_mean(&x);
    let flat = net.builder.reshape(&mean, &[1, 256]);
    let product = net.tensors.tensor("fc")?;
    if product.shape != [256, 128] {
        return Err(ModelsError::Malformed { model: NAME, reason: "the last product is not 256 x 128".into() });
    }
    let out = net.builder.matmul(&flat, [256, 128], &product.values);
    Ok(net.builder.finish(&[out]))
}

struct Net {
    tensors: Tensors,
    builder: Builder,
}

impl Net {
    /// One residual block; returns the value with its side and number of channels.
    fn block(
        &mut self,
        name: &str,
        halves: bool,
        x: &Value,
        side: i64,
        channels: i64,
    ) -> Result<(Value, i64, i64), ModelsError> {
        let first = self.kernel(&format!("{name}/conv1"))?;
        let second = self.kernel(&format!("{name}/conv2"))?;
        let out_channels = second.shape[0] as i64;
        let (stride, padding) = if halves { (2, Padding::Each(0)) } else { (1, Padding::Each(1)) };
        let y = self.builder.conv(x, &first, stride, padding);
        let y = self.builder.relu(&y);
        let mut y = self.builder.conv(&y, &second, 1, Padding::Each(1));
        let mut shortcut = x.clone();
        let mut out_side = side;
        if halves {
            shortcut = self.builder.average_pool(x, 2, 2);
            out_side = side / 2;
            let missing = out_side - (side - 1) / 2;
            if missing > 0 {
                y = self.builder.pad(&y, [0; 4], [0, 0, missing, missing]);
            }
            if out_channels > channels {
                shortcut = self.builder.pad(&shortcut, [0; 4], [0, out_channels - channels, 0, 0]);
            }
        }
        let sum = self.builder.add(&y, &shortcut);
        Ok((self.builder.relu(&sum), out_side, out_channels))
    }

    /// Convolution with its scale folded in.
    fn kernel(&self, name: &str) -> Result<Kernel, ModelsError> {
        let mut kernel = self.tensors.kernel(&format!("{name}/conv/filters"))?;
        kernel.bias = Some(self.tensors.tensor(&format!("{name}/conv/bias"))?.values.clone());
        let factor = &self.tensors.tensor(&format!("{name}/scale/weights"))?.values;
        let offset = &self.tensors.tensor(&format!("{name}/scale/biases"))?.values;
        kernel.fold(factor, offset);
        Ok(kernel)
    }
}

//! One embedding from several frames of one person.

use zeroize::Zeroize;

use super::{Embedding, OtherModel};

/// Why frames did not become one embedding.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AggregateError {
    /// There is no frame.
    #[error("there is no frame")]
    Empty,
    /// The frames were measured by different models.
    #[error(transparent)]
    OtherModel(#[from] OtherModel),
    /// The frames do not show one person: half of them or fewer agree.
    #[error("only {agreeing} of {frames} frames show one person")]
    Disagree {
        /// How many are within the model's threshold of continuity of the frame in the middle.
        agreeing: usize,
        /// How many there are.
        frames: usize,
    },
}

/// The component-wise median of the frames that agree.
///
/// A frame agrees when it is closer to the medoid (the frame with the least sum of distances to all others) than the
/// model's threshold of continuity. More than half have to, so of two different frames neither counts. A median of an
/// even number is the mean of the middle two. Where the model's embeddings have length one, so has the result.
pub fn aggregate(frames: &[Embedding]) -> Result<Embedding, AggregateError> {
    let first = frames.first().ok_or(AggregateError::Empty)?;
    let mut middle = (f32::INFINITY, first);
    for frame in frames {
        let mut sum = 0.0;
        for other in frames {
            sum += frame.distance(other)?.value();
        }
        if sum < middle.0 {
            middle = (sum, frame);
        }
    }
    let space = first.space();
    let mut agreeing = Vec::with_capacity(frames.len());
    for frame in frames {
        if frame.distance(middle.1)?.value() < space.thresholds.continuity {
            agreeing.push(frame);
        }
    }
    if agreeing.len() * 2 <= frames.len() {
        return Err(AggregateError::Disagree { agreeing: agreeing.len(), frames: frames.len() });
    }
    let mut column = vec![0f32; agreeing.len()];
    let mut values = vec![0f32; space.dimension].into_boxed_slice();
    for (at, value) in values.iter_mut().enumerate() {
        for (place, frame) in column.iter_mut().zip(&agreeing) {
            *place = frame.values()[at];
        }
        column.sort_unstable_by(f32::total_cmp);
        let (lower, upper) = (column[(column.len() - 1) / 2], column[column.len() / 2]);
        *value = (lower + upper) / 2.0;
    }
    column.zeroize();
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    if space.unit && length > 0.0 {
        values.iter_mut().for_each(|value| *value /= length);
    }
    Ok(Embedding::new(first.model().clone(), space, values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::{ModelId, template::Space};

    fn frame(value: f32) -> Embedding {
        Embedding::new(ModelId::new("test", [7; 32]), Space::builtin(), vec![value; 128].into())
    }

    #[test]
    fn the_median_of_those_that_agree() {
        // The distance is the difference times the square root of 128: 0.02 apart is 0.23, 0.2 apart is 2.3.
        let of = |values: &[f32]| {
            aggregate(&values.iter().copied().map(frame).collect::<Vec<_>>()).map(|whole| whole.values()[5])
        };
        assert_eq!(of(&[0.1]), Ok(0.1));
        assert_eq!(of(&[0.10, 0.12, 0.11]), Ok(0.11));
        assert!((of(&[0.10, 0.12]).unwrap() - 0.11).abs() < 1e-6);
        assert_eq!(of(&[0.10, 0.12, 0.11, 0.3]), Ok(0.11));
        for (values, agreeing) in [(&[0.1, 0.3][..], 1), (&[0.1, 0.12, 0.3, 0.5], 2)] {
            assert_eq!(of(values), Err(AggregateError::Disagree { agreeing, frames: values.len() }));
        }
        assert_eq!(of(&[]), Err(AggregateError::Empty));
    }

    #[test]
    fn frames_of_different_models_are_refused() {
        let other = Embedding::new(ModelId::new("other", [7; 32]), Space::builtin(), vec![0.1; 128].into());
        assert!(matches!(aggregate(&[frame(0.1), other]), Err(AggregateError::OtherModel(_))));
    }
}

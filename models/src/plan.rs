//! One network and its plans: what tract makes of a graph for each input shape.
//!
//! Input and output tensors are wiped before their memory goes back; what the engine computes in between is not.
//!
//! Optimising costs about 0.1 s a shape and each plan keeps its own packed weights, so a network holds a small
//! least-recently-used cache. Several threads may run at once; a shape that is being planned holds up only the callers
//! that want the same shape.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::InferenceOp;
use zeroize::{Zeroize, Zeroizing};

use crate::ModelsError;

type Plan = TypedRunnableModel;
type Slot = Arc<Mutex<Option<Arc<Plan>>>>;
type Graph = tract_onnx::prelude::Graph<InferenceFact, Box<dyn InferenceOp>>;

/// A loaded graph that can be run with any concrete input shape.
pub(crate) struct Network {
    name: &'static str,
    /// Absent for a network of one fixed shape, whose only plan never leaves the cache.
    graph: Option<Graph>,
    capacity: usize,
    /// Most recently used last.
    plans: Mutex<Vec<(Vec<usize>, Slot)>>,
}

/// Which output of a foreign network counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OutputChoice {
    /// By its place in the file, from 0.
    Index(usize),
    /// By its name in the file.
    Name(String),
}

/// One output of a run.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// Dimensions, outermost first.
    pub(crate) shape: Vec<usize>,
    /// Values, row-major. Wiped on drop.
    pub(crate) values: Zeroizing<Vec<f32>>,
}

impl Network {
    /// Reads an ONNX file. `capacity` is the number of input shapes whose plans are kept.
    ///
    /// Declared shapes inside the file are ignored: those of the OCR models contradict the concrete input shape.
    pub(crate) fn from_onnx(name: &'static str, bytes: &[u8], capacity: usize) -> Result<Self, ModelsError> {
        let graph = onnx()
            .with_ignore_value_info(true)
            .with_ignore_output_shapes(true)
            .model_for_read(&mut std::io::Cursor::new(bytes))
            .map_err(|source| broken(name, &source))?;
        Ok(Self { name, graph: Some(graph), capacity: capacity.max(1), plans: Mutex::new(Vec::new()) })
    }

    /// Takes a graph built in memory (see [`crate::graph`]) and plans it for its one input shape.
    pub(crate) fn fixed(
        name: &'static str,
        proto: &tract_onnx::pb::ModelProto,
        shape: &[usize],
    ) -> Result<Self, ModelsError> {
        let graph = onnx().model_for_proto_model(proto).map_err(|source| broken(name, &source))?;
        let plan = optimise(graph, shape).map_err(|source| broken(name, &source))?;
        let slot = Arc::new(Mutex::new(Some(plan)));
        Ok(Self { name, graph: None, capacity: 1, plans: Mutex::new(vec![(shape.to_vec(), slot)]) })
    }

    /// Reads an ONNX file of unknown origin with one input, forced to `shape` with a batch of one, keeps one output and
    /// plans it. Data outside the file is refused. The output has to hold `values` numbers.
    pub(crate) fn foreign(
        name: &'static str,
        bytes: &[u8],
        shape: &[usize],
        output: &OutputChoice,
        values: usize,
    ) -> Result<Self, ModelsError> {
        // The engine panics on some graphs that do not fit their input; those are refused like the others.
        let made = std::panic::catch_unwind(|| Self::unguarded(name, bytes, shape, output, values));
        made.unwrap_or_else(|_| {
            Err(ModelsError::Network { model: name, reason: "the engine can not plan the graph".into() })
        })
    }

    fn unguarded(
        name: &'static str,
        bytes: &[u8],
        shape: &[usize],
        output: &OutputChoice,
        values: usize,
    ) -> Result<Self, ModelsError> {
        let wrong = |reason: String| ModelsError::Malformed { model: name, reason };
        let mut graph = onnx()
            .with_ignore_value_info(true)
            .with_ignore_output_shapes(true)
            .model_for_read(&mut std::io::Cursor::new(bytes))
            .map_err(|source| broken(name, &source))?;
        let inputs = graph.input_outlets().map_err(|source| broken(name, &source))?.len();
        if inputs != 1 {
            return Err(wrong(format!("{inputs} inputs instead of one")));
        }
        match output {
            OutputChoice::Name(wanted) => graph.select_outputs_by_name([wanted.as_str()]),
            OutputChoice::Index(at) => {
                let outlet = graph.output_outlets().ok().and_then(|outlets| outlets.get(*at).copied());
                let outlet = outlet.ok_or_else(|| wrong(format!("there is no output {at}")))?;
                graph.select_output_outlets(&[outlet])
            }
        }
        .map_err(|source| broken(name, &source))?;
        let plan = optimise(graph, shape).map_err(|source| broken(name, &source))?;
        let slot = Arc::new(Mutex::new(Some(plan)));
        let network = Self { name, graph: None, capacity: 1, plans: Mutex::new(vec![(shape.to_vec(), slot)]) };
        // What a file promises about its output is not believed: a grey input is run through.
        let outputs = network.run(shape, &vec![0.1; shape.iter().product()])?;
        match outputs.as_slice() {
            [only] if only.values.len() == values && only.values.iter().all(|value| value.is_finite()) => Ok(network),
            [only] => Err(wrong(format!("an output of {} values instead of {values} finite ones", only.values.len()))),
            several => Err(wrong(format!("{} outputs instead of one", several.len()))),
        }
    }

    /// A text from the file's metadata, such as the character list of the recogniser.
    pub(crate) fn metadata(&self, key: &str) -> Option<String> {
        let tensor = self.graph.as_ref()?.properties.get(&format!("onnx.metadata_props.{key}"))?;
        tensor.as_plain_ram()?.to_scalar::<String>().ok().cloned()
    }

    /// Runs the network on one input of the given shape and returns all outputs in the graph's order.
    pub(crate) fn run(&self, shape: &[usize], input: &[f32]) -> Result<Vec<Output>, ModelsError> {
        let plan = self.plan(shape)?;
        let input = Tensor::from_shape(shape, input).map_err(|source| broken(self.name, &source))?.into_tvalue();
        let ran = plan.run(tvec!(input.clone()));
        wiped(input, &mut |_| {});
        ran.map_err(|source| broken(self.name, &source))?
            .into_iter()
            .map(|output| {
                let (shape, mut values) = (output.shape().to_vec(), None);
                wiped(output, &mut |floats| values = Some(Zeroizing::new(floats.to_vec())));
                let values = values.ok_or_else(|| ModelsError::Network {
                    model: self.name,
                    reason: "an output is not made of 32-bit floats".into(),
                })?;
                Ok(Output { shape, values })
            })
            .collect()
    }

    fn plan(&self, shape: &[usize]) -> Result<Arc<Plan>, ModelsError> {
        let slot = {
            let mut plans = lock(&self.plans);
            let entry = match (plans.iter().position(|(known, _)| known == shape), &self.graph) {
                (Some(at), _) => plans.remove(at),
                (None, None) => {
                    let reason = format!("an input of shape {shape:?} was not planned");
                    return Err(ModelsError::Network { model: self.name, reason });
                }
                (None, Some(_)) => {
                    if plans.len() >= self.capacity {
                        plans.remove(0);
                    }
                    (shape.to_vec(), Slot::default())
                }
            };
            let slot = Arc::clone(&entry.1);
            plans.push(entry);
            slot
        };
        // Held while the plan is made: a second caller with the same shape waits for it instead of making it again.
        let mut slot = lock(&slot);
        match (&*slot, &self.graph) {
            (Some(plan), _) => Ok(Arc::clone(plan)),
            (None, Some(graph)) => {
                let plan = optimise(graph.clone(), shape).map_err(|source| broken(self.name, &source))?;
                *slot = Some(Arc::clone(&plan));
                Ok(plan)
            }
            (None, None) => Err(ModelsError::Network { model: self.name, reason: "the plan is gone".into() }),
        }
    }
}

/// Reads a tensor's values and wipes them before its memory goes back. One that is still shared is read as it is.
fn wiped(value: TValue, read: &mut dyn FnMut(&[f32])) {
    let mut tensor = value.into_tensor();
    if let Some(mut view) = tensor.as_plain_ram_mut()
        && let Ok(floats) = view.as_slice_mut::<f32>()
    {
        read(floats);
        floats.zeroize();
    }
}

fn optimise(mut graph: Graph, shape: &[usize]) -> TractResult<Arc<Plan>> {
    graph.set_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), shape))?;
    graph.into_optimized()?.into_runnable()
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Network({}, {} plans)", self.name, lock(&self.plans).len())
    }
}

/// A panic elsewhere leaves the cache usable: it holds only finished plans.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn broken(model: &'static str, source: &TractError) -> ModelsError {
    ModelsError::Network { model, reason: format!("{source:#}").chars().take(500).collect() }
}

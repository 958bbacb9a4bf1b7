use std::ops::Range;

use litecnn_model::ModelError;
use rand::Rng;
use tch::{Device, Kind, Tensor};

use crate::{Graph, Role, Variable, ZooError, init};

/// The variables of a network in two contiguous buffers: weights and running statistics.
///
/// Weights lie in the order kernels of convolutions, matrices of dense layers, biases and factors and summands of
/// batch norms, weights that reach nothing; so what is pruned and what is trained are each one piece of the buffer.
#[derive(Debug)]
pub struct State {
    weights: Tensor,
    statistics: Tensor,
    trainable: i64,
    kernels: i64,
    views: Vec<Tensor>,
}

/// Numbers of weights and of running statistics of a graph.
pub(crate) fn sizes(graph: &Graph) -> [i64; 2] {
    let of = |statistic| graph.variables.iter().filter(move |v| v.role.is_statistic() == statistic);
    [false, true].map(|statistic| of(statistic).map(Variable::values).sum())
}

impl State {
    /// Zeros for all variables of a graph.
    ///
    /// # Errors
    /// [`ZooError::Torch`] if the device has no room or does not exist.
    pub(crate) fn zeros(graph: &Graph, device: Device) -> Result<Self, ZooError> {
        let places = places(&graph.variables);
        let end = |of: &dyn Fn(&Variable) -> bool| {
            let ends = graph.variables.iter().zip(&places).filter(|(v, _)| of(v)).map(|(_, place)| place.end);
            ends.max().unwrap_or(0) as i64
        };
        let weights = Tensor::f_zeros([end(&|v| !v.role.is_statistic())], (Kind::Float, device))?;
        let statistics = Tensor::f_zeros([end(&|v| v.role.is_statistic())], (Kind::Float, device))?;
        let views = graph.variables.iter().zip(&places).map(|(variable, place)| {
            let buffer = if variable.role.is_statistic() { &statistics } else { &weights };
            let view = buffer.f_narrow(0, place.start as i64, place.len() as i64)?.f_view(variable.shape.as_slice())?;
            // Detached, a view is a leaf of the graph that still shares the buffer's memory.
            view.f_detach()?.f_set_requires_grad(variable.used && !variable.role.is_statistic())
        });
        let views = views.collect::<Result<_, _>>()?;
        let trainable = end(&|v| v.used && !v.role.is_statistic());
        let kernels = end(&|v| v.used && v.role == Role::ConvWeight);
        Ok(Self { weights, statistics, trainable, kernels, views })
    }

    /// Values as the graph says its variables start, drawn variable by variable in the order of
    /// [`Graph::variables`].
    pub(crate) fn start(graph: &Graph, device: Device, rng: &mut impl Rng) -> Result<Self, ZooError> {
        let mut state = Self::zeros(graph, Device::Cpu)?;
        let mut buffers = [vec![0f32; state.weights.numel()], vec![0f32; state.statistics.numel()]];
        for (variable, place) in graph.variables.iter().zip(places(&graph.variables)) {
            init::fill(&mut buffers[usize::from(variable.role.is_statistic())][place], variable.start, rng);
        }
        if device != Device::Cpu {
            state = Self::zeros(graph, device)?;
        }
        let [weights, statistics] = &buffers;
        state.set(&Tensor::f_from_slice(weights)?, &Tensor::f_from_slice(statistics)?)?;
        Ok(state)
    }

    /// All weights, `[weights]`. Changing it in place changes the model.
    pub fn weights(&self) -> &Tensor {
        &self.weights
    }

    /// All running statistics, `[statistics]`.
    pub fn statistics(&self) -> &Tensor {
        &self.statistics
    }

    /// Number of trainable weights, the first of [`State::weights`]. The others reach nothing.
    pub fn trainable(&self) -> i64 {
        self.trainable
    }

    /// Number of weights of convolutions that reach the result, the first of [`State::weights`].
    pub fn kernels(&self) -> i64 {
        self.kernels
    }

    /// The variables in the order of [`Graph::variables`]; trainable ones are leaves of the autograd graph.
    pub fn views(&self) -> &[Tensor] {
        &self.views
    }

    /// Of the graph's variables those that are trained, in the order they lie in [`State::weights`].
    pub(crate) fn leaves(&self, graph: &Graph) -> Vec<Tensor> {
        let trained = |v: &Variable| v.used && !v.role.is_statistic();
        let places = places(&graph.variables);
        let mut leaves: Vec<usize> = (0..places.len()).filter(|&i| trained(&graph.variables[i])).collect();
        leaves.sort_by_key(|&i| places[i].start);
        leaves.into_iter().map(|i| self.views[i].shallow_clone()).collect()
    }

    /// Overwrites everything; for values of [`State::weights`] and [`State::statistics`].
    ///
    /// # Errors
    /// [`ZooError::Model`] if a shape is another.
    pub fn set(&mut self, weights: &Tensor, statistics: &Tensor) -> Result<(), ZooError> {
        let pairs = [("weights", &mut self.weights, weights), ("statistics", &mut self.statistics, statistics)];
        for (layer, buffer, value) in pairs {
            let (expected, found) = (buffer.size(), value.size());
            if expected != found {
                return Err(ModelError::Shape { layer: layer.into(), expected, found }.into());
            }
            buffer.f_copy_(value)?;
        }
        Ok(())
    }
}

/// Where each variable lies in its buffer.
pub(crate) fn places(variables: &[Variable]) -> Vec<Range<usize>> {
    let rank = |v: &Variable| match v.role {
        _ if !v.used && !v.role.is_statistic() => 3,
        Role::ConvWeight => 0,
        Role::LinearWeight => 1,
        _ => 2,
    };
    let mut order: Vec<usize> = (0..variables.len()).collect();
    order.sort_by_key(|&i| rank(&variables[i]));
    let mut places = vec![0..0; variables.len()];
    let mut ends = [0, 0];
    for i in order {
        let end = &mut ends[usize::from(variables[i].role.is_statistic())];
        places[i] = *end..*end + variables[i].values() as usize;
        *end = places[i].end;
    }
    places
}

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::TrainError;
use crate::recipe::{NadamSettings, OptimizerSettings, SgdSettings, WeightDecay};

/// What an optimiser remembers from step to step, to be saved and taken up again.
pub trait Memory {
    /// State tensors by name.
    fn tensors(&self) -> Vec<(&'static str, &Tensor)>;

    /// The part of the state that is not tensors.
    fn counters(&self) -> Counters {
        Counters::default()
    }

    /// Takes up a state that was saved: the tensors as [`Memory::tensors`] names them, and the counters.
    ///
    /// # Errors
    /// [`TrainError::State`] if a tensor is missing or has another shape.
    fn restore(&mut self, counters: Counters, tensor: &mut dyn FnMut(&str) -> Option<Tensor>)
    -> Result<(), TrainError>;
}

/// Overwrites a state tensor with the one saved under `name`.
///
/// # Errors
/// [`TrainError::State`] if it is missing or has another shape.
pub fn restore_tensor(
    place: &mut Tensor,
    name: &str,
    tensor: &mut dyn FnMut(&str) -> Option<Tensor>,
) -> Result<(), TrainError> {
    let saved = tensor(name).filter(|t| t.size() == place.size());
    let saved = saved.ok_or_else(|| TrainError::State(format!("no usable optimiser state `{name}`")))?;
    place.f_copy_(&saved)?;
    Ok(())
}

/// An optimiser of one buffer of parameters, with its state.
///
/// Both kinds compute what Keras 3 computes, which is neither what libtorch's nor what PyTorch's namesakes
/// compute; the tests compare every step with numbers printed by Keras.
#[derive(Debug)]
pub enum Optimizer {
    /// Adam with Nesterov momentum, as Keras 3 has it.
    Nadam(Nadam),
    /// Stochastic gradient descent with (Nesterov) momentum and weight decay.
    Sgd(Sgd),
}

impl Optimizer {
    /// A fresh optimiser for the parameters in `params`, a buffer `[parameters]`.
    pub fn new(settings: &OptimizerSettings, params: &Tensor) -> Self {
        match settings {
            OptimizerSettings::Nadam(s) => Self::Nadam(Nadam::new(s, params)),
            OptimizerSettings::Sgd(s) => Self::Sgd(Sgd::new(s, params)),
        }
    }

    /// Changes `params` in place by one step along `gradient`; both `[parameters]`.
    ///
    /// # Errors
    /// [`TrainError::Torch`].
    pub fn step(&mut self, params: &mut Tensor, gradient: &Tensor) -> Result<(), TrainError> {
        tch::no_grad(|| match self {
            Self::Nadam(nadam) => nadam.step(params, gradient),
            Self::Sgd(sgd) => sgd.step(params, gradient),
        })
    }

    /// A copy in plain memory.
    ///
    /// # Errors
    /// [`TrainError::Torch`].
    pub fn to_host(&self) -> Result<HostOptimizer, TrainError> {
        let values = |t: &Tensor| Vec::<f32>::try_from(t);
        Ok(HostOptimizer(match self {
            Self::Nadam(Nadam { settings, counters, m, v }) => {
                Host::Nadam { settings: settings.clone(), counters: *counters, m: values(m)?, v: values(v)? }
            }
            Self::Sgd(Sgd { settings, momentum }) => {
                Host::Sgd { settings: settings.clone(), momentum: values(momentum)? }
            }
        }))
    }

    /// Takes up the state of a copy made by [`Optimizer::to_host`].
    ///
    /// # Errors
    /// [`TrainError::State`] if it is of another optimiser.
    pub fn take_back(&mut self, host: &HostOptimizer) -> Result<(), TrainError> {
        let (counters, state) = match &host.0 {
            Host::Nadam { counters, m, v, .. } => (*counters, vec![("m", m), ("v", v)]),
            Host::Sgd { momentum, .. } => (Counters::default(), vec![("momentum", momentum)]),
        };
        self.restore(counters, &mut |name| {
            let (_, values) = state.iter().find(|(n, _)| *n == name)?;
            Tensor::f_from_slice(values).ok()
        })
    }

    /// The learning rate of the next step.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Nadam(nadam) => nadam.settings.learning_rate,
            Self::Sgd(sgd) => sgd.settings.learning_rate,
        }
    }
}

impl Memory for Optimizer {
    fn tensors(&self) -> Vec<(&'static str, &Tensor)> {
        match self {
            Self::Nadam(nadam) => vec![("m", &nadam.m), ("v", &nadam.v)],
            Self::Sgd(sgd) => vec![("momentum", &sgd.momentum)],
        }
    }

    fn counters(&self) -> Counters {
        match self {
            Self::Nadam(nadam) => nadam.counters,
            Self::Sgd(_) => Counters::default(),
        }
    }

    fn restore(
        &mut self,
        counters: Counters,
        tensor: &mut dyn FnMut(&str) -> Option<Tensor>,
    ) -> Result<(), TrainError> {
        match self {
            Self::Nadam(nadam) => {
                restore_tensor(&mut nadam.m, "m", tensor)?;
                restore_tensor(&mut nadam.v, "v", tensor)?;
                nadam.counters = counters;
                Ok(())
            }
            Self::Sgd(sgd) => restore_tensor(&mut sgd.momentum, "momentum", tensor),
        }
    }
}

/// An optimiser with its state in plain memory: the same formulas for the kernels on the CPU, a pass over memory
/// instead of a call an operation.
#[derive(Debug, Clone)]
pub struct HostOptimizer(Host);

#[derive(Debug, Clone)]
enum Host {
    Nadam { settings: NadamSettings, counters: Counters, m: Vec<f32>, v: Vec<f32> },
    Sgd { settings: SgdSettings, momentum: Vec<f32> },
}

impl HostOptimizer {
    /// Changes `params` in place by one step along `gradient`, both of the length the optimiser was made for.
    ///
    /// # Panics
    /// If they are of another length.
    pub fn step(&mut self, params: &mut [f32], gradient: &[f32]) {
        let (Host::Nadam { m: state, .. } | Host::Sgd { momentum: state, .. }) = &self.0;
        assert_eq!((params.len(), gradient.len()), (state.len(), state.len()), "of another optimiser");
        match &mut self.0 {
            Host::Nadam { settings, counters, m, v } => {
                let factors = NadamFactors::next(settings, counters);
                let (from_m, from_g) = (factors.from_m as f32, factors.from_g as f32);
                let (toward_m, toward_v) = ((1.0 - settings.beta_1) as f32, (1.0 - settings.beta_2) as f32);
                let (correction, epsilon) = (factors.correction as f32, settings.epsilon as f32);
                for (((w, &g), m), v) in params.iter_mut().zip(gradient).zip(m).zip(v) {
                    *m += toward_m * (g - *m);
                    *v += toward_v * (g * g - *v);
                    *w += (from_m * *m + from_g * g) / ((*v / correction).sqrt() + epsilon);
                }
            }
            Host::Sgd { settings, momentum } => {
                let &mut SgdSettings { learning_rate, momentum: kept, nesterov, weight_decay, decay_form } = settings;
                let (rate, kept, decay) = (learning_rate as f32, kept as f32, (learning_rate * weight_decay) as f32);
                let coupled = decay_form == WeightDecay::Coupled;
                for ((w, &g), v) in params.iter_mut().zip(gradient).zip(momentum) {
                    let mut downhill = -rate * g;
                    if coupled {
                        downhill -= decay * *w;
                    } else {
                        *w -= decay * *w;
                    }
                    if kept == 0.0 {
                        *w += downhill;
                        continue;
                    }
                    *v = kept * *v + downhill;
                    *w += if nesterov { kept * *v + downhill } else { *v };
                }
            }
        }
    }
}

/// What Nadam's next step is made of, and the counters after it.
struct NadamFactors {
    from_m: f64,
    from_g: f64,
    correction: f64,
}

impl NadamFactors {
    fn next(settings: &NadamSettings, counters: &mut Counters) -> Self {
        let &NadamSettings { learning_rate, beta_1, beta_2, .. } = settings;
        let t = f64::from(counters.steps) + 1.0;
        let u = |t: f64| beta_1 * (1.0 - 0.5 * 0.96f64.powf(t));
        let product = counters.product * u(t);
        let next_product = product * u(t + 1.0);
        *counters = Counters { steps: counters.steps + 1, product };
        Self {
            from_m: -learning_rate * u(t + 1.0) / (1.0 - next_product),
            from_g: -learning_rate * (1.0 - u(t)) / (1.0 - product),
            correction: 1.0 - beta_2.powf(t),
        }
    }
}

/// Steps done and the running product of Nadam's momentum schedule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counters {
    steps: u32,
    product: f64,
}

impl Default for Counters {
    fn default() -> Self {
        Self { steps: 0, product: 1.0 }
    }
}

/// Nadam (Dozat 2016) in the form of Keras 3.
///
/// With `u_t = beta1 (1 - 0.5 * 0.96^t)`, t counted from 1:
/// `m_hat = u_{t+1} m / (1 - prod u_{1..t+1}) + (1 - u_t) g / (1 - prod u_{1..t})`,
/// `v_hat = v / (1 - beta2^t)`, `w -= lr * m_hat / (sqrt(v_hat) + epsilon)`.
#[derive(Debug)]
pub struct Nadam {
    settings: NadamSettings,
    counters: Counters,
    m: Tensor,
    v: Tensor,
}

impl Nadam {
    fn new(settings: &NadamSettings, params: &Tensor) -> Self {
        let zeros = || params.detach().zeros_like();
        Self { settings: settings.clone(), counters: Counters::default(), m: zeros(), v: zeros() }
    }

    fn step(&mut self, params: &mut Tensor, gradient: &Tensor) -> Result<(), TrainError> {
        let NadamFactors { from_m, from_g, correction } = NadamFactors::next(&self.settings, &mut self.counters);
        let NadamSettings { beta_1, beta_2, epsilon, .. } = self.settings;
        let _ = self.m.f_lerp_(gradient, 1.0 - beta_1)?;
        let _ = self.v.f_lerp_(&gradient.f_square()?, 1.0 - beta_2)?;
        let mut change = self.m.f_mul_scalar(from_m)?;
        let _ = change.f_add_(&gradient.f_mul_scalar(from_g)?)?;
        let mut root = self.v.f_div_scalar(correction)?;
        let _ = root.f_sqrt_()?.f_add_scalar_(epsilon)?;
        let _ = params.f_addcdiv_(&change, &root)?;
        Ok(())
    }
}

/// SGD in the form of Keras 3: `v = momentum * v - lr * g`, then `w += v`, or with Nesterov
/// `w += momentum * v - lr * g`.
///
/// Decoupled weight decay (Loshchilov & Hutter 2019) comes first: `w -= lr * decay * w`. The coupled form, as in
/// PyTorch, adds `decay * w` to the gradient instead.
#[derive(Debug)]
pub struct Sgd {
    settings: SgdSettings,
    momentum: Tensor,
}

impl Sgd {
    fn new(settings: &SgdSettings, params: &Tensor) -> Self {
        Self { settings: settings.clone(), momentum: params.detach().zeros_like() }
    }

    fn step(&mut self, params: &mut Tensor, gradient: &Tensor) -> Result<(), TrainError> {
        let SgdSettings { learning_rate, momentum, nesterov, weight_decay, decay_form } = self.settings;
        let mut downhill = gradient.f_mul_scalar(-learning_rate)?;
        if weight_decay > 0.0 {
            match decay_form {
                WeightDecay::Decoupled => {
                    // Not `w *= 1 - lr * decay`: that factor is too near to 1 for 32 bits.
                    let _ = params.f_sub_(&params.f_mul_scalar(learning_rate * weight_decay)?)?;
                }
                WeightDecay::Coupled => {
                    let _ = downhill.f_add_(&params.f_mul_scalar(-learning_rate * weight_decay)?)?;
                }
            }
        }
        if momentum == 0.0 {
            let _ = params.f_add_(&downhill)?;
            return Ok(());
        }
        let _ = self.momentum.f_mul_scalar_(momentum)?.f_add_(&downhill)?;
        if nesterov {
            let _ = downhill.f_add_(&self.momentum.f_mul_scalar(momentum)?)?;
            let _ = params.f_add_(&downhill)?;
        } else {
            let _ = params.f_add_(&self.momentum)?;
        }
        Ok(())
    }
}

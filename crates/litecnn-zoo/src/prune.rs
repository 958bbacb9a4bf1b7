use rand::Rng;
use tch::{Device, Tensor};

use crate::{Model, Role, ZooError};

impl Model {
    /// Sets the smallest of all convolutions' weights to zero: a `share`, rounded, of those that are not zero yet, by
    /// magnitude, ranked over all layers together. Weights of dense layers, biases and batch norms stay.
    ///
    /// # Errors
    /// [`ZooError::Share`] if the share is not between 0 and 1, [`ZooError::Torch`].
    pub fn prune(&mut self, share: f64) -> Result<(), ZooError> {
        if !(0.0..=1.0).contains(&share) {
            return Err(ZooError::Share(share));
        }
        self.remove(|there| (share * there as f64).round() as usize)
    }

    /// The same, by how many of all convolutions' weights are left that are not zero.
    ///
    /// # Errors
    /// [`ZooError::Torch`].
    pub fn prune_to(&mut self, left: i64) -> Result<(), ZooError> {
        self.remove(|there| there.saturating_sub(usize::try_from(left).unwrap_or(0)))
    }

    /// Sets the smallest weights of convolutions to zero; `pruned` says how many of those there are.
    fn remove(&mut self, pruned: impl FnOnce(usize) -> usize) -> Result<(), ZooError> {
        let mut kernels = self.state().weights().f_narrow(0, 0, self.state().kernels())?;
        let mut values = Vec::<f32>::try_from(&kernels)?;
        let mut magnitudes: Vec<f32> = values.iter().map(|v| v.abs()).filter(|&v| v != 0.0).collect();
        let pruned = pruned(magnitudes.len());
        let Some(last) = pruned.checked_sub(1) else { return Ok(()) };
        let (smaller, &mut largest, _) = magnitudes.select_nth_unstable_by(last, f32::total_cmp);
        // Of those as large as the last one, as many as are wanted, the first ones.
        let mut ties = pruned - smaller.iter().filter(|&&v| v < largest).count();
        for value in &mut values {
            let magnitude = value.abs();
            if magnitude < largest {
                *value = 0.0;
            } else if magnitude == largest && ties > 0 {
                *value = 0.0;
                ties -= 1;
            }
        }
        kernels.f_copy_(&Tensor::f_from_slice(&values)?)?;
        Ok(())
    }

    /// Number of weights of convolutions and dense layers that are not zero: what the study's table of pruning counts.
    ///
    /// # Errors
    /// [`ZooError::Torch`].
    pub fn non_zero(&self) -> Result<i64, ZooError> {
        let ranked = |role| matches!(role, Role::ConvWeight | Role::LinearWeight);
        let weights = self.variables().filter(|(variable, _)| ranked(variable.role));
        weights.map(|(_, value)| Ok(value.f_count_nonzero(None)?.f_int64_value(&[])?)).sum()
    }

    /// Number of weights of convolutions that are not zero.
    ///
    /// # Errors
    /// [`ZooError::Torch`].
    pub fn non_zero_kernels(&self) -> Result<i64, ZooError> {
        let kernels = self.state().weights().f_narrow(0, 0, self.state().kernels())?;
        Ok(kernels.f_count_nonzero(None)?.f_int64_value(&[])?)
    }

    /// Number of all weights that are not zero, those that reach nothing included.
    ///
    /// # Errors
    /// [`ZooError::Torch`].
    pub fn non_zero_weights(&self) -> Result<i64, ZooError> {
        Ok(self.state().weights().f_count_nonzero(None)?.f_int64_value(&[])?)
    }
}

/// Weights that are not zero in an untrained network after none, one … of `rounds` rounds of pruning by a fifth.
pub(crate) fn rounds(graph: crate::Graph, rounds: u32, rng: &mut impl Rng) -> Result<Vec<i64>, ZooError> {
    let mut model = Model::new(graph, Device::Cpu, rng)?;
    let mut left = vec![model.non_zero()?];
    for _ in 0..rounds {
        model.prune(0.2)?;
        left.push(model.non_zero()?);
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Conv;
    use crate::{Graph, Layer};
    use litecnn_model::InputShape;

    /// Kernels of 4 and 2 weights, then a dense layer and its bias.
    fn model(first: [f32; 4], second: [f32; 2]) -> Model {
        let layers: [Layer; 4] =
            [Conv::new(1, 2).into(), Conv::new(1, 1).into(), Layer::Flatten, crate::layer::Linear::new(3).into()];
        let graph = Graph::of_layers(InputShape { channels: 2, height: 1, width: 1 }, &layers).unwrap();
        let mut model = Model::zeros(graph, Device::Cpu).unwrap();
        model.set("0.weight", &Tensor::from_slice(&first).view([2, 2, 1, 1])).unwrap();
        model.set("1.weight", &Tensor::from_slice(&second).view([1, 2, 1, 1])).unwrap();
        model.set("3.weight", &Tensor::from_slice(&[0.1f32, 0.1, 0.1]).view([3, 1])).unwrap();
        model
    }

    fn kernels(model: &Model) -> Vec<f32> {
        Vec::try_from(model.state().weights().narrow(0, 0, 6)).unwrap()
    }

    #[test]
    fn the_smallest_of_all_layers_go_first_and_stay_away() {
        let mut pruned = model([5.0, -1.0, 3.0, 2.0], [-0.5, 4.0]);
        assert_eq!(pruned.non_zero().unwrap(), 6 + 3);
        pruned.prune(0.5).unwrap();
        assert_eq!(kernels(&pruned), [5.0, 0.0, 3.0, 0.0, 0.0, 4.0]);
        // A third of the three that are left.
        pruned.prune(0.4).unwrap();
        assert_eq!(kernels(&pruned), [5.0, 0.0, 0.0, 0.0, 0.0, 4.0]);
        assert_eq!(pruned.non_zero().unwrap(), 2 + 3);
        pruned.prune(0.0).unwrap();
        pruned.prune(0.2).unwrap();
        assert_eq!(pruned.non_zero().unwrap(), 2 + 3);
        pruned.prune(1.0).unwrap();
        pruned.prune(1.0).unwrap();
        assert_eq!(kernels(&pruned), [0.0; 6]);
    }

    #[test]
    fn equal_weights_go_in_their_order_and_exactly_as_many_as_asked_for() {
        let mut pruned = model([1.0, -1.0, 1.0, 1.0], [0.5, 1.0]);
        pruned.prune(0.5).unwrap();
        assert_eq!(kernels(&pruned), [0.0, 0.0, 1.0, 1.0, 0.0, 1.0]);
    }

    #[test]
    fn impossible_shares_are_refused() {
        for share in [-0.1, 1.1, f64::NAN] {
            assert!(model([1.0; 4], [1.0; 2]).prune(share).unwrap_err().to_string().contains("from 0 to 1"));
        }
    }
}

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use crate::ModelError;

/// The weights of one part of a model, in one contiguous buffer.
///
/// Each weight is a view into the buffer with its own name and shape, so an optimiser's step is a handful of
/// operations on the whole buffer. Convolution kernels `[out, in, height, width]` lie in the buffer as
/// `[out, height, width, in]` (channels-last), which is what the convolutions here run fastest on.
#[derive(Debug)]
pub struct Params {
    flat: Tensor,
    names: Vec<String>,
    views: Vec<Tensor>,
}

impl Params {
    /// Zero weights of the given names and shapes.
    ///
    /// # Errors
    /// [`ModelError::Torch`] if the device has no room or does not exist.
    pub fn zeros(weights: &[(String, Vec<i64>)], device: Device) -> Result<Self, ModelError> {
        let total = weights.iter().map(|(_, shape)| shape.iter().product::<i64>()).sum::<i64>();
        let flat = Tensor::f_zeros([total], (Kind::Float, device))?;
        let mut views = Vec::new();
        let mut start = 0;
        for (_, shape) in weights {
            let length = shape.iter().product::<i64>();
            let piece = flat.f_narrow(0, start, length)?;
            let view = match shape[..] {
                [o, i, h, w] => piece.f_view([o, h, w, i])?.f_permute([0, 3, 1, 2])?,
                _ => piece.f_view(shape.as_slice())?,
            };
            // Detached, a view is a leaf of the graph that still shares the buffer's memory.
            views.push(view.f_detach()?.f_set_requires_grad(true)?);
            start += length;
        }
        Ok(Self { flat, names: weights.iter().map(|(name, _)| name.clone()).collect(), views })
    }

    /// The same weights (not a copy) for another thread.
    pub fn share(&self) -> Self {
        Self {
            flat: self.flat.shallow_clone(),
            names: self.names.clone(),
            views: self.views.iter().map(Tensor::shallow_clone).collect(),
        }
    }

    /// The buffer, `[parameters]`. Changing it in place changes the weights.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// The buffer, for an optimiser's step in place.
    pub fn flat_mut(&mut self) -> &mut Tensor {
        &mut self.flat
    }

    /// The weights in order, as leaves of the autograd graph.
    pub fn views(&self) -> &[Tensor] {
        &self.views
    }

    /// Names and weights in order.
    pub fn named(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.names.iter().map(String::as_str).zip(&self.views)
    }

    /// Names and where each weight lies in the buffer, in order.
    pub fn ranges(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.named().scan(0, |end, (name, weight)| {
            let start = *end;
            *end += weight.numel();
            Some((name, start..*end))
        })
    }

    /// One weight by name.
    ///
    /// # Errors
    /// [`ModelError::Missing`].
    pub fn get(&self, name: &str) -> Result<&Tensor, ModelError> {
        let found = self.named().find(|(n, _)| *n == name);
        found.map(|(_, t)| t).ok_or_else(|| ModelError::Missing { layer: name.into(), found: self.names.clone() })
    }

    /// Overwrites one weight.
    ///
    /// # Errors
    /// [`ModelError::Missing`], or [`ModelError::Shape`] if the new value has another shape.
    pub fn set(&mut self, name: &str, value: &Tensor) -> Result<(), ModelError> {
        let view = self.get(name)?;
        if view.size() != value.size() {
            return Err(ModelError::Shape { layer: name.into(), expected: view.size(), found: value.size() });
        }
        let mut view = view.f_detach()?;
        view.f_copy_(value)?;
        Ok(())
    }

    /// Gradients in the order of [`Params::views`], gathered into one buffer `[parameters]` laid out like
    /// [`Params::flat`].
    ///
    /// # Errors
    /// [`ModelError::Torch`].
    pub fn gather(&self, gradients: &[Tensor]) -> Result<Tensor, ModelError> {
        let pieces = gradients
            .iter()
            .map(|g| match g.dim() {
                4 => g.f_permute([0, 2, 3, 1])?.f_reshape([-1]),
                _ => g.f_reshape([-1]),
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Tensor::f_cat(&pieces, 0)?)
    }

    /// A copy of the buffer as it is now, `[parameters]`.
    ///
    /// # Errors
    /// [`ModelError::Torch`].
    pub fn snapshot(&self) -> Result<Tensor, ModelError> {
        Ok(self.flat.f_detach()?.copy())
    }

    /// Puts a copy made by [`Params::snapshot`] back.
    ///
    /// # Errors
    /// [`ModelError::Shape`] if it is of another model.
    pub fn restore(&mut self, snapshot: &Tensor) -> Result<(), ModelError> {
        if snapshot.size() != self.flat.size() {
            return Err(ModelError::Shape {
                layer: "all weights".into(),
                expected: self.flat.size(),
                found: snapshot.size(),
            });
        }
        self.flat.f_copy_(snapshot)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Params {
        Params::zeros(&[("k".into(), vec![4, 3, 3, 3]), ("b".into(), vec![4])], Device::Cpu).unwrap()
    }

    #[test]
    fn views_share_the_buffer_and_kernels_are_channels_last() {
        let mut p = params();
        let value = Tensor::arange(108, (Kind::Float, Device::Cpu)).view([4, 3, 3, 3]);
        p.set("k", &value).unwrap();
        assert_eq!(p.get("k").unwrap(), &value);
        assert_eq!(p.get("k").unwrap().stride(), [27, 1, 9, 3]);
        let _ = p.flat_mut().fill_(7.0);
        assert_eq!(p.get("b").unwrap().double_value(&[3]), 7.0);
        assert_eq!(p.get("k").unwrap().double_value(&[3, 2, 1, 0]), 7.0);
    }

    #[test]
    fn gathered_gradients_line_up_with_the_buffer() {
        let mut p = params();
        let x = Tensor::arange(108, (Kind::Float, Device::Cpu)).view([4, 3, 3, 3]);
        // The gradient of sum(k * x) + 2 sum(b) is x for k and 2 for b.
        let loss = (p.get("k").unwrap() * &x).sum(Kind::Float) + p.get("b").unwrap().sum(Kind::Float) * 2.0;
        let gradients = Tensor::f_run_backward(&[loss], p.views(), false, false).unwrap();
        let flat = p.gather(&gradients).unwrap();
        p.restore(&flat).unwrap();
        assert_eq!(p.get("k").unwrap(), &x);
        assert_eq!(p.get("b").unwrap().double_value(&[0]), 2.0);
    }

    #[test]
    fn wrong_names_and_shapes_are_named() {
        let mut p = params();
        let message = p.set("b", &Tensor::zeros([5], (Kind::Float, Device::Cpu))).unwrap_err().to_string();
        assert_eq!(message, "layer `b` wants shape [4], got [5]");
        assert!(p.get("c").unwrap_err().to_string().contains("no weight `c`; there are: k, b"));
        assert!(p.restore(&Tensor::zeros([5], (Kind::Float, Device::Cpu))).is_err());
    }
}

use tch::{Kind, TchError, Tensor};

/// How a tensor's values are told as bytes: `value = scale * (byte - zero_point)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Params {
    /// Positive.
    pub(super) scale: f32,
    pub(super) zero_point: u8,
}

/// Bins of the histogram.
const BINS: usize = 2048;
/// Bytes have this many values.
const LEVELS: f64 = 256.0;
/// Each bin is parted into so many before its counts go to bins of another width.
const FINER: usize = 16;
/// Part of all values by which the range shrinks at each step of the search.
const STEP: f64 = 1e-5;

/// Sees all values a tensor takes and chooses the range that bytes tell with the least squared error.
///
/// It is PyTorch's `HistogramObserver` (2.13) bit by bit: what PyTorch computes in 32 bits is in 32 bits here, and sums
/// whose order matters are libtorch's.
#[derive(Debug)]
pub(super) struct Observer {
    histogram: Vec<f32>,
    /// Smallest and largest value; none before the first value.
    range: Option<(f32, f32)>,
    values: Vec<f32>,
}

impl Observer {
    pub(super) fn new() -> Self {
        Self { histogram: vec![0.0; BINS], range: None, values: Vec::new() }
    }

    /// Sees the values of a tensor of 32-bit floats. Gives false, and sees none, if one is not finite.
    pub(super) fn observe(&mut self, x: &Tensor) -> Result<bool, TchError> {
        if x.numel() == 0 {
            return Ok(true);
        }
        let x = x.f_detach()?.f_to_device(tch::Device::Cpu)?;
        // NaN is the smallest and the largest of values with it.
        let (min, max) = x.f_aminmax(None, false)?;
        let seen = (min.f_double_value(&[])? as f32, max.f_double_value(&[])? as f32);
        if !seen.0.is_finite() || !seen.1.is_finite() {
            return Ok(false);
        }
        self.values.resize(x.numel(), 0.0);
        x.f_copy_data(&mut self.values, x.numel())?;
        let Some(before) = self.range else {
            self.histogram = histogram(&self.values, seen);
            self.range = Some(seen);
            return Ok(true);
        };
        let wider = (before.0.min(seen.0), before.1.max(seen.1));
        let counts = histogram(&self.values, wider);
        if wider != before {
            self.histogram = moved(&self.histogram, before, wider)?;
            self.range = Some(wider);
        }
        self.histogram.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        Ok(true)
    }

    /// Scale and zero point; none if no value was seen.
    pub(super) fn params(&self) -> Result<Option<Params>, TchError> {
        let Some(range) = self.range else { return Ok(None) };
        let (min, max) = self.best_range(range)?;
        // Zero must be told exactly: it pads.
        let (min, max) = (min.min(0.0), max.max(0.0));
        let scale = ((max - min) / 255.0).max(f32::EPSILON);
        let zero_point = (-(min / scale).round_ties_even()).clamp(0.0, 255.0) as u8;
        Ok(Some(Params { scale, zero_point }))
    }

    /// Shrinks the range from the side where fewer values are lost for a bin, as long as the error becomes smaller.
    fn best_range(&self, (min, max): (f32, f32)) -> Result<(f32, f32), TchError> {
        let histogram = Tensor::f_from_slice(&self.histogram)?;
        let total = histogram.f_sum(Kind::Float)?.f_double_value(&[])?;
        let below = Vec::<f32>::try_from(histogram.f_cumsum(0, Kind::Float)?)?;
        let width = (max - min) / BINS as f32;
        if f64::from(max) - f64::from(min) == 0.0 {
            return Ok((min, min));
        }
        let (mut alpha, mut beta) = (0f64, 1f64);
        let (mut first, mut last) = (0, BINS - 1);
        let mut least = f64::INFINITY;
        while alpha < beta {
            let (next_alpha, next_beta) = (alpha + STEP, beta - STEP);
            let (low, high) = ((next_alpha * total) as f32, (next_beta * total) as f32);
            let (mut left, mut right) = (first, last);
            while left < last && below[left] < low {
                left += 1;
            }
            while right > first && below[right] > high {
                right -= 1;
            }
            let next = if left - first > last - right {
                alpha = next_alpha;
                (left, last)
            } else {
                beta = next_beta;
                (first, right)
            };
            if next == (first, last) {
                continue;
            }
            let error = self.error((min, max), next)?;
            if error > least {
                break;
            }
            least = error;
            (first, last) = next;
        }
        Ok((min + width * first as f32, min + width * (last + 1) as f32))
    }

    /// Squared error if bytes tell the bins `first` to `last` and values of each bin are spread evenly.
    fn error(&self, (min, max): (f32, f32), (first, last): (usize, usize)) -> Result<f64, TchError> {
        let width = (f64::from(max) - f64::from(min)) / BINS as f64;
        let level = width * (last as f64 - first as f64 + 1.0) / LEVELS;
        if level == 0.0 {
            return Ok(0.0);
        }
        let (width, level, half) = (width as f32, level as f32, (level / 2.0) as f32);
        // The integral of x^2 between two distances from a level.
        let integral = |begin: f32, end: f32| (end * end * end - begin * begin * begin) / 3.0;
        // A quotient of 32-bit floats in 64 bits is never rounded up to a whole number, so this is rounded down
        // exactly.
        let nearest = |x: f32| (f64::from(x) / f64::from(level)).clamp(0.0, LEVELS - 1.0) as i32 as f32;
        let errors: Vec<f32> = (0..BINS)
            .map(|bin| {
                let begin = (bin as f32 - first as f32) * width;
                let end = begin + width;
                let (of_begin, of_end) = (nearest(begin), nearest(end));
                let density = self.histogram[bin] / width;
                let before = density * integral(begin - (of_begin + 0.5) * level, half);
                let between = (of_end - of_begin - 1.0) * (density * integral(-half, half));
                let after = density * integral(-half, end - (of_end * level + half));
                before + between + after
            })
            .collect();
        Tensor::f_from_slice(&errors)?.f_sum(Kind::Float)?.f_double_value(&[])
    }
}

/// How many values lie in each bin of a range that holds them all; the last bin has its upper border, too.
fn histogram(values: &[f32], (min, max): (f32, f32)) -> Vec<f32> {
    // A range without a width is put in the middle of a wider one.
    let (min, max) = if min == max { (min - 1.0, max + 1.0) } else { (min, max) };
    let width = max - min;
    // Neighbours count apart, as a count that just changed is slow to change again.
    let mut counts = vec![[0u32; 4]; BINS];
    let mut places = [0i32; 256];
    for chunk in values.chunks(places.len()) {
        for (place, &v) in places.iter_mut().zip(chunk) {
            *place = (((v - min) * BINS as f32 / width) as i32).clamp(0, BINS as i32 - 1);
        }
        for (i, &place) in places[..chunk.len()].iter().enumerate() {
            counts[place as usize][i % 4] += 1;
        }
    }
    counts.into_iter().map(|counts| counts.iter().sum::<u32>() as f32).collect()
}

/// A histogram of `before` as one of a wider range.
fn moved(counts: &[f32], before: (f32, f32), wider: (f32, f32)) -> Result<Vec<f32>, TchError> {
    if before.0 == before.1 {
        let sum = Tensor::f_from_slice(counts)?.f_sum(Kind::Float)?.f_double_value(&[])? as f32;
        return Ok(histogram(&[before.0], wider).into_iter().map(|count| count * sum).collect());
    }
    let pieces = BINS * FINER;
    let half = 0.5 * ((before.1 - before.0) / pieces as f32);
    let begins = steps(before, pieces)?;
    let borders = steps(wider, BINS)?;
    let mut moved = vec![0f32; BINS];
    for (piece, begin) in begins[..pieces].iter().enumerate() {
        let middle = begin + half;
        let bin = borders.partition_point(|&border| border <= middle).saturating_sub(1).min(BINS - 1);
        moved[bin] += counts[piece / FINER] / FINER as f32;
    }
    Ok(moved)
}

/// The borders of `parts` even parts of a range.
fn steps((min, max): (f32, f32), parts: usize) -> Result<Vec<f32>, TchError> {
    let options = (Kind::Float, tch::Device::Cpu);
    Tensor::f_linspace(f64::from(min), f64::from(max), parts as i64 + 1, options)?.try_into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_in_every_range() {
        for (sign, zero_point) in [(1.0, 0), (-1.0, 255)] {
            let values: Vec<f32> = (0..100_000u32).map(|i| sign * (1.0 + (i % 1000) as f32 / 1000.0)).collect();
            let mut observer = Observer::new();
            assert!(observer.params().unwrap().is_none());
            assert!(observer.observe(&Tensor::from_slice(&values)).unwrap());
            let params = observer.params().unwrap().unwrap();
            assert_eq!(params.zero_point, zero_point);
            assert!((params.scale * 255.0 - 1.999).abs() < 0.01, "{params:?}");
        }
    }

    #[test]
    fn values_that_are_not_finite_are_refused_and_leave_no_trace() {
        let mut observer = Observer::new();
        assert!(!observer.observe(&Tensor::from_slice(&[1.0f32, f32::NAN])).unwrap());
        assert!(!observer.observe(&Tensor::from_slice(&[1.0f32, f32::INFINITY])).unwrap());
        assert!(observer.params().unwrap().is_none());
        assert!(observer.observe(&Tensor::from_slice::<f32>(&[])).unwrap());
        assert!(observer.params().unwrap().is_none());
    }

    #[test]
    fn one_value_over_and_over() {
        for (value, expected) in [
            (0f32, Params { scale: f32::EPSILON, zero_point: 0 }),
            (5.1, Params { scale: 5.1 / 255.0, zero_point: 0 }),
            (-5.1, Params { scale: 5.1 / 255.0, zero_point: 255 }),
        ] {
            let mut observer = Observer::new();
            for _ in 0..2 {
                assert!(observer.observe(&Tensor::from_slice(&[value; 7])).unwrap());
            }
            assert_eq!(observer.params().unwrap(), Some(expected));
        }
    }
}

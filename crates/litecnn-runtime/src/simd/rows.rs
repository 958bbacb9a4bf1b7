//! Moving rows of values about: short loops in which checks of every slice would take longer than the work. Lengths
//! are checked once, before the loops.

use super::Simd;

/// Rows of a picture, so many values apart.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) count: usize,
    /// Values of a row that matter; whole vectors are read and written.
    pub(crate) width: usize,
    /// From a row's start to the next one's.
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Rows {
    /// Values up to the end of the last vector, of rows `stride` apart.
    fn end(&self, stride: usize, width: usize) -> usize {
        (self.count - 1) * stride + width
    }
}

/// Even and odd columns of rows, [`Rows::width`] of each. What is written beyond a row is overwritten by the next.
#[inline(always)]
pub(crate) fn split_rows<S: Simd>(s: S, rows: Rows, from: &[f32], even: &mut [f32], odd: &mut [f32]) {
    let half = S::WIDTH / 2;
    let width = rows.width.next_multiple_of(half);
    assert!(rows.count > 0 && rows.end(rows.from, 2 * width) <= from.len());
    assert!(rows.end(rows.to, width) <= even.len().min(odd.len()));
    let (from, even, odd) = (from.as_ptr(), even.as_mut_ptr(), odd.as_mut_ptr());
    for y in 0..rows.count {
        for x in (0..width).step_by(half) {
            // SAFETY: the ends of the last row are checked above, and others lie before them.
            unsafe {
                let v = s.load_from(from.add(y * rows.from + 2 * x));
                s.split_to(v, even.add(y * rows.to + x), odd.add(y * rows.to + x));
            }
        }
    }
}

/// Vectors `v[b][n]` to `places[n]`, `step` values further for each `b`.
#[inline(always)]
pub(crate) fn store_each<S: Simd, const N: usize, const B: usize>(
    s: S,
    to: &mut [f32],
    places: [usize; N],
    step: usize,
    v: [[S::V; N]; B],
) {
    check(to, places, step * (B - 1), S::WIDTH);
    for b in 0..B {
        for n in 0..N {
            // SAFETY: checked for the largest `b`.
            unsafe { s.store_to(to.as_mut_ptr().add(places[n] + b * step), v[b][n]) };
        }
    }
}

/// As [`store_each`] of even lanes; odd ones go `gap` values further.
#[inline(always)]
pub(crate) fn split_each<S: Simd, const N: usize, const B: usize>(
    s: S,
    to: &mut [f32],
    places: [usize; N],
    step: usize,
    gap: usize,
    v: [[S::V; N]; B],
) {
    check(to, places, step * (B - 1) + gap, S::WIDTH / 2);
    for b in 0..B {
        for n in 0..N {
            // SAFETY: checked for the largest `b` and the odd lanes.
            unsafe {
                let even = to.as_mut_ptr().add(places[n] + b * step);
                s.split_to(v[b][n], even, even.add(gap));
            }
        }
    }
}

/// Two vectors, the second one `gap` values further than the first.
#[inline(always)]
pub(crate) fn store_pair<S: Simd>(s: S, to: &mut [f32], at: usize, gap: usize, [first, second]: [S::V; 2]) {
    check(to, [at], gap, S::WIDTH);
    // SAFETY: checked for the second one.
    unsafe {
        s.store_to(to.as_mut_ptr().add(at), first);
        s.store_to(to.as_mut_ptr().add(at + gap), second);
    }
}

/// Panics unless `count` values fit in from each place, and from as much further.
#[inline(always)]
fn check<const N: usize>(to: &[f32], places: [usize; N], further: usize, count: usize) {
    for place in places {
        assert!(place <= to.len() && further <= to.len() - place && count <= to.len() - place - further);
    }
}

/// Copies rows. What is written beyond a row is overwritten by the next.
#[inline(always)]
pub(crate) fn copy_rows<S: Simd>(s: S, rows: Rows, from: &[f32], to: &mut [f32]) {
    let width = rows.width.next_multiple_of(S::WIDTH);
    assert!(rows.count > 0 && rows.end(rows.from, width) <= from.len() && rows.end(rows.to, width) <= to.len());
    let (from, to) = (from.as_ptr(), to.as_mut_ptr());
    if rows.width <= S::WIDTH / 2 {
        for y in 0..rows.count {
            // SAFETY: the ends of the last row are checked above, and others lie before them.
            unsafe { s.copy_half(from.add(y * rows.from), to.add(y * rows.to)) };
        }
        return;
    }
    for y in 0..rows.count {
        for x in (0..width).step_by(S::WIDTH) {
            // SAFETY: as above.
            unsafe { s.store_to(to.add(y * rows.to + x), s.load_from(from.add(y * rows.from + x))) };
        }
    }
}

/// Rows to lanes: of `from`, [`Simd::WIDTH`] rows, the first values to the first vector of `to`, and so on.
#[inline(always)]
pub(crate) fn turn<S: Simd>(s: S, from: &[f32], to: &mut [f32]) {
    let width = from.len() / S::WIDTH;
    assert!(width * S::WIDTH <= to.len());
    if width < S::WIDTH {
        return turn_few(s, from, |value| value, None, to);
    }
    for at in (0..width).step_by(S::WIDTH) {
        // The last ones overlap those before.
        let at = at.min(width - S::WIDTH);
        // SAFETY: each row has `WIDTH` values from `at` on, and `to` as many vectors.
        unsafe { s.turn(from.as_ptr().add(at), width, to.as_mut_ptr().add(at * S::WIDTH)) };
    }
}

/// As [`turn`] of bytes, which become `scale * byte + shift`.
#[inline(always)]
pub(crate) fn turn_bytes<S: Simd>(s: S, from: &[u8], scale: S::V, shift: S::V, to: &mut [f32]) {
    let (width, run) = (from.len() / S::WIDTH, 4 * S::WIDTH);
    assert!(width * S::WIDTH <= to.len());
    if width < run {
        return turn_few(s, from, f32::from, Some((scale, shift)), to);
    }
    for at in (0..width).step_by(run) {
        let at = at.min(width - run);
        // SAFETY: each row has `run` values from `at` on, and `to` as many vectors.
        unsafe { s.turn_bytes(from.as_ptr().add(at), width, scale, shift, to.as_mut_ptr().add(at * S::WIDTH)) };
    }
}

/// Rows that are too short for the above.
#[inline(always)]
fn turn_few<S: Simd, T: Copy>(s: S, from: &[T], value: fn(T) -> f32, scaling: Option<(S::V, S::V)>, to: &mut [f32]) {
    let width = from.len() / S::WIDTH;
    for (i, to) in to.chunks_exact_mut(S::WIDTH).take(width).enumerate() {
        for (to, row) in to.iter_mut().zip(from.chunks_exact(width)) {
            *to = value(row[i]);
        }
        if let Some((scale, shift)) = scaling {
            s.store(to, s.fma(s.load(to), scale, shift));
        }
    }
}

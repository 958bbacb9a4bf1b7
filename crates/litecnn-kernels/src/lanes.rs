use crate::simd::LANES;

/// Lays up to 16 rows of values out with the row innermost: `[value][16]`. Lanes without a row are zero.
///
/// # Panics
/// If there are more than 16 rows, or one is not as long as `lanes` has room for.
pub fn to_lanes(rows: &[&[f32]], lanes: &mut [f32]) {
    fill(rows, lanes, |value| value);
}

/// As [`to_lanes`] for bytes, each looked up in `table`.
///
/// # Panics
/// As [`to_lanes`].
pub fn bytes_to_lanes(rows: &[&[u8]], table: &[f32; 256], lanes: &mut [f32]) {
    fill(rows, lanes, |byte: u8| table[usize::from(byte)]);
}

/// The reverse of [`to_lanes`]: one row after the other, as many as `rows` has room for.
///
/// # Panics
/// If that is more than 16, or not whole rows.
pub fn from_lanes(lanes: &[f32], rows: &mut [f32]) {
    let length = lanes.len() / LANES;
    assert!(rows.len().is_multiple_of(length) && rows.len() <= lanes.len(), "not up to 16 rows of {length}");
    for (lane, row) in rows.chunks_exact_mut(length).enumerate() {
        for (value, from) in row.iter_mut().zip(lanes.chunks_exact(LANES)) {
            *value = from[lane];
        }
    }
}

fn fill<T: Copy>(rows: &[&[T]], lanes: &mut [f32], value: impl Fn(T) -> f32) {
    let length = lanes.len() / LANES;
    assert!(rows.len() <= LANES, "{} rows for {LANES} lanes", rows.len());
    assert!(rows.iter().all(|row| row.len() == length), "rows are not of {length} values");
    if let Ok(rows) = <[&[T]; LANES]>::try_from(rows) {
        for (i, to) in lanes.chunks_exact_mut(LANES).enumerate() {
            for (to, row) in to.iter_mut().zip(&rows) {
                *to = value(row[i]);
            }
        }
        return;
    }
    for (i, to) in lanes.chunks_exact_mut(LANES).enumerate() {
        to.fill(0.0);
        for (to, row) in to.iter_mut().zip(rows) {
            *to = value(row[i]);
        }
    }
}

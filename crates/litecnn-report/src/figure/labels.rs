//! Labels of points that lie close together.

/// A place near a spot for a short label, away from what is there already: the freest of eight.
pub(crate) fn beside((x, y): (f64, f64), taken: &[(f64, f64)]) -> (f64, f64) {
    let around = [(1.0, 0.0), (0.0, -1.0), (-1.0, 0.0), (0.0, 1.0), (0.8, -0.8), (-0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)];
    let places = around.map(|(dx, dy)| (x + 10.0 * dx, y + 11.0 * dy));
    // Beyond some pixels it does not matter how far; then the first will do.
    let room = |place: &(f64, f64)| {
        let distances = taken.iter().map(|t| (t.0 - place.0).hypot(t.1 - place.1).min(9.5));
        distances.fold(9.5, f64::min)
    };
    places.into_iter().rev().max_by(|a, b| room(a).total_cmp(&room(b))).unwrap_or(places[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_apart() {
        let spots = vec![(100.0, 100.0), (112.0, 100.0), (100.0, 88.0)];
        let mut taken = spots.clone();
        for spot in spots {
            let place = beside(spot, &taken);
            assert!(taken.iter().all(|t| (t.0 - place.0).hypot(t.1 - place.1) > 7.0), "{place:?} {taken:?}");
            taken.push(place);
        }
    }
}

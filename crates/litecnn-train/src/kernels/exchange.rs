use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Where two threads swap values, round after round.
///
/// Rounds are shorter than it takes to wake a thread, so whoever comes first waits awake for a while.
pub(super) struct Exchange {
    sides: [Side; 2],
    gone: AtomicBool,
}

#[derive(Default)]
struct Side {
    rounds: AtomicUsize,
    /// Rounds alternate between them: the other side may still read the last one.
    slots: [Mutex<Vec<f32>>; 2],
}

/// Looks before a waiting thread lets others run in between, and before it sleeps in between.
const PATIENCE: [usize; 2] = [20_000, 40_000];

impl Exchange {
    pub(super) fn new() -> Self {
        Self { sides: [Side::default(), Side::default()], gone: AtomicBool::new(false) }
    }

    /// Hands over `mine` as side 0 or 1 and takes the other side's values of the same round. False if the other side
    /// has left.
    pub(super) fn swap(&self, side: usize, mine: &[f32], theirs: &mut [f32]) -> bool {
        let (own, other) = (&self.sides[side], &self.sides[1 - side]);
        let round = own.rounds.load(Ordering::Relaxed);
        {
            let mut slot = own.slots[round % 2].lock().unwrap_or_else(PoisonError::into_inner);
            slot.clear();
            slot.extend_from_slice(mine);
        }
        own.rounds.store(round + 1, Ordering::Release);
        let there = || other.rounds.load(Ordering::Acquire) > round;
        let mut looks = 0;
        while !there() {
            if self.gone.load(Ordering::Acquire) {
                // It may have been there and left since we looked.
                if there() {
                    break;
                }
                return false;
            }
            looks += 1;
            match PATIENCE {
                [awake, _] if looks < awake => std::hint::spin_loop(),
                [_, patient] if looks < patient => std::thread::yield_now(),
                _ => std::thread::sleep(Duration::from_micros(100)),
            }
        }
        let slot = other.slots[round % 2].lock().unwrap_or_else(PoisonError::into_inner);
        theirs.copy_from_slice(&slot);
        true
    }

    /// Must be held by each side while it works: when one ends, by an error or a panic too, the other one need not
    /// wait for it.
    pub(super) fn presence(&self) -> Presence<'_> {
        Presence(&self.gone)
    }
}

pub(super) struct Presence<'a>(&'a AtomicBool);

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_gets_the_others_values_of_the_same_round() {
        let exchange = Exchange::new();
        let work = |side: usize| {
            let _presence = exchange.presence();
            for round in 0..2000 {
                let mut theirs = [0.0];
                assert!(exchange.swap(side, &[(2 * round + side) as f32], &mut theirs));
                assert_eq!(theirs, [(2 * round + 1 - side) as f32]);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| work(1));
            work(0);
        });
    }

    #[test]
    fn the_last_round_counts_though_the_other_leaves_at_once() {
        for _ in 0..500 {
            let exchange = Exchange::new();
            let work = |side: usize| {
                let _presence = exchange.presence();
                for round in 0..3 {
                    let mut theirs = [0.0];
                    assert!(exchange.swap(side, &[round as f32], &mut theirs));
                }
            };
            std::thread::scope(|scope| {
                scope.spawn(|| work(1));
                work(0);
            });
        }
    }

    #[test]
    fn nobody_waits_for_one_who_left() {
        let exchange = Exchange::new();
        std::thread::scope(|scope| {
            scope.spawn(|| drop(exchange.presence()));
            assert!(!exchange.swap(0, &[1.0], &mut [0.0]));
        });
    }
}

use litecnn_pictures::{Listing, Part};
use rand::seq::SliceRandom;

use super::PictureOptions;
use super::Shares;
use super::read::Outcome;
use super::twins::Twins;
use crate::tensor::stream;

/// The part of each picture that was read, and what was cut from the training images for it.
///
/// What is cut is cut class by class: the share, rounded, but at least one picture where the class has so many that one
/// is left in every part. Pictures with the same image stay in one part.
pub(super) fn parts(
    listing: &Listing,
    outcomes: &[Outcome],
    twins: &Twins,
    options: &PictureOptions,
) -> (Vec<Option<Part>>, Shares) {
    let brings = |part| listing.pictures.iter().any(|p| p.part == Some(part));
    let share = |part, share: f64| (!brings(part) && share > 0.0).then_some(share);
    let cut = Shares {
        validation: share(Part::Validation, options.validation_share),
        test: share(Part::Test, options.test_share),
        seed: options.seed,
    };
    let read = |outcome: &Outcome| matches!(outcome, Outcome::Image { .. });
    let given = listing.pictures.iter().zip(outcomes);
    let mut parts: Vec<Option<Part>> =
        given.map(|(picture, outcome)| read(outcome).then(|| picture.part.unwrap_or(Part::Train))).collect();
    for (label, class) in (0..=u8::MAX).zip(&listing.classes) {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut place = std::collections::HashMap::new();
        for (index, picture) in listing.pictures.iter().enumerate() {
            if picture.label == label && parts[index] == Some(Part::Train) {
                let at = *place.entry(twins.first(index)).or_insert(groups.len());
                if at == groups.len() {
                    groups.push(Vec::new());
                }
                groups[at].push(index);
            }
        }
        groups.shuffle(&mut stream(options.seed, &format!("pictures/parts/{class}")));
        let count = groups.iter().map(Vec::len).sum::<usize>();
        let wanted = [(Part::Test, cut.test), (Part::Validation, cut.validation)];
        // One group at least stays to train on; where there are too few for all parts, the test goes first.
        for (part, share) in wanted.into_iter().filter_map(|(part, share)| Some((part, share?))) {
            let most = ((count as f64 * share).round() as usize).max(1);
            let later = usize::from(part == Part::Test && cut.validation.is_some() && groups.len() > 2);
            let mut taken = 0;
            while groups.len() > 1 + later {
                let fits = |group: &Vec<usize>| taken == 0 || taken + group.len() <= most;
                let Some(at) = groups.iter().position(fits).filter(|_| taken < most) else { break };
                let group = groups.remove(at);
                taken += group.len();
                for index in group {
                    parts[index] = Some(part);
                }
            }
        }
    }
    (parts, cut)
}

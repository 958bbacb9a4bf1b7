use crate::cifar;
use crate::manifest::SetSpec;

/// Which coarse class each class lies in, learnt from records with two labels. What contradicts itself is refused.
pub(crate) struct CoarseClasses<'a> {
    set: &'a SetSpec,
    of: [Option<u8>; 256],
}

impl<'a> CoarseClasses<'a> {
    pub(crate) fn new(set: &'a SetSpec) -> Self {
        Self { set, of: [None; 256] }
    }

    /// Learns from a file of the set.
    pub(crate) fn learn(&mut self, bytes: &[u8]) -> Result<(), String> {
        let pairs = || cifar::records(bytes, self.set.format, self.set.shape).map(|all| all.map(|r| (r[0], r[1])));
        let classes = self.set.classes.len();
        let (mut coarse_fit, mut fault) = (true, None);
        for (at, (coarse, fine)) in pairs()?.enumerate() {
            coarse_fit &= usize::from(coarse) < classes;
            if fault.is_some() {
                continue;
            }
            if usize::from(fine) >= classes {
                fault = Some(Fault::TooLarge { at, fine });
                continue;
            }
            match self.of[usize::from(fine)].replace(coarse).filter(|before| *before != coarse) {
                Some(before) => fault = Some(Fault::Twice { at, fine, coarse, before }),
                None => continue,
            }
        }
        let Some(fault) = fault else { return Ok(()) };
        if is_function(pairs()?) && !is_function(pairs()?.map(|(first, second)| (second, first))) {
            return Err(
                "its coarse and fine labels are swapped: each value of the first goes with one of the second, \
                        not the other way round, but the coarse label comes first"
                    .into(),
            );
        }
        Err(match fault {
            Fault::TooLarge { at, fine } => {
                let told = format!("label {at} is {fine}, but there are {classes} classes, counted from 0");
                if coarse_fit {
                    told + "; the coarse labels are below that: the manifest must list the fine classes"
                } else {
                    told
                }
            }
            Fault::Twice { at, fine, coarse, before } => format!(
                "label {at} is {fine} in the coarse class {coarse}, before it was in {before}: each class lies in \
                 exactly one, so these are no coarse and fine labels"
            ),
        })
    }

    /// The coarse class of every class.
    pub(crate) fn complete(&self) -> Result<Vec<u8>, String> {
        let classes = &self.set.classes;
        let mut absent = classes.iter().zip(self.of).filter(|(_, coarse)| coarse.is_none()).map(|(name, _)| name);
        let Some(first) = absent.next() else { return Ok(self.of.into_iter().flatten().collect()) };
        let count = 1 + absent.count();
        let found = classes.len() - count;
        Err(format!(
            "only {found} of {} classes have images, `{first}` has none: if there are {found} coarse classes, the \
             second label repeats them where the fine label is wanted",
            classes.len()
        ))
    }
}

enum Fault {
    /// A label is none of the classes.
    TooLarge { at: usize, fine: u8 },
    /// A class lies in two coarse classes.
    Twice { at: usize, fine: u8, coarse: u8, before: u8 },
}

/// Whether each first value goes with one second value only.
fn is_function(pairs: impl Iterator<Item = (u8, u8)>) -> bool {
    let mut of = [None; 256];
    let mut pairs = pairs;
    pairs.all(|(from, to)| *of[usize::from(from)].get_or_insert(to) == to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::official_sets;

    /// A set of six classes in three coarse ones, images of one pixel.
    fn set(classes: usize) -> SetSpec {
        let mut set = official_sets().unwrap().iter().find(|s| s.name == "cifar100").unwrap().clone();
        set.shape = [1, 1, 1];
        set.classes.truncate(classes);
        set
    }

    fn told(classes: usize, pairs: &[(u8, u8)]) -> Result<Vec<u8>, String> {
        let set = set(classes);
        let mut coarse = CoarseClasses::new(&set);
        let bytes: Vec<u8> = pairs.iter().flat_map(|(first, second)| [*first, *second, 9]).collect();
        coarse.learn(&bytes)?;
        coarse.complete()
    }

    const GOOD: [(u8, u8); 7] = [(2, 0), (0, 1), (1, 2), (1, 3), (0, 4), (2, 5), (0, 1)];

    #[test]
    fn every_class_lies_in_one_coarse_class() {
        assert_eq!(told(6, &GOOD), Ok(vec![2, 0, 1, 1, 0, 2]));
    }

    #[test]
    fn what_is_wrong_with_the_labels_is_told() {
        let swapped = GOOD.map(|(coarse, fine)| (fine, coarse));
        let both_coarse = GOOD.map(|(coarse, _)| (coarse, coarse));
        let mut twice = GOOD;
        twice[6] = (2, 1);
        for (classes, pairs, words) in [
            (6, swapped, "coarse and fine labels are swapped"),
            (3, swapped, "coarse and fine labels are swapped"),
            (3, GOOD, "label 3 is 3, but there are 3 classes, counted from 0; the coarse labels are below that"),
            (6, both_coarse, "only 3 of 6 classes have images, `bear` has none: if there are 3 coarse classes"),
            (6, twice, "label 6 is 1 in the coarse class 2, before it was in 0"),
        ] {
            let message = told(classes, &pairs).unwrap_err();
            assert!(message.contains(words), "{message}");
        }
        let message = told(2, &[(9, 7), (9, 1)]).unwrap_err();
        assert!(message.ends_with("there are 2 classes, counted from 0"), "{message}");
    }

    #[test]
    fn files_of_a_set_must_agree() {
        let set = set(2);
        let mut coarse = CoarseClasses::new(&set);
        coarse.learn(&[0, 0, 9, 1, 1, 9]).unwrap();
        let message = coarse.learn(&[0, 0, 9, 0, 1, 9]).unwrap_err();
        assert!(message.contains("label 1 is 1 in the coarse class 0, before it was in 1"), "{message}");
    }
}

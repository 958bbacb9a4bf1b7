use std::path::Path;

use litecnn_data::{Crops, Normalisation};
use litecnn_train::checks::{checked, non_negative, positive_epochs};
use litecnn_train::{Override, RecipeError};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::rate::RateSchedule;

const STUDY: &str = include_str!("../../recipes/study.toml");
const PRESETS: [(&str, &str); 8] = [
    ("study", STUDY),
    ("short", include_str!("../../recipes/short.toml")),
    ("retrain", include_str!("../../recipes/retrain.toml")),
    ("previous", include_str!("../../recipes/previous.toml")),
    ("fine-tuning", include_str!("../../recipes/fine-tuning.toml")),
    ("compact", include_str!("../../recipes/compact.toml")),
    ("compact-digits", include_str!("../../recipes/compact-digits.toml")),
    ("smoke", include_str!("../../recipes/smoke.toml")),
];

/// Everything that decides how a network is trained, data set and seed apart. Each value is checked as it is read.
///
/// ```
/// use litecnn_zoo::Recipe;
///
/// # fn main() -> Result<(), litecnn_zoo::ZooError> {
/// let recipe = Recipe::parse("name = \"short\"\nepochs = 20\n", "short.toml".as_ref())?;
/// assert_eq!((recipe.epochs, recipe.batch_size), (20, 128)); // what is not given is the study's
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Recipe {
    /// Shown in records.
    pub name: String,
    /// At most so many.
    #[serde(deserialize_with = "positive_epochs")]
    pub epochs: u32,
    /// Images a step.
    #[serde(deserialize_with = "batch_size")]
    pub batch_size: usize,
    /// Of all weights, added to the gradient.
    #[serde(deserialize_with = "non_negative")]
    pub weight_decay: f64,
    /// Part of the target that is spread evenly over all classes, in `[0, 1)` (Szegedy et al. 2016).
    #[serde(default, deserialize_with = "fraction", skip_serializing_if = "is_default")]
    pub label_smoothing: f64,
    /// Decay of the moving average of weights and running statistics that is validated and kept, in `[0, 1)`; 0 for the
    /// weights themselves (Polyak & Juditsky 1992). In the first steps, `t`, it is at most `(1 + t) / (10 + t)`.
    #[serde(default, deserialize_with = "fraction", skip_serializing_if = "is_default")]
    pub average: f64,
    /// Images that batch norms look at together in training, a divisor of the batch; 0 for the whole batch (Hoffer, Hubara
    /// & Soudry 2017). An epoch's last images that do not fill such a group are left out.
    #[serde(default, skip_serializing_if = "is_default")]
    pub norm_images: usize,
    /// Training stops after so many epochs without a smaller mean training loss; 0 for never.
    pub patience: u32,
    /// Learning rate and momentum, step by step.
    #[serde(deserialize_with = "schedule")]
    pub schedule: RateSchedule,
    /// What happens to training images.
    #[serde(deserialize_with = "crops")]
    pub augmentation: Crops,
    /// What happens to all images; without numbers it is the data set's, see [`Recipe::normalised`].
    pub normalisation: Normalisation,
}

impl Recipe {
    /// A preset (`study`, `short`, `retrain`, `previous`, `fine-tuning`, `compact`, `compact-digits`, `smoke`) by name, or a TOML file by path.
    ///
    /// # Errors
    /// [`RecipeError`] if there is no such preset or file, or the file has a fault.
    pub fn load(name: &str) -> Result<Self, RecipeError> {
        Self::load_with(name, &[])
    }

    /// The same with single values given beside it, which count before all.
    ///
    /// # Errors
    /// As [`Recipe::load`]; a fault of an override names it.
    pub fn load_with(name: &str, overrides: &[Override]) -> Result<Self, RecipeError> {
        litecnn_train::load_over(name, &PRESETS, overrides)
    }

    /// A recipe from TOML text; values it does not give are the study's. `path` is for messages.
    ///
    /// # Errors
    /// [`RecipeError`] with the line of the fault: a syntax error, an unknown key, a value that is impossible.
    pub fn parse(text: &str, path: &Path) -> Result<Self, RecipeError> {
        litecnn_train::parse_over(text, path, STUDY, &[])
    }

    /// Every setting as TOML text; parsing it gives the same recipe.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a recipe is plain data")
    }

    /// SHA-256 of every setting but the name.
    pub fn hash(&self) -> String {
        let nameless = Self { name: String::new(), ..self.clone() };
        litecnn_run::sha256(nameless.to_toml().as_bytes())
    }

    /// What about its numbers does not go together, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        let Self { batch_size, norm_images, .. } = *self;
        (norm_images > 0 && !batch_size.is_multiple_of(norm_images))
            .then(|| format!("norm-images = {norm_images} does not divide batch-size = {batch_size}"))
    }

    /// The same recipe, with this normalisation if it has none of its own.
    pub fn normalised(mut self, normalisation: Normalisation) -> Self {
        if self.normalisation.mean.is_empty() && self.normalisation.deviation.is_empty() {
            self.normalisation = normalisation;
        }
        self
    }
}

fn batch_size<'de, D: Deserializer<'de>>(d: D) -> Result<usize, D::Error> {
    checked(d, |n: i64| (2..=1 << 24).contains(&n), "at least 2, at most 16777216").map(|n| n as usize)
}

fn fraction<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    checked(d, |x: f64| (0.0..1.0).contains(&x), "at least 0 and below 1")
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn schedule<'de, D: Deserializer<'de>>(d: D) -> Result<RateSchedule, D::Error> {
    let schedule = RateSchedule::deserialize(d)?;
    schedule.fault().map_or(Ok(schedule), |fault| Err(D::Error::custom(fault)))
}

fn crops<'de, D: Deserializer<'de>>(d: D) -> Result<Crops, D::Error> {
    let crops = Crops::deserialize(d)?;
    if crops.padding > 1024 {
        return Err(D::Error::custom(format!("a padding of {} is impossible here: at most 1024", crops.padding)));
    }
    if !(0.0..=1.0).contains(&crops.mirror) {
        return Err(D::Error::custom(format!("mirror = {} is impossible here: from 0 to 1", crops.mirror)));
    }
    Ok(crops)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_good_and_survive_a_round_trip() {
        for (name, _) in PRESETS {
            let recipe = Recipe::load(name).unwrap();
            assert_eq!(recipe.name, name);
            assert_eq!(Recipe::parse(&recipe.to_toml(), Path::new("x")).unwrap(), recipe);
        }
        let study = Recipe::load("study").unwrap();
        assert_eq!((study.epochs, study.batch_size, study.weight_decay, study.patience), (150, 128, 2e-5, 0));
        let smoke = Recipe::load("smoke").unwrap();
        assert_eq!((smoke.epochs, &smoke.schedule), (2, &study.schedule));
        assert_ne!(smoke.hash(), study.hash());
        assert_eq!(Recipe { name: "mine".into(), ..study.clone() }.hash(), study.hash());
    }

    fn study() -> Recipe {
        Recipe::load("study").unwrap()
    }

    #[test]
    fn a_normalisation_of_its_own_stays() {
        let given = |mean| Normalisation { mean: vec![mean], deviation: vec![1.0] };
        let recipe = Recipe::load("study").unwrap().normalised(given(0.1));
        assert_eq!(recipe.normalisation, given(0.1));
        assert_eq!(recipe.normalised(given(0.2)).normalisation, given(0.1));
    }

    #[test]
    fn faults_are_shown_with_their_line() {
        for (text, line, words) in [
            (
                "epoch = 3",
                1,
                "unknown key `epoch` (did you mean `epochs`?); possible here: augmentation, average, batch-size, ",
            ),
            ("\nepochs = 0", 2, "0 is impossible here: at least 1"),
            ("batch-size = 1", 1, "1 is impossible here: at least 2"),
            ("weight-decay = -1.0", 1, "-1 is impossible here"),
            ("patience = -1", 1, "patience"),
            ("[schedule]\npeak = 0.0", 1, "peak = 0 is impossible here"),
            ("[schedule]\nwarm-up = 1.5", 1, "warm-up = 1.5 is impossible here"),
            ("[schedule]\nkind = \"steps\"", 2, "unknown variant `steps`"),
            ("[schedule]\nkind = \"plateau\"\nrate = 1.0", 1, "missing field `momentum`"),
            ("[schedule]\nrate = 1.0", 2, "unknown key `schedule.rate`"),
            ("[augmentation]\npadding = 2000", 1, "2000 is impossible here"),
            ("[augmentation]\nmirror = 2.0", 1, "mirror = 2 is impossible here"),
        ] {
            let message = Recipe::parse(text, Path::new("my.toml")).unwrap_err().to_string();
            assert!(message.starts_with(&format!("my.toml, line {line}: ")) && message.contains(words), "{message}");
        }
        let absent = Recipe::load("absent.toml").unwrap_err().to_string();
        assert!(
            absent.contains("study, short, retrain, previous, fine-tuning, compact, compact-digits, smoke"),
            "{absent}"
        );
        let given = |text: &str| Recipe::load_with("short", &[text.parse().unwrap()]);
        assert_eq!(given("schedule.peak=0.2").unwrap().schedule, study().schedule.with_peak(0.2));
        let message = given("schedule.peek=0.2").unwrap_err().to_string();
        assert!(message.starts_with("--set schedule.peek=0.2: ") && message.contains("`schedule.peak`"), "{message}");
    }
}

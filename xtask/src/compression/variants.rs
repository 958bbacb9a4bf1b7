use litecnn_cli::Usage;

/// One of the study's networks. The tool has them too, but only where libtorch is.
#[derive(Debug, PartialEq)]
pub(crate) struct Variant {
    family: Family,
    pub(super) no: u32,
    name: &'static str,
    /// Operations of one image, in millions, for ten classes.
    pub(super) mflops: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    ResNet101,
    Vgg19,
}

use Family::{ResNet101, Vgg19};

impl Family {
    fn prefix(self) -> &'static str {
        match self {
            ResNet101 => "resnet101",
            Vgg19 => "vgg19",
        }
    }

    /// The data set of the family's table in the paper.
    fn dataset(self) -> &'static str {
        match self {
            ResNet101 => "cifar100",
            Vgg19 => "cifar10",
        }
    }
}

const fn variant(family: Family, no: u32, name: &'static str, mflops: f64) -> Variant {
    Variant { family, no, name, mflops }
}

#[rustfmt::skip]
static VARIANTS: [Variant; 28] = [
    variant(ResNet101, 1, "baseline", 2520.2),
    variant(ResNet101, 2, "fire", 3480.0),
    variant(ResNet101, 3, "nx1-1xn", 2141.6),
    variant(ResNet101, 4, "dwconv", 1279.5),
    variant(ResNet101, 5, "grouped-pointwise-shuffle", 420.7),
    variant(ResNet101, 6, "inverted", 79.2),
    variant(ResNet101, 7, "inverted-no-fc", 62.4),
    variant(ResNet101, 8, "inverted-opt-gap", 57.4),
    variant(ResNet101, 9, "inverted-fewer-early-channels", 53.0),
    variant(ResNet101, 10, "ghost", 32.8),
    variant(ResNet101, 11, "ghost-small", 29.8),
    variant(ResNet101, 12, "ghost-small-se", 31.5),
    variant(ResNet101, 13, "ghost-small-grouped", 12.8),
    variant(ResNet101, 14, "ghost-small-grouped-se", 14.5),
    variant(ResNet101, 15, "dice", 160.4),
    variant(Vgg19, 1, "baseline", 417.7),
    variant(Vgg19, 2, "gap", 398.7),
    variant(Vgg19, 3, "nx1-1xn", 256.0),
    variant(Vgg19, 4, "dwconv", 46.8),
    variant(Vgg19, 5, "fire", 40.2),
    variant(Vgg19, 6, "fire-dw", 11.0),
    variant(Vgg19, 7, "fire-dw-no-fc", 11.0),
    variant(Vgg19, 8, "fire-grouped-shuffle", 4.8),
    variant(Vgg19, 9, "fire-ghost", 9.4),
    variant(Vgg19, 10, "fire-ghost-grouped", 8.5),
    variant(Vgg19, 11, "fire-ghost-grouped-se", 10.1),
    variant(Vgg19, 12, "fire-grouped-shuffle-se", 6.3),
    variant(Vgg19, 13, "fire-dice", 7.3),
];

/// The two with the fewest weights.
const SMALLEST: [&str; 2] = ["resnet101-13", "vgg19-8"];

impl Variant {
    /// What the tool calls it.
    pub(super) fn network(&self) -> String {
        format!("{}-{}", self.family.prefix(), self.name)
    }

    /// Whether the study quantises it with relu6 after the stem, though it is trained with relu.
    pub(super) fn is_clipped_in_bytes(&self) -> bool {
        (self.family, self.no) == (ResNet101, 11)
    }

    /// Whether the study prunes and quantises it.
    pub(super) fn is_pruned(&self) -> bool {
        self.family == ResNet101 && [1, 11, 13].contains(&self.no)
    }
}

/// The networks of names such as `resnet101-ghost-small`, `resnet101-11` or `vgg19` (all of a family), and the data
/// sets for them; without names all of the study, or with `smoke` the two smallest, and without data sets the paper's.
pub(crate) fn choose(
    names: &[String],
    datasets: &[String],
    smoke: bool,
) -> Result<Vec<(&'static Variant, Vec<String>)>, Usage> {
    let smallest = SMALLEST.map(str::to_owned);
    let names = if names.is_empty() && smoke { &smallest } else { names };
    let mut chosen: Vec<&'static Variant> = Vec::new();
    for name in names {
        let wanted = name.to_lowercase().replace('_', "-");
        let matches = |v: &&Variant| {
            let prefix = v.family.prefix();
            wanted == v.network() || wanted == format!("{prefix}-{}", v.no) || wanted == prefix
        };
        let before = chosen.len();
        chosen.extend(VARIANTS.iter().filter(matches));
        if chosen.len() == before {
            let known: Vec<String> = VARIANTS.iter().map(Variant::network).collect();
            return Err(Usage(format!(
                "--variants: there is no `{name}`{}; there are {}, the same by number as in resnet101-11, and all of \
                 resnet101 or vgg19",
                litecnn_cli::did_you_mean(name, known.iter().map(String::as_str)),
                known.join(", ")
            )));
        }
    }
    if names.is_empty() {
        chosen = VARIANTS.iter().collect();
    }
    if let Some((at, twice)) = chosen.iter().enumerate().find(|(at, v)| chosen[..*at].contains(v)) {
        return Err(Usage(format!("--variants names {} twice, the second time as number {}", twice.network(), at + 1)));
    }
    let of = |variant: &'static Variant| match datasets {
        [] if smoke => vec!["cifar10".to_owned()],
        [] => vec![variant.family.dataset().to_owned()],
        given => given.to_vec(),
    };
    Ok(chosen.into_iter().map(|variant| (variant, of(variant))).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::wanted;
    use super::*;

    #[test]
    fn the_networks_are_those_of_the_tool() {
        let text = include_str!("../../../crates/litecnn-zoo/published/sobolewski-szyc.json");
        let published: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut counted: Vec<(u64, String)> = Vec::new();
        for variant in published["variants"].as_array().unwrap().iter().filter(|v| v["classes"] == 10) {
            let ours = VARIANTS.iter().find(|v| {
                let family = if v.family == ResNet101 { "ResNet-101" } else { "VGG-19" };
                variant["family"] == family && variant["no"] == v.no
            });
            let ours = ours.unwrap();
            assert_eq!(variant["name"].as_str().unwrap().replace('_', "-"), ours.name);
            assert!((variant["flops_fvcore"].as_f64().unwrap() / 1e6 - ours.mflops).abs() <= 0.051, "{ours:?}");
            counted.push((variant["params"].as_u64().unwrap(), format!("{}-{}", ours.family.prefix(), ours.no)));
        }
        assert_eq!(counted.len(), VARIANTS.len());
        counted.sort();
        assert_eq!([counted[0].1.as_str(), counted[1].1.as_str()], SMALLEST);
    }

    #[test]
    fn networks_are_chosen_by_name_number_and_family() {
        let names = |variants: &str| -> Vec<String> {
            wanted(variants, &[], false)
                .networks
                .iter()
                .map(|(v, d)| format!("{} {}", v.network(), d.concat()))
                .collect()
        };
        assert_eq!(
            names("resnet101-11 VGG19_8"),
            ["resnet101-ghost-small cifar100", "vgg19-fire-grouped-shuffle cifar10"]
        );
        assert_eq!(names("vgg19").len(), 13);
        assert_eq!(names("").len(), 28);
        assert_eq!(wanted("vgg19-fire", &["cifar100", "cifar10"], false).networks[0].1, ["cifar100", "cifar10"]);
        let smoke = wanted("", &[], true).networks;
        assert_eq!(
            smoke.iter().map(|(v, d)| (v.no, d.concat())).collect::<Vec<_>>(),
            [(13, "cifar10".to_owned()), (8, "cifar10".to_owned())]
        );
    }
}

use serde::Deserialize;

use crate::ReportError;

/// What Sobolewski & Szyc publish of their networks, and exact counts.
///
/// Read from the one file there is of it, which lies with the networks themselves.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Study {
    pub(super) source: String,
    pub(super) variants: Vec<Variant>,
    pruning: Pruning,
    quantization: Quantization,
}

/// A variant for a number of classes.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Variant {
    /// `ResNet-101` or `VGG-19`.
    pub(super) family: String,
    pub(super) no: u32,
    name: String,
    /// `CIFAR-10` or `CIFAR-100`.
    dataset: String,
    pub(super) params: u64,
    #[serde(rename = "flops_fvcore")]
    pub(super) flops: u64,
    /// In percent.
    #[serde(rename = "published_accuracy")]
    pub(super) accuracy: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
struct Pruning {
    cifar100: Rounds,
    cifar10: Rounds,
}

#[derive(Debug, Clone, Deserialize)]
struct Rounds {
    rows: Vec<Round>,
}

/// ResNet-101 after a round of pruning.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Round {
    pub(super) round: u32,
    #[serde(rename = "published_sparsity")]
    pub(super) sparsity: f64,
    no_1: Option<Pruned>,
    no_11: Option<Pruned>,
    no_13: Option<Pruned>,
}

/// A pruned network.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Pruned {
    pub(super) non_zeroed: u64,
    /// In percent.
    pub(super) accuracy: f64,
}

#[derive(Debug, Clone, Deserialize)]
struct Quantization {
    rows: Vec<Int8>,
}

/// ResNet-101 on CIFAR-100 in 8 bits; accuracies in percent.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Int8 {
    pub(super) no: u32,
    accuracy_fp32: f64,
    accuracy_int8: f64,
    accuracy_fp32_pruned_58_9: f64,
    accuracy_int8_pruned_58_9: f64,
}

/// The round of pruning after which the study quantises once more.
pub(super) const QUANTISED_ROUND: u32 = 4;

/// The networks the study prunes and quantises, of ResNet-101.
pub(super) const PRUNED: [u32; 3] = [1, 11, 13];

/// The tables of accuracies, by family and data set.
pub(super) const TABLES: [(&str, &str, &str); 4] = [
    ("Table I", "ResNet-101", "cifar100"),
    ("Table II", "VGG-19", "cifar10"),
    ("The previous study", "ResNet-101", "cifar10"),
    ("The previous study", "VGG-19", "cifar100"),
];

impl Study {
    pub(super) fn sobolewski_szyc() -> Result<Self, ReportError> {
        serde_json::from_str(include_str!("../../../litecnn-zoo/published/sobolewski-szyc.json"))
            .map_err(ReportError::PublishedStudy)
    }

    /// The variants of a family for a data set, by number.
    pub(super) fn of(&self, family: &str, dataset: &str) -> impl Iterator<Item = &Variant> {
        self.variants.iter().filter(move |v| v.family == family && v.dataset == data_title(dataset))
    }

    /// A network by the tool's name for it. For data sets that the study does not know, nothing.
    pub(super) fn find(&self, network: &str, dataset: &str) -> Option<&Variant> {
        self.variants.iter().find(|v| v.network() == network && v.dataset == data_title(dataset))
    }

    /// Rounds of pruning on a data set: Table III, or that of the previous study.
    pub(super) fn rounds(&self, dataset: &str) -> &[Round] {
        match dataset {
            "cifar100" => &self.pruning.cifar100.rows,
            "cifar10" => &self.pruning.cifar10.rows,
            _ => &[],
        }
    }

    /// Accuracies in percent with floats and in 8 bits, of a network of ResNet-101 as trained or after round 4.
    pub(super) fn int8(&self, no: u32, dataset: &str, round: u32) -> Option<(f64, f64)> {
        let row = self.quantization.rows.iter().find(|row| row.no == no).filter(|_| dataset == "cifar100")?;
        match round {
            0 => Some((row.accuracy_fp32, row.accuracy_int8)),
            QUANTISED_ROUND => Some((row.accuracy_fp32_pruned_58_9, row.accuracy_int8_pruned_58_9)),
            _ => None,
        }
    }
}

impl Variant {
    /// What the tool calls it: `resnet101-ghost-small`.
    pub(super) fn network(&self) -> String {
        format!("{}-{}", self.family.to_lowercase().replace('-', ""), self.name.replace('_', "-"))
    }

    /// `11 ghost-small`.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.no, self.name.replace('_', "-"))
    }
}

impl Round {
    /// Network 1, 11 or 13.
    pub(super) fn of(&self, no: u32) -> Option<Pruned> {
        match no {
            1 => self.no_1,
            11 => self.no_11,
            13 => self.no_13,
            _ => None,
        }
    }
}

/// A data set's name in prose.
pub(super) fn data_title(dataset: &str) -> &str {
    match dataset {
        "cifar10" => "CIFAR-10",
        "cifar100" => "CIFAR-100",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_agree_with_each_other() {
        let study = Study::sobolewski_szyc().unwrap();
        for (_, family, dataset) in TABLES {
            let numbers: Vec<u32> = study.of(family, dataset).map(|v| v.no).collect();
            let last = if family == "VGG-19" { 13 } else { 15 };
            assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "{family} {dataset}");
        }
        let ghost = study.find("resnet101-ghost-small", "cifar100").unwrap();
        assert_eq!((ghost.no, ghost.params, ghost.accuracy), (11, 408_035, Some(65.49)));
        assert!(study.find("resnet101-ghost-small", "mnist").is_none());
        for no in PRUNED {
            let trained = study.of("ResNet-101", "cifar100").find(|v| v.no == no).unwrap();
            let of = |round: u32| study.rounds("cifar100").iter().find(|r| r.round == round).unwrap().of(no).unwrap();
            assert_eq!(trained.accuracy, Some(of(0).accuracy));
            assert_eq!(study.int8(no, "cifar100", 0).unwrap().0, of(0).accuracy);
            assert_eq!(study.int8(no, "cifar100", QUANTISED_ROUND).unwrap().0, of(QUANTISED_ROUND).accuracy);
            assert_eq!(study.int8(no, "cifar10", 0), None);
        }
    }
}

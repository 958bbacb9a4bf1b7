use std::path::Path;

use crate::compression::LEDGER;
use crate::small;

/// The file by which the folder of a study of small models is known; it holds the study's name.
const SMALL: &str = "study.txt";

/// What can be reproduced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Study {
    /// Isong (2025): the dual model, on three data sets.
    #[default]
    Isong,
    /// Sobolewski & Szyc: 28 variants of ResNet-101 and VGG-19, pruned and quantised.
    Compression,
    /// The dual model beside other ways to a small network, on Fashion-MNIST and CIFAR-10.
    Comparison,
    /// Networks searched for within the dual model's number of weights, on its three data sets.
    Compact,
    /// What each part of the dual model's method is worth.
    Ablation,
    /// How accuracy grows with the number of weights.
    Sizes,
}

impl Study {
    /// The file by which a run of the study is known.
    pub(super) fn mark(self) -> &'static str {
        match self {
            // The comparison begins with what the dual model's study makes, and may go on in its folder.
            Self::Isong | Self::Comparison => "run.toml",
            Self::Compression => LEDGER,
            Self::Compact | Self::Ablation | Self::Sizes => SMALL,
        }
    }

    /// Which of the studies of small models it is, if it is one.
    pub(super) fn small(self) -> Option<small::Kind> {
        match self {
            Self::Compact => Some(small::Kind::Compact),
            Self::Ablation => Some(small::Kind::Ablation),
            Self::Sizes => Some(small::Kind::Sizes),
            Self::Isong | Self::Compression | Self::Comparison => None,
        }
    }

    /// That of the run in a folder, if there is one.
    pub(super) fn in_folder(folder: &Path) -> Option<Self> {
        if let Ok(name) = std::fs::read_to_string(folder.join(SMALL)) {
            return <Self as clap::ValueEnum>::from_str(name.trim(), true).ok();
        }
        [Self::Compression, Self::Isong].into_iter().find(|study| folder.join(study.mark()).exists())
    }

    /// Whether a run of another study may go on in its folder.
    pub(super) fn shares_with(self, other: Self) -> bool {
        let pair = |study| matches!(study, Self::Isong | Self::Comparison);
        self == other || pair(self) && pair(other)
    }

    /// The data sets it can be done with.
    pub(super) fn datasets(self) -> &'static [Dataset] {
        match self {
            Self::Isong | Self::Compact | Self::Ablation | Self::Sizes => {
                &[Dataset::Mnist, Dataset::FashionMnist, Dataset::Cifar10]
            }
            Self::Compression => &[Dataset::Cifar10, Dataset::Cifar100],
            Self::Comparison => &[Dataset::FashionMnist, Dataset::Cifar10],
        }
    }
}

impl std::fmt::Display for Study {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Isong => "isong",
            Self::Compression => "compression",
            Self::Comparison => "comparison",
            Self::Compact => "compact",
            Self::Ablation => "ablation",
            Self::Sizes => "sizes",
        })
    }
}

/// The data sets of the studies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Dataset {
    Mnist,
    FashionMnist,
    Cifar10,
    Cifar100,
}

impl Dataset {
    pub(crate) const ALL: [Self; 4] = [Self::Mnist, Self::FashionMnist, Self::Cifar10, Self::Cifar100];

    /// As the tool knows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
        }
    }
}

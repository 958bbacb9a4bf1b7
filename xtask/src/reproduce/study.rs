use crate::compression::LEDGER;

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
}

impl Study {
    /// The file by which a run of the study is known.
    pub(super) fn mark(self) -> &'static str {
        match self {
            // The comparison begins with what the dual model's study makes, and may go on in its folder.
            Self::Isong | Self::Comparison => "run.toml",
            Self::Compression => LEDGER,
        }
    }

    /// Whose runs it cannot share a folder with.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Isong | Self::Comparison => Self::Compression,
            Self::Compression => Self::Isong,
        }
    }

    /// The data sets it can be done with.
    pub(super) fn datasets(self) -> &'static [Dataset] {
        match self {
            Self::Isong => &[Dataset::Mnist, Dataset::FashionMnist, Dataset::Cifar10],
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

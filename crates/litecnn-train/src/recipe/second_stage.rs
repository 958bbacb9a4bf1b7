use serde::{Deserialize, Serialize};

/// What the second stage begins with, and in which order its weights are let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SecondStageSettings {
    /// Whose weights the 1x1 convolutions begin with.
    pub heads: Heads,
    /// Which weights are trained when.
    pub unfreezing: Unfreezing,
}

/// Where the weights of the 1x1 convolutions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heads {
    /// From the branches' dense heads, by surgery (Isong 2025).
    #[default]
    Carried,
    /// They are drawn anew, as a dense head is.
    Fresh,
}

/// An order of unfreezing. The joint dense layers are trained from the beginning in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unfreezing {
    /// Step 2-1 trains the joint layers alone, step 2-2 everything (Isong 2025).
    #[default]
    Progressive,
    /// Everything from the beginning: step 2-1 is left out, and its epochs are added to those of step 2-2.
    OneStep,
    /// After step 2-1 the 1x1 convolutions are let go first, then one convolution after the other, the last of a branch
    /// first (Howard & Ruder 2018), each for an equal part of the epochs of step 2-2.
    TopDown,
    /// After step 2-1 the first convolutions are let go first, the 1x1 convolutions last.
    BottomUp,
}

impl Unfreezing {
    /// Whether a weight of a branch of so many convolutions is still frozen in an epoch of step 2-2, counted from 1.
    pub(crate) fn is_frozen(self, weight: &str, convolutions: usize, epoch: u32, epochs: u32) -> bool {
        let parts = convolutions as u64 + 1;
        let part = (u64::from(epoch.saturating_sub(1)) * parts / u64::from(epochs.max(1))).min(parts - 1);
        // Counted from the images: convolutions, then the head.
        let number = weight.strip_prefix("conv").and_then(|rest| rest.split('.').next()?.parse::<u64>().ok());
        let place = number.map_or(parts - 1, |number| number.saturating_sub(1));
        match self {
            Self::Progressive | Self::OneStep => false,
            Self::TopDown => place < parts - 1 - part,
            Self::BottomUp => place > part,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_let_go_in_order() {
        let weights = ["conv1.weight", "conv1.bias", "conv2.weight", "head.weight", "head.bias"];
        let free = |order: Unfreezing, epoch: u32| -> Vec<&str> {
            weights.into_iter().filter(|weight| !order.is_frozen(weight, 2, epoch, 7)).collect()
        };
        assert_eq!(free(Unfreezing::TopDown, 1), ["head.weight", "head.bias"]);
        assert_eq!(free(Unfreezing::TopDown, 3), ["head.weight", "head.bias"]);
        assert_eq!(free(Unfreezing::TopDown, 4), ["conv2.weight", "head.weight", "head.bias"]);
        assert_eq!(free(Unfreezing::TopDown, 6), weights);
        assert_eq!(free(Unfreezing::BottomUp, 1), ["conv1.weight", "conv1.bias"]);
        assert_eq!(free(Unfreezing::BottomUp, 5), ["conv1.weight", "conv1.bias", "conv2.weight"]);
        assert_eq!(free(Unfreezing::BottomUp, 7), weights);
        for order in [Unfreezing::Progressive, Unfreezing::OneStep] {
            assert_eq!(free(order, 1), weights);
        }
    }
}

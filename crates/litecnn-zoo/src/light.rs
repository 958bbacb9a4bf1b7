use litecnn_model::{BranchSpec, HeadActivation, UnifiedSpec};

use crate::layer::{Concat, Conv, Dropout, Layer, Linear, Pool, Width};
use crate::{Network, Part};

/// The layers of the light model's branch, for counting. Features are flattened channel by channel here, by position
/// in the crate litecnn-model: the weights of its head stand in another order.
impl From<&BranchSpec> for Network {
    fn from(spec: &BranchSpec) -> Self {
        let mut layers = features(spec);
        layers.push(Linear::new(Width::Classes).into());
        Self {
            name: "branch".into(),
            input: spec.input,
            classes: spec.classes,
            kept: None,
            parts: vec![Part::new("branch", layers)],
        }
    }
}

/// The layers of the light model, for counting. See the conversion of a branch.
impl From<&UnifiedSpec> for Network {
    fn from(spec: &UnifiedSpec) -> Self {
        let mut branch = features(&spec.branch);
        branch.push(Linear::new(Width::Classes).into());
        if spec.head_activation == HeadActivation::Relu {
            branch.push(Layer::Relu);
        }
        let joint = vec![
            Linear::new(spec.hidden).into(),
            Layer::Relu,
            Dropout { rate: spec.dropout }.into(),
            Linear::new(Width::Classes).into(),
        ];
        let branches = vec![Concat { branches: vec![branch.clone(), branch] }.into()];
        let parts = vec![Part::new("branches", branches), Part::new("joint", joint)];
        Self { name: "unified".into(), input: spec.branch.input, classes: spec.branch.classes, kept: None, parts }
    }
}

/// Convolutions with pooling, and the flattening.
fn features(spec: &BranchSpec) -> Vec<Layer> {
    let filters = spec.filters.iter();
    let mut layers: Vec<Layer> = filters
        .flat_map(|&out| {
            let conv = Conv::new(3, out).padding(0).bias();
            [conv.into(), Layer::Relu, Layer::MaxPool(Pool::default())]
        })
        .collect();
    layers.push(Layer::Flatten);
    layers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Count;
    use litecnn_model::Summary;

    #[test]
    fn counts_are_those_of_the_light_models_own_summaries() {
        for (channels, side) in [(1, 28), (3, 32)] {
            let branch = BranchSpec::paper(channels, side, side, 10);
            let unified = UnifiedSpec::paper(branch.clone());
            for (network, summary) in [
                (Network::from(&branch), Summary::of_branch(&branch)),
                (Network::from(&unified), Summary::of_unified(&unified, false)),
            ] {
                let count = Count::of(&network.graph().unwrap());
                assert_eq!((count.parameters, count.flops.macs()), (summary.parameters(), summary.macs()));
                assert_eq!(count.flops.total(), count.flops.macs());
            }
        }
    }
}

use super::collect::{Networks, accuracy};
use super::published::{Study, Variant, data_title};
use crate::ReportError;
use crate::figure::{Cloud, Figure, ScatterPanel};

/// Accuracy against parameters and against operations, of one family on one data set.
pub(super) fn costs(study: &Study, networks: &Networks, family: &str, dataset: &str) -> Result<Figure, ReportError> {
    let clouds = |cost: &dyn Fn(&Variant) -> u64| -> Vec<Cloud> {
        let cloud = |variant: &Variant| {
            let ours = networks.get(&(dataset.to_owned(), variant.network()));
            Cloud {
                label: variant.no.to_string(),
                cost: cost(variant) as f64 / 1e6,
                published: variant.accuracy.map(|percent| percent / 100.0),
                ours: ours.and_then(|network| network.floats(0)).map(|seeds| accuracy(seeds).mean),
            }
        };
        study.of(family, dataset).map(cloud).collect()
    };
    let title = format!("{family} on {}", data_title(dataset));
    let panel = |axis, clouds| ScatterPanel { title: &title, axis, theirs: "published", clouds }.panel();
    Ok(Figure {
        name: format!("compression-{}-{dataset}", family.to_lowercase()),
        caption: format!("{title}: test accuracy of each variant, by its number in the study, against what it costs."),
        panels: vec![
            panel("million parameters", clouds(&|variant| variant.params))?,
            panel("million FLOPs of one image", clouds(&|variant| variant.flops))?,
        ],
        columns: 2,
    })
}

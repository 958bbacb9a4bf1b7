//! Classification reports against golden files made by scikit-learn (`golden/sklearn/generate.py`).

use litecnn_report::{ClassificationReport, ConfusionMatrix};
use serde_json::Value;

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    classes: usize,
    class_names: Vec<String>,
    labels: Option<Vec<usize>>,
    digits: usize,
    r#true: Vec<usize>,
    predicted: Vec<usize>,
    confusion: Option<ConfusionMatrix>,
    values: Value,
    text: String,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../golden/sklearn/cases.json")).unwrap()
}

fn report(case: &Case) -> (ConfusionMatrix, ClassificationReport) {
    let pairs = case.r#true.iter().copied().zip(case.predicted.iter().copied());
    let matrix = ConfusionMatrix::from_pairs(case.classes, pairs).unwrap();
    let report = match &case.labels {
        Some(labels) => ClassificationReport::for_labels(&matrix, labels).unwrap(),
        None => ClassificationReport::new(&matrix),
    };
    (matrix, report)
}

#[test]
fn the_text_is_the_same_in_every_character() {
    let cases = cases();
    assert!(cases.len() >= 30);
    for case in &cases {
        let (matrix, report) = report(case);
        let expected = if matrix.correct() == 0 { whole_supports(&case.text) } else { case.text.clone() };
        assert_eq!(report.to_text(&case.class_names, case.digits), expected, "{}", case.name);
        if let Some(expected) = &case.confusion {
            assert_eq!(matrix, *expected, "{}", case.name);
        }
    }
}

/// Where no image at all is right, scikit-learn loses the type of the counts and prints a support of 5 as `5.0`.
fn whole_supports(text: &str) -> String {
    text.lines()
        .map(|line| match line.strip_suffix(".0").and_then(|rest| rest.rsplit_once(' ')) {
            Some((scores, support)) => format!("{scores}   {support}\n"),
            None => format!("{line}\n"),
        })
        .collect()
}

#[test]
fn the_dictionary_is_the_same_to_the_last_bit_and_in_order() {
    for case in &cases() {
        let ours = report(case).1.to_json(&case.class_names);
        assert_eq!(ours, case.values, "{}", case.name);
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&ours), keys(&case.values), "{}", case.name);
        assert_eq!(keys(&ours["weighted avg"]), keys(&case.values["weighted avg"]), "{}", case.name);
    }
}

#[test]
fn json_is_read_back_to_the_bit() {
    for case in &cases() {
        let (_, report) = report(case);
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<ClassificationReport>(&text).unwrap(), report, "{text}");
    }
}

#[test]
fn display_has_two_digits_and_numbers_for_names() {
    let matrix = ConfusionMatrix::from_pairs(2, [(0, 0), (1, 0)]).unwrap();
    let text = ClassificationReport::new(&matrix).to_string();
    assert!(text.contains("           0       0.50      1.00      0.67         1\n"), "{text}");
    assert!(text.contains("    accuracy                           0.50         2\n"), "{text}");
    assert!(ClassificationReport::for_labels(&matrix, &[0, 2]).is_err());
}

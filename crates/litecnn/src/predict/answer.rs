//! Probabilities as a line of text or of JSON.

use serde_json::{Map, Value, json};

/// `path: cat 75.0 %, dog 25.0 %`.
pub(super) fn words(path: &str, names: &[&str], probabilities: &[f32], top: usize) -> String {
    let told = best(probabilities, top).map(|class| format!("{} {:.1} %", names[class], 100.0 * probabilities[class]));
    format!("{path}: {}", told.collect::<Vec<_>>().join(", "))
}

/// `{"path": …, "class": …, "top": [{"class": …, "probability": …}], "probabilities": {…}}`, all classes in the last.
pub(super) fn json(path: &str, names: &[&str], probabilities: &[f32], top: usize) -> String {
    let of_class = |class: usize| json!({"class": names[class], "probability": number(probabilities[class])});
    let by_name = names.iter().zip(probabilities).map(|(name, p)| ((*name).to_owned(), number(*p)));
    json!({
        "path": path,
        "class": best(probabilities, 1).next().map(|class| names[class]),
        "top": best(probabilities, top).map(of_class).collect::<Vec<_>>(),
        "probabilities": by_name.collect::<Map<_, _>>(),
    })
    .to_string()
}

/// What stands in the place of an answer.
pub(super) fn failure(path: &str, error: &str) -> String {
    json!({"path": path, "error": error}).to_string()
}

/// With the fewest digits that give the same 32-bit float back.
fn number(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// The most probable classes, the first of equals first.
fn best(probabilities: &[f32], top: usize) -> impl Iterator<Item = usize> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    order.into_iter().take(top)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_probable_come_first() {
        assert_eq!(words("a.png", &["cat", "dog"], &[0.25, 0.75], 5), "a.png: dog 75.0 %, cat 25.0 %");
        assert_eq!(words("a.png", &["cat", "dog"], &[0.5, 0.5], 1), "a.png: cat 50.0 %");
    }

    #[test]
    fn json_has_all_classes_and_the_top_in_order() {
        assert_eq!(
            json("a\".png", &["cat", "dog", "ox"], &[0.3, 0.6, 0.1], 2),
            r#"{"path":"a\".png","class":"dog","top":[{"class":"dog","probability":0.6},{"class":"cat","probability":0.3}],"probabilities":{"cat":0.3,"dog":0.6,"ox":0.1}}"#
        );
        assert_eq!(failure("-", "no picture"), r#"{"path":"-","error":"no picture"}"#);
    }
}

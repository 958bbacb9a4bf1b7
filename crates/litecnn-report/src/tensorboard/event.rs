//! The messages of an event file, as far as they are used here.
//!
//! Source: `event.proto`, `summary.proto`, `tensor.proto` and `tensor_shape.proto` in `tensorboard/compat/proto` of
//! TensorBoard 2.21.

/// One record of an event file.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5")]
    what: Option<What>,
}

impl Event {
    /// The event every file begins with.
    pub(super) fn head(wall_time: f64) -> Self {
        Self { wall_time, step: 0, what: Some(What::FileVersion("brain.Event:2".to_owned())) }
    }

    /// A point of each of several curves, by their tags.
    pub(super) fn scalars<'a>(wall_time: f64, step: i64, values: impl Iterator<Item = (&'a str, f32)>) -> Self {
        // The older of the two forms: scripts read it as scalars, and TensorBoard turns it into the newer one.
        let value = |(tag, value): (&str, f32)| Value {
            tag: tag.to_owned(),
            metadata: None,
            content: Some(Content::SimpleValue(value)),
        };
        Self { wall_time, step, what: Some(What::Summary(Summary { value: values.map(value).collect() })) }
    }

    /// A text in Markdown.
    pub(super) fn text(wall_time: f64, tag: &str, text: &str) -> Self {
        let string_val = vec![text.as_bytes().to_vec()];
        let value = Value {
            tag: tag.to_owned(),
            metadata: Some(Metadata {
                plugin: Some(Plugin { name: "text".to_owned() }),
                data_class: DATA_CLASS_TENSOR,
            }),
            content: Some(Content::Tensor(Tensor { dtype: DT_STRING, shape: Some(Shape::default()), string_val })),
        };
        Self { wall_time, step: 0, what: Some(What::Summary(Summary { value: vec![value] })) }
    }
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(message, optional, tag = "9")]
    metadata: Option<Metadata>,
    #[prost(oneof = "Content", tags = "2, 8")]
    content: Option<Content>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Content {
    #[prost(float, tag = "2")]
    SimpleValue(f32),
    #[prost(message, tag = "8")]
    Tensor(Tensor),
}

/// Which part of TensorBoard shows a value.
#[derive(Clone, PartialEq, prost::Message)]
struct Metadata {
    #[prost(message, optional, tag = "1")]
    plugin: Option<Plugin>,
    #[prost(int32, tag = "4")]
    data_class: i32,
}

const DATA_CLASS_TENSOR: i32 = 2;

#[derive(Clone, PartialEq, prost::Message)]
struct Plugin {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Tensor {
    #[prost(int32, tag = "1")]
    dtype: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    string_val: Vec<Vec<u8>>,
}

const DT_STRING: i32 = 7;

/// Of a single value: no dimensions.
#[derive(Clone, PartialEq, prost::Message)]
struct Shape {}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    fn hex(event: &Event) -> String {
        event.encode_to_vec().iter().map(|b| format!("{b:02x}")).collect()
    }

    // The bytes expected are those of `SerializeToString` of the same events in TensorBoard 2.21.

    #[test]
    fn the_head_of_a_file() {
        assert_eq!(hex(&Event::head(1_736_928_000.0)), "09000000c0dae1d9411a0d627261696e2e4576656e743a32");
    }

    #[test]
    fn scalars_and_a_zero_is_written_too() {
        let values = [("accuracy", 0.0), ("loss", 1.5)];
        let expected = "090000e0c0dae1d94110072a1e0a0f0a08616363757261637915000000000a0b0a046c6f7373150000c03f";
        assert_eq!(hex(&Event::scalars(1_736_928_003.5, 7, values.into_iter())), expected);
    }

    #[test]
    fn a_text() {
        let expected = "090000e0c0dae1d9412a230a210a06726563697065420b08071200420561203d20314a0a0a060a04746578742002";
        assert_eq!(hex(&Event::text(1_736_928_003.5, "recipe", "a = 1")), expected);
    }
}

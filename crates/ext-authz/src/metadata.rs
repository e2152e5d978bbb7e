use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value};
use introspectd_core::{Json, Members};

/// A JSON object as protobuf has it, where all numbers are doubles.
pub(crate) fn of_object(object: Members) -> Struct {
    Struct {
        fields: object
            .into_iter()
            .map(|(name, json)| (name, value(json)))
            .collect(),
    }
}

fn value(json: Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(flag) => Kind::BoolValue(flag),
        Json::Number(digits) => Kind::NumberValue(double(&digits)),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(items) => Kind::ListValue(ListValue {
            values: items.into_iter().map(value).collect(),
        }),
        Json::Object(object) => Kind::StructValue(of_object(object)),
    };
    Value { kind: Some(kind) }
}

/// The nearest finite double: protobuf's JSON knows no others.
fn double(digits: &str) -> f64 {
    digits.parse().unwrap_or(0.0_f64).clamp(f64::MIN, f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::double;

    #[test]
    fn a_number_becomes_the_nearest_finite_double() {
        for (digits, expected) in [
            ("1", 1.0),
            ("-2.5E1", -25.0),
            ("1e400", f64::MAX),
            ("-1e400", f64::MIN),
        ] {
            assert_eq!(double(digits), expected, "{digits}");
        }
        assert_eq!(
            double("123456789012345678901234567890"),
            123_456_789_012_345_678_901_234_567_890.0
        );
    }
}

use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value};
use serde_json::Value as Json;

/// A JSON object as protobuf has it, where all numbers are doubles.
pub(crate) fn read(json: &[u8]) -> Option<Struct> {
    let object: serde_json::Map<String, Json> = serde_json::from_slice(json).ok()?;
    Some(of_object(object))
}

fn of_object(object: serde_json::Map<String, Json>) -> Struct {
    Struct { fields: object.into_iter().map(|(name, json)| (name, value(json))).collect() }
}

fn value(json: Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(flag) => Kind::BoolValue(flag),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(items) => Kind::ListValue(ListValue { values: items.into_iter().map(value).collect() }),
        Json::Object(object) => Kind::StructValue(of_object(object)),
    };
    Value { kind: Some(kind) }
}

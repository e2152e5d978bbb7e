use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Option<Json> {
    Json::read(serde_json::from_str(text).unwrap())
}

#[test]
fn numbers_keep_their_digits() {
    for text in [
        "123456789012345678901234567890",
        "0.1234567890123456789012",
        "1E400",
        "-0.0",
        "1e-7",
    ] {
        assert_eq!(read(text), Some(Json::Number(text.into())));
    }
}

#[test]
fn lone_surrogates_are_rejected() {
    for text in [r#""\ud800""#, r#"["a",{"b":"\udc00x"}]"#, r#""\ud83d""#] {
        assert_eq!(read(text), None, "{text}");
    }
    assert_eq!(
        read(r#""\ud83d\ude00""#),
        Some(Json::String("\u{1f600}".to_owned()))
    );
    assert_eq!(
        read(r#"{"\ud800":1,"a":2}"#),
        Some(serde_json::json!({"a": 2}).into())
    );
}

#[test]
fn nesting_depth_is_limited() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&nested(MAX_DEPTH - 1)).is_some());
    assert_eq!(read(&nested(MAX_DEPTH)), None);
    assert_eq!(read(&nested(100_000)), None);
}

#[test]
fn seconds_are_rounded_down_in_every_spelling() {
    for (text, seconds) in [
        ("1795979000", Some(1_795_979_000)),
        ("1795979000.0", Some(1_795_979_000)),
        ("1.795979E9", Some(1_795_979_000)),
        ("1.795979e+9", Some(1_795_979_000)),
        ("17959790009e-1", Some(1_795_979_000)),
        ("1795979000.999999999999999999999", Some(1_795_979_000)),
        ("0.000000001795979e18", Some(1_795_979_000)),
        ("-1", Some(-1)),
        ("-0.5", Some(-1)),
        ("-1.0", Some(-1)),
        ("-1.1e1", Some(-11)),
        ("0.9", Some(0)),
        ("-0.0", Some(0)),
        ("0e2147483647", Some(0)),
        ("1e-2147483648", Some(0)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("1e19", None),
        ("1e400", None),
        ("1e99999999999", None),
        ("\"1\"", None),
        ("null", None),
        ("true", None),
        ("[1]", None),
        ("{}", None),
    ] {
        assert_eq!(whole_seconds(text), seconds, "{text}");
    }
}

/// Returns true if both readers found the same, numbers beyond 64 bits and repeated names aside.
fn is_same(ours: &Json, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Json::Number(digits), Value::Number(number)) => {
            number.is_f64() || **digits == number.to_string()
        }
        (Json::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| is_same(a, b))
        }
        (Json::Object(ours), Value::Object(theirs)) => {
            let is_read = |(name, value)| theirs.get(name).is_some_and(|it| is_same(value, it));
            ours.iter().count() == theirs.len() && ours.iter().all(is_read)
        }
        (ours, theirs) => *ours == theirs.clone().into(),
    }
}

#[test]
fn any_value_is_read_as_others_read_it_or_refused() {
    let seeds: [&[u8]; 3] = [
        br#"{"a":[1,-2.5e3,"x\ud83d\ude00"],"b":{"c":null,"d":true}}"#,
        b"1795979000.5e-3",
        br#"[["\ud800"],{"\ud800":1}]"#,
    ];
    introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
        let Ok(raw) = serde_json::from_slice::<&RawValue>(bytes) else {
            return;
        };
        let _ = whole_seconds(raw.get());
        if let (Some(ours), Ok(theirs)) = (Json::read(raw), serde_json::from_slice(bytes)) {
            assert!(is_same(&ours, &theirs), "{ours:?} {theirs}");
        }
    });
}

proptest! {
    #[test]
    fn every_spelling_of_an_integer_reads_the_same(number: i32, zeros in 0_usize..5) {
        let tail = "0".repeat(zeros);
        let fraction = format!("{number}.{tail}0");
        let power = format!("{number}{tail}e-{zeros}");
        for text in [number.to_string(), fraction, power] {
            prop_assert_eq!(whole_seconds(&text), Some(i64::from(number)), "{}", text);
        }
    }

    #[test]
    fn fractions_are_rounded_down(number in -1e15_f64..1e15) {
        let floor = format!("{:.0}", number.floor()).parse().unwrap();
        prop_assert_eq!(whole_seconds(&format!("{number}")), Some(floor));
    }

    #[test]
    fn whole_seconds_never_panics(text in "-?[0-9.eE+-]{0,40}|.{0,40}") {
        let _ = whole_seconds(&text);
    }
}

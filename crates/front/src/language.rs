use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

/// Language of `error_description`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Spanish,
}

impl Language {
    /// Reads RFC 9110 section 12.5.4: Spanish if it is preferred, else English.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let (mut english, mut spanish) = (None, None);
        let ranges = headers
            .get_all(ACCEPT_LANGUAGE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        for (place, range) in ranges.flat_map(|value| value.split(',')).enumerate() {
            let (tag, quality) = weighed(range);
            let primary = tag.split('-').next().unwrap_or_default();
            let slot = if primary.eq_ignore_ascii_case("es") {
                &mut spanish
            } else if primary.eq_ignore_ascii_case("en") {
                &mut english
            } else {
                continue;
            };
            // Of two languages with the same weight, the one named first.
            let rank = (quality, usize::MAX - place);
            if quality > 0 && slot.is_none_or(|best| rank > best) {
                *slot = Some(rank);
            }
        }
        if spanish > english {
            Self::Spanish
        } else {
            Self::English
        }
    }

    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }
}

/// Splits a range into its tag and its quality in thousandths.
fn weighed(range: &str) -> (&str, u16) {
    let mut parts = range.split(';').map(str::trim);
    let tag = parts.next().unwrap_or_default();
    let quality =
        parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let thousandths = match quality.map(str::parse::<f32>) {
        None => 1000,
        Some(Ok(quality)) if (0.0..=1.0).contains(&quality) => thousandths(quality),
        Some(Ok(_) | Err(_)) => 0,
    };
    (tag, thousandths)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the caller has checked that it is from 0 to 1"
)]
fn thousandths(quality: f32) -> u16 {
    (quality * 1000.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn spanish_where_it_is_preferred() {
        let of = |value: &str| {
            Language::of(
                &[(ACCEPT_LANGUAGE, HeaderValue::try_from(value).unwrap())]
                    .into_iter()
                    .collect(),
            )
        };
        for spanish in [
            "es",
            "es-CO",
            "ES-419,en;q=0.5",
            "es,en",
            "fr, es;q=0.2",
            "en;q=0.3, es;q=0.4",
            "en;q=0,es",
        ] {
            assert_eq!(of(spanish), Language::Spanish, "{spanish}");
        }
        for english in [
            "",
            "en",
            "en,es",
            "*",
            "fr",
            "es;q=0",
            "es;q=0.1,en;q=0.2",
            "est",
            "es;q=x",
            "es;q=2",
        ] {
            assert_eq!(of(english), Language::English, "{english}");
        }
        assert_eq!(Language::of(&HeaderMap::new()), Language::English);
    }
}

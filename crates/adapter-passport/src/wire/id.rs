use introspectd_core::text::is_uuid;
use introspectd_core::{TokenId, TokenValue};
use percent_encoding::percent_decode_str;

/// Returns true for a UUID in any readable spelling: any case, with or without hyphens, braces,
/// quotes, spaces or `urn:uuid:`, percent-encoded or not.
///
/// The vendor shows ids with hyphens, and tokens of 64 hexadecimal digits. A reader of an id can
/// respell it, so none of the spellings is a token.
pub(crate) fn spells_an_id(token: &TokenValue) -> bool {
    let text = percent_decode_str(token.expose())
        .decode_utf8_lossy()
        .to_ascii_lowercase();
    let text = text.trim();
    let text = text.strip_prefix("urn:").unwrap_or(text);
    let text = text.strip_prefix("uuid:").unwrap_or(text);
    let digits = text.chars().filter(|letter| letter.is_alphanumeric());
    let count = digits.clone().take(ID_DIGITS + 1).count();
    count == ID_DIGITS && digits.into_iter().all(|digit| digit.is_ascii_hexdigit())
}

/// Hexadecimal digits of a UUID.
const ID_DIGITS: usize = 32;

/// Returns true for the form of Passport's ids, a hyphenated UUID in any case.
pub(crate) fn is_id(id: &TokenId) -> bool {
    is_uuid(id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "249a0a2e-028a-4e15-a841-de9fd4e4cd84";

    fn id(text: &str) -> TokenId {
        TokenId::parse(text.to_owned()).unwrap()
    }

    #[test]
    fn ids_are_uuids() {
        assert!(is_id(&id(ID)) && is_id(&id(&ID.to_uppercase())));
        let hex = "17d5cc1a5b0c4f0e9b6d1e3f7a2c8d4417d5cc1a5b0c4f0e9b6d1e3f7a2c6213";
        for other in [
            hex,
            "",
            "49a0a2e-028a-4e15-a841-de9fd4e4cd84",
            &format!("{ID}-"),
            &ID.replace('-', ""),
            &ID.replace('a', "g"),
        ] {
            assert!(
                !TokenId::parse(other.to_owned()).is_ok_and(|other| is_id(&other)),
                "{other}"
            );
        }
    }

    #[test]
    fn every_spelling_of_an_id_is_recognized() {
        let spells = |text: &str| spells_an_id(&TokenValue::parse(text.to_owned()).unwrap());
        let bare = ID.replace('-', "");
        for text in [
            ID,
            &ID.to_uppercase(),
            "249A0a2e-028a-4E15-a841-de9fd4e4cd84",
            &bare,
            &bare.to_uppercase(),
            &format!("{{{ID}}}"),
            &format!("urn:uuid:{ID}"),
            &format!("URN:UUID:{}", ID.to_uppercase()),
            &format!(" {ID}\n"),
            &format!("\"{ID}\""),
            &ID.replace('-', "_"),
            &ID.replace('-', "%2D"),
            &format!("%7B{ID}%7D"),
            &format!("%32{}", ID.get(1..).unwrap()),
        ] {
            assert!(spells(text), "{text}");
        }
        let token = "17d5cc1a5b0c4f0e9b6d1e3f7a2c8d4417d5cc1a5b0c4f0e9b6d1e3f7a2c6213";
        for text in [
            token,
            "t",
            &bare.replace('a', "g"),
            bare.get(1..).unwrap(),
            &format!("{bare}0"),
            &format!("a.{bare}.b"),
        ] {
            assert!(!spells(text), "{text}");
        }
    }
}

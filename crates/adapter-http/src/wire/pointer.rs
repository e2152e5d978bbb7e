use std::fmt;

/// JSON pointer (RFC 6901) to something within an object.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    text: Box<str>,
    first: String,
    rest: Vec<String>,
}

/// Reason why a text is no pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidPointer {
    /// Pointer to the whole answer.
    #[error("is empty, which means the whole answer")]
    Whole,
    /// Text that does not begin with `/`.
    #[error("is no JSON pointer, which begins with `/`")]
    Start,
    /// `~` before anything but `0` and `1`.
    #[error("is no JSON pointer: `~` is written `~0` there, and `/` within a name `~1`")]
    Escape,
}

/// Remedy for each of these.
pub(crate) const REMEDY: &str =
    "Write the path of a member, such as \"/app/client_id\" (RFC 6901).";

impl Pointer {
    /// Reads a pointer.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidPointer> {
        if text.is_empty() {
            return Err(InvalidPointer::Whole);
        }
        let mut names = text
            .strip_prefix('/')
            .ok_or(InvalidPointer::Start)?
            .split('/')
            .map(unescaped);
        let first = names.next().ok_or(InvalidPointer::Start)??;
        let rest = names.collect::<Result<_, _>>()?;
        Ok(Self {
            text: text.into(),
            first,
            rest,
        })
    }

    /// Returns the pointer as written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the name of a member of the whole object.
    pub(crate) fn first(&self) -> &str {
        &self.first
    }

    /// Returns the names below that, from the outside in.
    pub(crate) fn rest(&self) -> &[String] {
        &self.rest
    }

    /// Returns the innermost name.
    pub(crate) fn last(&self) -> &str {
        self.rest.last().unwrap_or(&self.first)
    }

    /// Returns the names that lead from here to `inner`, if it is the same place or one within.
    pub(crate) fn names_to<'a>(&self, inner: &'a Self) -> Option<&'a [String]> {
        if self.first != inner.first {
            return None;
        }
        inner.rest.strip_prefix(self.rest.as_slice())
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn unescaped(name: &str) -> Result<String, InvalidPointer> {
    let mut plain = String::with_capacity(name.len());
    let mut parts = name.split('~');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (escaped, rest) = if let Some(rest) = part.strip_prefix('0') {
            ('~', rest)
        } else if let Some(rest) = part.strip_prefix('1') {
            ('/', rest)
        } else {
            return Err(InvalidPointer::Escape);
        };
        plain.push(escaped);
        plain.push_str(rest);
    }
    Ok(plain)
}

/// Place in an array; `None` for a name that is none (RFC 6901 section 4).
pub(crate) fn place(name: &str) -> Option<usize> {
    let is_plain = name == "0" || !name.starts_with('0');
    (is_plain && name.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| name.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(text: &str) -> Vec<String> {
        let pointer = Pointer::parse(text).unwrap();
        [&[pointer.first().to_owned()], pointer.rest()].concat()
    }

    #[test]
    fn names_are_those_of_rfc_6901() {
        assert_eq!(names("/foo"), ["foo"]);
        assert_eq!(names("/foo/0"), ["foo", "0"]);
        assert_eq!(names("/"), [""]);
        assert_eq!(names("//"), ["", ""]);
        assert_eq!(names("/a~1b"), ["a/b"]);
        assert_eq!(names("/m~0n"), ["m~n"]);
        assert_eq!(names("/~01"), ["~1"]);
        assert_eq!(names("/c%d/ é/\"\\"), ["c%d", " é", "\"\\"]);
        for (text, reason) in [
            ("", InvalidPointer::Whole),
            ("foo", InvalidPointer::Start),
            ("#/foo", InvalidPointer::Start),
            ("$.foo", InvalidPointer::Start),
            ("/a~", InvalidPointer::Escape),
            ("/a~2", InvalidPointer::Escape),
            ("/a/~~0", InvalidPointer::Escape),
        ] {
            assert_eq!(Pointer::parse(text).err(), Some(reason), "{text}");
        }
    }

    #[test]
    fn place_is_a_number_without_leading_zeros() {
        assert_eq!(place("0"), Some(0));
        assert_eq!(place("17"), Some(17));
        for none in [
            "",
            "-",
            "-1",
            "01",
            "00",
            "1.0",
            "1e1",
            "+1",
            "99999999999999999999",
        ] {
            assert_eq!(place(none), None, "{none}");
        }
    }

    #[test]
    fn place_within_another_is_found_by_whole_names() {
        let pointer = |text| Pointer::parse(text).unwrap();
        let below = |outer, inner| {
            let inner = pointer(inner);
            pointer(outer).names_to(&inner).map(<[String]>::to_vec)
        };
        assert_eq!(below("/a", "/a"), Some(vec![]));
        assert_eq!(
            below("/a", "/a/b/c"),
            Some(vec!["b".to_owned(), "c".to_owned()])
        );
        assert_eq!(below("/a/b", "/a"), None);
        assert_eq!(below("/a", "/ab"), None);
        assert_eq!(below("/a/b", "/a/bc"), None);
    }

    proptest! {
        /// Agrees with serde_json, where both know a pointer.
        #[test]
        fn any_names_are_written_and_read_again(
            wanted in prop::collection::vec("[a~/0-9é]{0,5}", 1..5),
        ) {
            let escaped: String = wanted
                .iter()
                .map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1")))
                .collect();
            prop_assert_eq!(names(&escaped), wanted);
        }

        #[test]
        fn any_text_is_a_pointer_or_refused(text in "\\PC{0,20}|[/~01a]{0,12}") {
            let begins = text.starts_with('/');
            prop_assert!(begins || Pointer::parse(&text).is_err());
        }
    }
}
